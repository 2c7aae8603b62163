"""f5lite's own attention kernels: exact to their rounding, with any length and mask; there only where their instructions are."""

from __future__ import annotations

import dataclasses
import itertools
import math
import subprocess
import sys

import pytest
import torch

from f5lite import machine
from f5lite.errors import F5liteError
from f5lite.memory import meter
from f5lite.model.config import V1_BASE
from f5lite.shrink.attention import Sdpa, auto, backend, predict, timing
from f5lite.shrink.attention import own as kernels
from f5lite.shrink.attention.own import Own
from f5lite.shrink.int8 import compiled
from tests.shrink.attention.inputs import HOLES, LENGTHS, drawn, error, mask_of, truth

NEAR = {"amx-bf16": 3e-2, "vnni-int16": 4e-3}
SETS = set(machine.card().instruction_sets)
THERE = {
    "amx-bf16": sys.platform == "linux" and SETS >= {"AMX_INT8", "AMX_BF16", "AVX512_BF16"},
    "vnni-int16": "AVX512_VNNI" in SETS,
}
CPU = torch.device("cpu")
every_kernel = pytest.mark.parametrize("name", kernels.NAMES)


@pytest.fixture(params=kernels.NAMES)
def own(request: pytest.FixtureRequest) -> Own:
    if not THERE[request.param] or machine.card().compiler is None:
        pytest.skip(f"no {kernels.KERNELS[request.param].needs}, or no compiler")
    return backend(request.param)


@every_kernel
def test_it_is_there_where_its_instructions_are(name: str) -> None:
    if machine.card().compiler is None:
        pytest.skip("no compiler")
    compiled.build()
    assert (kernels.refusal(name, "cpu") is None) == THERE[name] == (name in kernels.usable("cpu"))
    if not THERE[name]:
        needs = kernels.KERNELS[name].needs
        with pytest.raises(
            F5liteError, match=f"{name!r} is refused: it needs a processor with {needs}.*'auto'"
        ):
            backend(name)


@every_kernel
def test_elsewhere_it_says_why(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(F5liteError, match="refused: it runs on processors, and the model is on cuda"):
        backend(name, "cuda")
    monkeypatch.setattr(compiled, "missing", lambda: "it isn't compiled yet for this machine")
    assert "isn't compiled yet for this machine (`f5lite engines --compile`)" in kernels.refusal(name, "cpu")
    assert name not in auto.candidates(torch.float32, CPU)


@pytest.mark.parametrize("lengths", LENGTHS, ids=str)
def test_agrees(own: Own, lengths: list[int]) -> None:
    for size, rotated, kind in itertools.product(kernels.SIZES, (0, None), (None, "ends", HOLES)):
        q, k, v = drawn(lengths, heads=3, dim_head=size, rotated=rotated)
        mask = None if kind is None else mask_of(lengths, kind)
        found = own(q, k, v, mask)
        assert found.shape == q.shape and found.dtype == q.dtype
        assert error(found, truth(q, k, v, mask), mask) < NEAR[own.name], (size, rotated, kind)


def test_it_is_as_exact_as_torchs_in_bf16(own: Own) -> None:
    q, k, v = drawn([512])
    if own.dtype == torch.bfloat16:  # compared on what it really gets
        q, k, v = (t.bfloat16() for t in (q, k, v))
    wanted = truth(q, k, v)
    mine, theirs = ((found(q, k, v).double() - wanted).norm() for found in (own, Sdpa(torch.bfloat16)))
    assert mine < {"amx-bf16": 1.1, "vnni-int16": 0.2}[own.name] * theirs


def test_one_key_wins_and_all_alike(own: Own) -> None:
    """Scores so far apart that all weights but one vanish, and so near that all are the same."""
    q = torch.full((1, 1, 70, 64), 9.0)
    k, v = torch.full_like(q, -9.0), torch.randn(1, 1, 70, 64).bfloat16().float()
    k[0, 0, 33] = 9.0
    half_a_step = 0.0 if own.dtype == torch.bfloat16 else float(v.abs().max()) / 8180
    torch.testing.assert_close(own(q, k, v)[0, 0], v[0, 0, 33].expand(70, 64), rtol=0, atol=half_a_step)
    found = own(torch.zeros_like(q), k, v)
    assert error(found, v.double().mean(2, keepdim=True).expand_as(v)) < NEAR[own.name]


def test_what_is_not_a_number_stays_where_it_belongs(own: Own) -> None:
    q, k, v = drawn([50])
    wanted = own(q, k, v)
    for odd in (math.nan, math.inf):
        marked = q.clone()
        marked[0, 1, 7, 3] = odd
        found = own(marked, k, v)
        assert torch.isnan(found[0, 1, 7]).all()
        found[0, 1, 7] = wanted[0, 1, 7]
        assert torch.equal(found, wanted), "no other row of it"
    k = k.clone()
    k[0, 2, 49, 0] = math.nan
    found = own(q, k, v)
    assert torch.isnan(found[0, 2]).all() and torch.equal(found[0, :2], wanted[0, :2])


def test_masked_frames_are_zeros_and_never_touch_the_rest(own: Own) -> None:
    lengths = [40, 12, 0]
    mask = torch.arange(40)[None] < torch.tensor(lengths)[:, None]
    q, k, v = drawn([40, 40, 40])
    found = own(q, k, v, mask)
    assert not found.transpose(1, 2)[~mask].any()
    k2, v2 = (torch.where(mask[:, None, :, None], t, torch.nan) for t in (k, v))
    assert torch.equal(own(q, k2, v2, mask), found)


def test_any_number_of_threads_and_views(own: Own) -> None:
    joined = torch.randn(2, 90, 3 * 4 * 64)
    q, k, v = (t.unflatten(-1, (4, 64)).transpose(1, 2) for t in joined.chunk(3, dim=-1))
    before, answers = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            answers.append(own(q, k, v))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(answers[0], answers[1]) and torch.equal(answers[0], answers[2])
    assert error(answers[0], truth(q, k, v)) < NEAR[own.name]


def test_what_it_cannot_do_is_refused(own: Own) -> None:
    with pytest.raises(F5liteError, match="heads of 32 or 64 numbers, found 16"):
        own(*drawn([8], dim_head=16))
    with pytest.raises(F5liteError, match="no gradient.*sdpa"):
        own(*(t.requires_grad_() for t in drawn([8])))
    empty = torch.empty(0, 4, 9, 64)
    assert own(empty, empty, empty).shape == empty.shape


def test_auto_knows_it(own: Own, monkeypatch: pytest.MonkeyPatch) -> None:
    assert own.name in auto.candidates(torch.float32, CPU)
    assert own.name not in auto.candidates(torch.float32, CPU, 16)
    assert own.name not in auto.candidates(torch.bfloat16, CPU)
    names = []
    monkeypatch.setattr(machine, "calibration", lambda name, *_, **__: names.append(name) or {"steady": True})
    auto.calibrated()
    monkeypatch.setattr(kernels, "refusal", lambda name, device: "it isn't compiled")
    auto.calibrated()
    assert f"-{own.name}" in names[0] and "-int16" not in names[1], "code that was compiled since is measured"


@pytest.mark.parametrize(
    ("level", "left"),
    [("AVX512_CORE_AMX", kernels.NAMES), ("AVX512_CORE_VNNI", ["vnni-int16"]), ("AVX512_CORE", []),
     ("AVX2_VNNI", [])],
)  # fmt: skip
def test_a_variable_that_plays_a_lesser_processor_forbids_it(level: str, left: list[str]) -> None:
    if machine.card().compiler is None:
        pytest.skip("no compiler")
    compiled.build()
    code = "from f5lite.shrink.attention import own; print(own.usable('cpu'))"
    done = subprocess.run(
        [sys.executable, "-c", f"import os; os.environ['ONEDNN_MAX_CPU_ISA'] = {level!r}; {code}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == str(tuple(name for name in left if THERE[name]))


def test_long_rows_are_as_near(own: Own) -> None:
    """More keys than one sum of weighted values may have: all alike, and few that matter."""
    for strength in (0.0, 3.0):
        q, k, v = (t * s for t, s in zip(drawn([2500], heads=1), (strength, 1, 1), strict=True))
        assert error(own(q, k, v), truth(q, k, v)) < NEAR[own.name]


def test_numbers_of_any_size(own: Own) -> None:
    """Far larger and smaller ones, and nothing at all; one row's scale is not another's."""
    q, k, v = drawn([60])
    for up in (1e12, 1e-12):
        assert error(own(q * up, k / up, v), truth(q, k, v)) < NEAR[own.name]
        assert error(own(q, k, v * up) / up, truth(q, k, v)) < NEAR[own.name]
    grown = q.clone()
    grown[:, :, ::2] *= 1e4
    assert error(own(grown, k / 1e4, v)[:, :, ::2], truth(q, k, v)[:, :, ::2]) < NEAR[own.name]
    nothing = torch.zeros_like(q)
    assert not own(nothing, nothing, nothing).any()


@pytest.mark.measures
@pytest.mark.slow
def test_it_holds_no_more_than_predicted(own: Own) -> None:
    frames, heads = 4096, 4
    measured = meter.isolated(timing.once, own.name, frames, heads)
    config = dataclasses.replace(V1_BASE.dit, heads=heads)
    expected = predict.attention(own.name, frames, config, threads=torch.get_num_threads()).held / 1e6
    inputs = 3 * 2 * heads * frames * 64 * 4 / 1e6
    assert inputs < measured.peak_rss_mb < inputs + expected + 60 < 2 * heads * frames**2 * 4 / 1e6
