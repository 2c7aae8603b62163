"""Racing, alternating and profiling, on calls that are known; and a pass in every precision that says nearly the same."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import torch
from torch.nn.functional import linear

from f5lite.evidence import int8_speed
from f5lite.evidence.int8_speed import Pass, kind_of, profile, race
from f5lite.model import library
from f5lite.shrink.int8.convert import convert
from f5lite.shrink.int8.engines import ENGINES
from f5lite.shrink.int8.quantise import relative_error
from tests.shrink.int8.models import small_model


def waits(seconds: float, answer: float = 1.0):
    def call() -> torch.Tensor:
        time.sleep(seconds)
        return torch.tensor([1.0, answer])

    return call


def test_a_race_ranks_measures_errors_and_drops_the_hopeless() -> None:
    ticks = []
    calls = {"fp32": waits(0.01), "slow": waits(0.02, 1.1), "hopeless": waits(0.2), "fast": waits(0.002)}
    laps = {lap.name: lap for lap in race(calls, 5, lambda: ticks.append(1))}
    assert laps["fast"].milliseconds < laps["fp32"].milliseconds < laps["slow"].milliseconds
    assert laps["hopeless"].hopeless and len(laps["hopeless"].seconds) == 1
    assert all(len(laps[name].seconds) == 5 for name in ("fp32", "slow", "fast"))
    assert laps["fp32"].error == 0 and laps["slow"].error == pytest.approx(0.1 / 2**0.5, rel=1e-4)
    assert len(ticks) == len(calls) + 5


def test_turns_alternate_after_a_warm_up_and_tell_their_costs() -> None:
    order = []
    calls = {name: lambda name=name: order.append(name) for name in ("a", "b")}
    found = int8_speed.alternate(calls, 3)
    assert order == ["a", "b"] * 4 and [len(turns) for turns in found.values()] == [3, 3]
    busy, _ = int8_speed.turn(lambda: sum(range(2_000_000)))
    idle, _ = int8_speed.turn(lambda: time.sleep(0.05))
    assert idle.seconds >= 0.05 and idle.cpu_seconds < 0.04 and busy.cpu_seconds > 0


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        ("aten::addmm", "products"),
        ("aten::_int_mm", "products"),
        ("onednn::qlinear_pointwise", "products"),
        ("onednn::qlinear_prepack", "packing"),
        ("bitsandbytes::int8_linear_matmul", "products"),
        ("aten::_scaled_dot_product_flash_attention_for_cpu", "attention"),
        ("aten::copy_", "copies and conversions"),
        ("aten::amax", "quantising"),
        ("aten::gelu_", int8_speed.REST),
        ("aten::add_", int8_speed.REST),
        ("aten::native_layer_norm", int8_speed.REST),
    ],
)
def test_operations_are_sorted_by_kind(operation: str, kind: str) -> None:
    assert kind_of(operation) == kind


def test_the_profile_finds_where_the_time_goes(capfd) -> None:
    x, w = torch.randn(256, 512), torch.randint(-127, 128, (2048, 512), dtype=torch.int8)
    plain = profile(lambda: x @ torch.ones(512, 64))
    naive = profile(lambda: linear(x[:1], w.float() * torch.ones(2048, 1)))
    within = {kind: spent for kind, spent in plain.items() if kind != int8_speed.OUTSIDE}
    assert max(within, key=within.get) in ("products", "copies and conversions")
    assert naive["copies and conversions"] + naive[int8_speed.REST] > naive["products"]
    beside = profile(lambda: (x @ x.t(), time.sleep(0.05)))
    assert beside[int8_speed.OUTSIDE] > 50, "what torch doesn't do itself is the call's own time"
    assert beside["products"] < beside[int8_speed.OUTSIDE]
    assert capfd.readouterr().err == "", "the profiler talks on standard error"


class Naive:
    name = "naive"

    def linear(self, x, weight, scale, bias):
        return linear(x, weight.float() * scale[:, None], bias)


def test_a_pass_says_the_same_in_every_engine_and_only_products_differ(tmp_path: Path) -> None:
    source = small_model(tmp_path / "source")
    convert(library.find(source), tmp_path / "int8")
    whole = Pass(source, 24)
    wanted = whole()
    for how in (Naive(), *(name for name, each in ENGINES.items() if each.problem() is None)):
        one = Pass(tmp_path / "int8", 24, how)
        assert relative_error(wanted, one()) < 0.05
        assert [type(block) for block in one.dit.transformer_blocks] == [
            type(block) for block in whole.dit.transformer_blocks
        ]
    assert whole.dit.time_embed is None, "AdaLN is a table in fp32 too"
