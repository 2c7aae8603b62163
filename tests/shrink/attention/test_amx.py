"""f5lite's own attention kernel: exact to bf16's rounding, with any length and mask; there only where its instructions are."""

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
from f5lite.shrink.attention import Sdpa, amx, auto, backend, predict, timing
from f5lite.shrink.attention.amx import Amx
from f5lite.shrink.int8 import compiled
from tests.shrink.attention.inputs import HOLES, LENGTHS, drawn, error, mask_of, truth

HALF = 3e-2
NEEDS = {"AMX_INT8", "AMX_BF16", "AVX512_BF16"}
THERE = sys.platform == "linux" and set(machine.card().instruction_sets) >= NEEDS
needs_amx = pytest.mark.skipif(not THERE or machine.card().compiler is None, reason="no AMX, or no compiler")
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def own() -> Amx:
    return backend("amx-bf16")


def test_it_is_there_where_its_instructions_are() -> None:
    if machine.card().compiler is None:
        pytest.skip("no compiler")
    compiled.build()
    assert (amx.refusal("cpu") is None) == THERE
    if not THERE:
        with pytest.raises(F5liteError, match="'amx-bf16' is refused: it needs a processor with AMX.*'auto'"):
            backend("amx-bf16")


def test_elsewhere_it_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(F5liteError, match="refused: it runs on processors, and the model is on cuda"):
        backend("amx-bf16", "cuda")
    monkeypatch.setattr(compiled, "missing", lambda: "it isn't compiled yet for this machine")
    assert "isn't compiled yet for this machine (`f5lite engines --compile`)" in amx.refusal("cpu")
    assert "amx-bf16" not in auto.candidates(torch.float32, CPU)


@needs_amx
@pytest.mark.parametrize("lengths", LENGTHS, ids=str)
def test_agrees(own: Amx, lengths: list[int]) -> None:
    for size, rotated, kind in itertools.product(amx.SIZES, (0, None), (None, "ends", HOLES)):
        q, k, v = drawn(lengths, heads=3, dim_head=size, rotated=rotated)
        mask = None if kind is None else mask_of(lengths, kind)
        found = own(q, k, v, mask)
        assert found.shape == q.shape and found.dtype == q.dtype
        assert error(found, truth(q, k, v, mask), mask) < HALF, (size, rotated, kind)


@needs_amx
def test_it_is_as_exact_as_torchs_in_bf16(own: Amx) -> None:
    q, k, v = (t.bfloat16() for t in drawn([512]))
    wanted = truth(q, k, v)
    mine, theirs = ((found(q, k, v).double() - wanted).norm() for found in (own, Sdpa()))
    assert mine < 1.1 * theirs


@needs_amx
def test_one_key_wins_and_all_alike(own: Amx) -> None:
    """Scores so far apart that all weights but one vanish, and so near that all are the same."""
    q = torch.full((1, 1, 70, 64), 9.0)
    k, v = torch.full_like(q, -9.0), torch.randn(1, 1, 70, 64).bfloat16().float()
    k[0, 0, 33] = 9.0
    assert torch.equal(own(q, k, v)[0, 0], v[0, 0, 33].expand(70, 64))
    found = own(torch.zeros_like(q), k, v)
    assert error(found, v.double().mean(2, keepdim=True).expand_as(v)) < HALF


@needs_amx
def test_what_is_not_a_number_stays_where_it_belongs(own: Amx) -> None:
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


@needs_amx
def test_masked_frames_are_zeros_and_never_touch_the_rest(own: Amx) -> None:
    lengths = [40, 12, 0]
    mask = torch.arange(40)[None] < torch.tensor(lengths)[:, None]
    q, k, v = drawn([40, 40, 40])
    found = own(q, k, v, mask)
    assert not found.transpose(1, 2)[~mask].any()
    k2, v2 = (torch.where(mask[:, None, :, None], t, torch.nan) for t in (k, v))
    assert torch.equal(own(q, k2, v2, mask), found)


@needs_amx
def test_any_number_of_threads_and_views(own: Amx) -> None:
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
    assert error(answers[0], truth(q, k, v)) < HALF


@needs_amx
def test_what_it_cannot_do_is_refused(own: Amx) -> None:
    with pytest.raises(F5liteError, match="heads of 32 or 64 numbers, found 16"):
        own(*drawn([8], dim_head=16))
    with pytest.raises(F5liteError, match="no gradient.*sdpa"):
        own(*(t.requires_grad_() for t in drawn([8])))
    empty = torch.empty(0, 4, 9, 64)
    assert own(empty, empty, empty).shape == empty.shape


@needs_amx
def test_auto_knows_it(own: Amx, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "amx-bf16" in auto.candidates(torch.float32, CPU)
    assert "amx-bf16" not in auto.candidates(torch.float32, CPU, 16)
    assert "amx-bf16" not in auto.candidates(torch.bfloat16, CPU)
    names = []
    monkeypatch.setattr(machine, "calibration", lambda name, *_, **__: names.append(name) or {"steady": True})
    auto.calibrated()
    monkeypatch.setattr(amx, "refusal", lambda device: "it isn't compiled")
    auto.calibrated()
    assert names[0] == names[1] + "-amx", "code that was compiled since is measured"


@needs_amx
def test_a_variable_that_plays_a_lesser_processor_forbids_it(own: Amx) -> None:
    code = "from f5lite.shrink.attention import amx; print(amx.refusal('cpu'))"
    environment = {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_VNNI"}
    done = subprocess.run(
        [sys.executable, "-c", f"import os; os.environ.update({environment!r}); {code}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "needs a processor with AMX" in done.stdout


@needs_amx
@pytest.mark.measures
@pytest.mark.slow
def test_it_holds_no_more_than_predicted(own: Amx) -> None:
    frames, heads = 4096, 4
    measured = meter.isolated(timing.once, "amx-bf16", frames, heads)
    config = dataclasses.replace(V1_BASE.dit, heads=heads)
    expected = predict.attention("amx-bf16", frames, config, threads=torch.get_num_threads()).held / 1e6
    inputs = 3 * 2 * heads * frames * 64 * 4 / 1e6
    assert inputs < measured.peak_rss_mb < inputs + expected + 60 < 2 * heads * frames**2 * 4 / 1e6
