"""Every engine against the arithmetic that it stands for, with everything that can come in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import pytest
import torch
from torch import nn

from f5lite import machine
from f5lite.errors import F5liteError
from f5lite.evidence import shelf
from f5lite.model.acoustic import DiT
from f5lite.model.config import DiTConfig
from f5lite.shrink.int8 import engines, products
from f5lite.shrink.int8.engines import ENGINES, engine
from f5lite.shrink.int8.layers import Int8Linear, apply, set_engine
from f5lite.shrink.int8.lean import LeanAttention, LeanBlock, make_lean
from f5lite.shrink.int8.quantise import quantise_rows, quantise_tokens, relative_error
from tests.parity import environment

HERE = [name for name, each in ENGINES.items() if each.problem() is None]
SIZES = [(1, 16, 16), (5, 17, 33), (2, 64, 48), (31, 128, 7), (16, 96, 256)]


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


PRODUCTS = (products.TORCH, *products.RISKY.values(), products.BITSANDBYTES)


@pytest.mark.parametrize("product", PRODUCTS, ids=lambda product: product.name)
def test_an_int8_product_is_exact_at_full_range_or_refused(product: products.Product) -> None:
    """Pairs of int8 products added in 16 bits would saturate: 127 * 127 * 2 > 32767."""
    if product.problem() is not None and "not exact" not in product.problem():
        return  # it isn't here at all, and says so
    top = torch.full((32, 256), product.zero + product.largest).to(product.dtype)
    worst = torch.full((48, 256), 127, dtype=torch.int8)
    sums = product.sums(top, worst)
    exact = bool((sums == product.largest * 127 * 256).all())
    assert exact or product.problem() is not None
    if product is products.ONEDNN_7_BITS:
        assert exact, "7 bits and 8 bits fit into 16, whatever the processor"


@pytest.mark.parametrize(
    "product", [each for each in PRODUCTS if each.into], ids=lambda product: product.name
)
def test_sums_written_where_they_are_told_to_are_the_same(product: products.Product) -> None:
    if product.problem() is not None:
        return  # it isn't here, and says so
    space = products.Space()
    for values, weight in products.worst_cases(product):
        wanted, found = product.sums(values, weight), product.of(weight, space)(values)
        assert torch.equal(found, wanted) and found.data_ptr() == space.held.data_ptr()
        assert torch.equal(product.of(weight)(values), wanted)
    assert space.held.numel() == max(len(v) * len(w) for v, w in products.worst_cases(product))


def test_onednn_takes_as_many_bits_as_are_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = [each for each in (products.ONEDNN_FULL, products.ONEDNN_UNSIGNED) if each.problem() is None]
    assert ENGINES["onednn"].product in (exact if len(exact) == 2 else [*exact, products.ONEDNN_7_BITS])
    saturating = products.Product("saturates", lambda a, w: products.int_mm(a, w).clamp(-32768, 32767))
    assert "saturate" in saturating.problem()
    monkeypatch.setattr(products, "ONEDNN_FULL", saturating)
    monkeypatch.setattr(products, "ONEDNN_UNSIGNED", saturating)
    assert products.onednn.__wrapped__() is products.ONEDNN_7_BITS
    monkeypatch.setattr(products, "ONEDNN_UNSIGNED", products.TORCH)
    assert products.onednn.__wrapped__() is products.TORCH, "the one that is exact"


def test_onednn_is_no_plain_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without AMX the kernel for signed tokens can be one: exact, and a thousand times slower than the other."""

    def slow(values: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        time.sleep(0.02)
        return products.int_mm(values, weight)

    quick, loop = products.Product("quick", products.int_mm), products.Product("loop", slow)
    for signed, other, wanted in ((loop, quick, quick), (quick, loop, quick), (quick, products.TORCH, quick)):
        monkeypatch.setattr(products, "ONEDNN_FULL", signed)
        monkeypatch.setattr(products, "ONEDNN_UNSIGNED", other)
        assert products.onednn.__wrapped__() is wanted
    saturating = products.Product("saturates", lambda a, w: products.int_mm(a, w).clamp(-32768, 32767))
    monkeypatch.setattr(products, "ONEDNN_FULL", loop)
    monkeypatch.setattr(products, "ONEDNN_UNSIGNED", saturating)
    assert products.onednn.__wrapped__() is products.ONEDNN_7_BITS, "the only quick one that is exact"


def test_a_plain_loop_is_found_out_on_a_small_piece() -> None:
    sizes: list[int] = []

    def of_speed(name: str, seconds: float) -> products.Product:
        def sums(values: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
            sizes.append(len(weight))
            time.sleep(seconds)
            return values

        return products.Product(name, sums)

    loop, quick, quicker = of_speed("loop", 0.09), of_speed("quick", 0.004), of_speed("quicker", 0.001)
    assert products.faster([loop, quick], 64, 512) is quick and set(sizes) == {256}
    assert products.faster([quick, quicker], 64, 512) is quicker and set(sizes) == {256, 512}
    assert products.faster([quicker], 64, 128) is quicker


IN_SIGHT = """
import torch
from f5lite.shrink.attention.timing import interleaved
from f5lite.shrink.int8 import products

torch.set_num_threads(1)  # two that wait for each other are far slower beside other work
product, x, weight = products.onednn(), torch.randn(64, 512), torch.ones(512, 512, dtype=torch.int8)
wide, values, run = weight.float(), torch.ones(64, 512, dtype=product.dtype), product.of(weight)
taken = interleaved({"int8": lambda: run(values), "fp32": lambda: x @ wide.t()}, 9)
print(product.problem() is None, min(taken["int8"]) / min(taken["fp32"]))
"""


@pytest.mark.measures
@pytest.mark.parametrize(
    "level", shelf.levels(machine.card().instruction_sets) or [None], ids=lambda level: level and level.name
)
def test_onednn_keeps_float32_in_sight(level: shelf.Level | None) -> None:
    """The kernel that is taken, on a small layer, packed beforehand: exact, and at most eight times float32's time. On all
    processors that this one can play."""
    played = {**os.environ, **(level.environment if level else {})}
    done = subprocess.run([sys.executable, "-c", IN_SIGHT], env=played, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    exact, ratio = done.stdout.split()
    assert exact == "True" and float(ratio) < 8


def test_a_product_that_is_not_there_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(values: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("could not create a primitive")

    assert "could not create a primitive" in products.Product("none", missing).problem()
    monkeypatch.setattr(products.importlib.util, "find_spec", lambda name: None)
    assert "pip install bitsandbytes" in products._problem.__wrapped__(products.BITSANDBYTES)


def test_bitsandbytes_is_imported_only_when_used() -> None:
    code = (
        "import sys; from f5lite.shrink.int8.engines import engine; engine('auto'); engine('onednn'); "
        "sys.exit('bitsandbytes' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("name", HERE)
@pytest.mark.parametrize("tokens,width,rows", SIZES)
@pytest.mark.parametrize("biased", [True, False])
def test_an_engine_is_as_near_as_its_bits_allow(
    name: str, tokens: int, width: int, rows: int, biased: bool
) -> None:
    x, w = random(2, tokens, width), random(rows, width, seed=1)
    bias = random(rows, seed=2) if biased else None
    found = ENGINES[name].linear(x, *quantise_rows(w), bias)
    wanted = nn.functional.linear(x, w, bias)
    assert found.shape == wanted.shape and found.dtype == torch.float32
    assert relative_error(wanted, found) < 0.025


@pytest.mark.parametrize("name", [name for name in HERE if isinstance(ENGINES[name], engines.Integer)])
def test_an_integer_engine_is_exactly_its_formula(name: str) -> None:
    x, w, bias = random(40, 96), random(64, 96, seed=1), random(64, seed=2)
    values, scale = quantise_rows(w)
    product = ENGINES[name].product
    integers, tokens = quantise_tokens(x, product.largest)
    assert int(integers.min()) == -product.largest - 1 and int(integers.max()) == product.largest
    size, offset = tokens.split(1, -1)
    wanted = ((integers.long() + offset.long()) @ values.long().t()).float() * size * scale + bias
    torch.testing.assert_close(ENGINES[name].linear(x, values, scale, bias), wanted, rtol=1e-6, atol=1e-6)


def test_the_reference_dequantises_in_pieces_and_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    x, w, bias = random(9, 40), random(50, 40, seed=1), random(50, seed=2)
    values, scale = quantise_rows(w)
    whole = ENGINES["reference"].linear(x, values, scale, bias)
    monkeypatch.setattr(engines, "PIECE", 40 * 7)
    torch.testing.assert_close(
        ENGINES["reference"].linear(x, values, scale, bias), whole, rtol=1e-6, atol=1e-6
    )


def test_unknown_and_unusable_engines_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(F5liteError, match="no engine 'gpu'"):
        engine("gpu")
    monkeypatch.setattr(products.Product, "problem", lambda self: "sums saturate")
    with pytest.raises(F5liteError, match="sums saturate.*reference"):
        engine("torch")
    with pytest.raises(F5liteError, match="doesn't run on meta"):
        engine("reference", "meta")


def small_dit(**more: object) -> DiT:
    config = DiTConfig(
        dim=32, depth=2, heads=2, dim_head=16, text_dim=16, text_num_embeds=9, conv_layers=0, **more
    )
    torch.manual_seed(0)
    dit = DiT(config).eval()
    for name, parameter in dit.named_parameters():
        nn.init.normal_(parameter, 1.0 if "_norm.weight" in name else 0.0, 0.2)
    return dit


@pytest.mark.parametrize(
    "more", [{}, {"qk_norm": "rms_norm"}, {"pe_attn_head": 1}, {"long_skip_connection": True}]
)
@pytest.mark.parametrize("masked", [False, True])
def test_lean_blocks_compute_the_same_and_leave_their_input_alone(more: dict, masked: bool) -> None:
    dit = small_dit(attn_mask_enabled=masked, **more)
    x, time = random(2, 21, 32), torch.tensor(0.3)
    mask = torch.arange(21)[None] < torch.tensor([21, 15])[:, None] if masked else None
    kept = x.clone()
    with torch.inference_mode():
        wanted = dit.flow(x, time, mask)
        for block in dit.transformer_blocks:
            make_lean(block)
        found = dit.flow(x, time, mask)
    assert isinstance(dit.transformer_blocks[0], LeanBlock)
    assert torch.equal(x, kept)
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)


def test_any_model_can_be_quantised_by_a_predicate() -> None:
    dit = small_dit()
    x, time = random(2, 21, 32), torch.tensor(0.3)
    with torch.inference_mode():
        wanted = dit.flow(x, time)
        apply(
            dit,
            engine("reference"),
            lambda name, layer: "transformer_blocks" in name and "attn_norm" not in name,
        )
        assert isinstance(dit.transformer_blocks[1].attn, LeanAttention)
        assert isinstance(dit.proj_out, nn.Linear)
        assert relative_error(wanted, dit.flow(x, time)) < 0.03
    assert set_engine(dit, ENGINES["torch"]) == 2 * 4
    assert set_engine(dit, ENGINES["reference"], lambda name: name.startswith("transformer_blocks.0.")) == 4


def test_a_foreign_model_with_a_layer_at_its_root() -> None:
    model = nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 4, bias=False))
    x = random(3, 16)
    wanted = model(x)
    apply(model, engine("reference"), lambda name, layer: layer.out_features == 4)
    assert isinstance(model[0], nn.Linear) and isinstance(model[2], Int8Linear)
    assert relative_error(wanted, model(x)) < 0.02


@pytest.mark.parity
def test_upstreams_own_model_takes_every_engine() -> None:
    if not environment.ready():
        message = f"upstream's package isn't in {environment.folder()}; run: {environment.COMMAND}"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    done = subprocess.run(
        [sys.executable, "-m", "tests.shrink.int8.upstream_in_int8"],
        env=environment.variables(),
        cwd=environment.ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["layers"] == 2 * 6, "q, k, v, out and the feed-forward's two, in each block"
    assert set(found["errors"]) == set(HERE)
    assert all(0 < error < 0.08 for error in found["errors"].values()), found
