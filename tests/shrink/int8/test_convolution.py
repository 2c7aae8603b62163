"""Convolutions with bf16 weights: what each format computes, and when which is taken."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest
import torch
from torch import nn

from f5lite import machine
from f5lite.shrink.int8 import compiled, convolution
from f5lite.shrink.int8.convolution import HalfConvolution
from f5lite.shrink.int8.engines import ENGINES
from f5lite.shrink.int8.quantise import relative_error

needs_bf16 = pytest.mark.skipif(
    ENGINES["bf16"].problem() is not None, reason="torch has no bf16 product here"
)


def made(channels: int = 512, groups: int = 8, bias: bool = True) -> tuple[HalfConvolution, nn.Conv1d]:
    """One with bf16 weights, and the float32 one that it stands for."""
    torch.manual_seed(0)
    plain = nn.Conv1d(channels, channels, 7, padding=3, groups=groups, bias=bias)
    plain.weight.data = plain.weight.data.bfloat16().float()
    stored = None if plain.bias is None else plain.bias.detach()
    return HalfConvolution(plain.weight.detach().bfloat16(), stored, plain), plain


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, tmp_path) -> dict[str, float]:
    """Seconds that a measurement is told to find; an empty cache; measuring is allowed."""
    found = {"float32": 3.0, "bfloat16": 1.0, "int16": 1.5}
    monkeypatch.setenv("F5LITE_CACHE", str(tmp_path))
    monkeypatch.setattr(machine, "quick", lambda: False)
    monkeypatch.setattr(convolution, "measure", lambda layer: dict(found))
    return found


@pytest.mark.parametrize("bias", [True, False])
def test_float32_is_the_same_to_rounding(bias: bool) -> None:
    layer, plain = made(bias=bias)
    x = torch.randn(2, 512, 33)
    with torch.inference_mode():
        torch.testing.assert_close(layer(x), plain(x), rtol=1e-5, atol=1e-5)


@needs_bf16
def test_bf16_rounds_the_frames_and_nothing_else() -> None:
    layer, plain = made()
    layer.dtype = torch.bfloat16
    x = torch.randn(2, 512, 33)
    with torch.inference_mode():
        found, wanted = layer(x), plain(x)
        assert found.dtype == torch.float32 and 1e-4 < relative_error(wanted, found) < 4e-3
        silent = layer(torch.zeros(1, 512, 9))
        assert torch.equal(silent, layer.bias[:, None].expand(1, 512, 9)), "the bias stays as it is"
        layer.dtype = torch.float32
        torch.testing.assert_close(layer(x), wanted, rtol=1e-5, atol=1e-5)


def test_bf16_is_taken_where_it_gains() -> None:
    assert convolution.choose({"float32": 1.3, "bfloat16": 1.0}) == "bfloat16"
    assert convolution.choose({"float32": 1.2, "bfloat16": 1.0}) == "float32"
    assert convolution.choose({"float32": 1.0, "bfloat16": 9.0}) == "float32"


@needs_bf16
def test_it_is_measured_once_and_only_where_it_may_be(told: dict[str, float], monkeypatch) -> None:
    layer, _ = made()
    model = nn.Sequential(layer, nn.Linear(2, 2))
    assert convolution.install(model, ENGINES["reference"]) == 0 and layer.dtype == torch.float32
    for narrow in (made(64)[0], made(512, groups=1)[0]):
        assert convolution.install(narrow, ENGINES["torch"]) == 0
    monkeypatch.setattr(machine, "quick", lambda: True)
    assert convolution.install(model, ENGINES["torch"]) == 0, "quick mode measures nothing"
    monkeypatch.setattr(machine, "quick", lambda: False)
    assert convolution.install(model, ENGINES["torch"]) == 1 and layer.dtype == torch.bfloat16
    told["float32"] = 0.1
    assert convolution.install(made()[0], ENGINES["onednn"]) == 1, "what was measured is kept"
    monkeypatch.setattr(machine, "quick", lambda: True)
    assert convolution.install(made()[0], ENGINES["torch"]) == 1, "in quick mode too"


@needs_bf16
def test_a_damaged_measurement_is_none(told: dict[str, float]) -> None:
    told.clear()
    assert convolution.install(made()[0], ENGINES["torch"]) == 0


def test_a_measurement_times_what_can_run_here() -> None:
    layer, _ = made()
    seconds = convolution.measure(layer)
    assert set(seconds) == set(convolution.formats(layer)) and min(seconds.values()) > 0


@pytest.fixture
def integers() -> Path:
    """The compiled library."""
    if machine.card().compiler is None or "AVX512_VNNI" not in machine.card().instruction_sets:
        pytest.skip("no AVX-512 VNNI, or no compiler")
    compiled.build()
    return convolution.library()


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("frames", [1, 3, 33, 200])
def test_integers_are_nearer_than_bf16(integers: Path, bias: bool, frames: int) -> None:
    layer, plain = made(bias=bias)
    x = torch.randn(2, 512, frames)
    x[1] *= 1e-3
    with torch.inference_mode():
        wanted = plain(x)
        layer.dtype, layer.library = torch.int16, integers
        found = layer(x)
        assert found.dtype == torch.float32 and found.shape == wanted.shape
        part = slice(None) if not bias else slice(0, 1)  # beside a bias a small one's error can't be told
        assert relative_error(wanted[part], found[part]) < 5e-4
        if not bias:
            assert relative_error(wanted[1], found[1]) < 5e-4, "each item has a scale of its own"
        lying = x.transpose(1, 2).contiguous().transpose(1, 2)
        assert torch.equal(layer(lying), found)


def test_integers_with_any_threads_and_odd_numbers(integers: Path) -> None:
    layer, plain = made()
    layer.dtype, layer.library, x = torch.int16, integers, torch.randn(3, 512, 40)
    threads, answers = torch.get_num_threads(), []
    try:
        with torch.inference_mode():
            for count in (1, 2, 3):
                torch.set_num_threads(count)
                answers.append(layer(x))
            assert torch.equal(answers[0], answers[1]) and torch.equal(answers[0], answers[2])
            assert relative_error(plain(x * 1e9), layer(x * 1e9)) < 5e-4
            assert torch.equal(layer(torch.zeros(1, 512, 9)), layer.bias[:, None].expand(1, 512, 9))
            assert layer(torch.empty(0, 512, 9)).shape == (0, 512, 9)
            for odd in (float("nan"), float("inf")):
                marked = x.clone()
                marked[1, 70, 5] = odd  # in the second of eight groups
                found = layer(marked)
                assert torch.isnan(found[1, 64:128]).all()
                found[1, 64:128] = answers[0][1, 64:128]
                assert torch.equal(found, answers[0])
    finally:
        torch.set_num_threads(threads)


def test_integers_take_whole_vectors_and_usual_windows_only() -> None:
    assert convolution.suits(made()[0])
    odd = {"of 16 channels": (512, 32, 7, 3, 1), "even": (512, 8, 4, 2, 1), "shorter": (512, 8, 7, 0, 1)}
    for name, (channels, groups, taps, padding, stride) in (odd | {"strided": (512, 8, 7, 3, 2)}).items():
        plain = nn.Conv1d(channels, channels, taps, stride, padding, groups=groups)
        layer = HalfConvolution(plain.weight.detach().bfloat16(), None, plain)
        assert not convolution.suits(layer), name
        assert "int16" not in convolution.formats(layer)


def test_integers_are_taken_where_they_gain_and_are_allowed(told, integers, monkeypatch) -> None:
    monkeypatch.setitem(told, "int16", 0.5)
    layer, _ = made()
    assert convolution.install(layer, ENGINES["torch"]) == 1 and layer.dtype == torch.int16
    with torch.inference_mode():
        x = torch.randn(1, 512, 9)
        assert torch.equal(copy.deepcopy(layer)(x), layer(x)) and torch.equal(
            pickle.loads(pickle.dumps(layer))(x), layer(x)
        )
    monkeypatch.setattr(compiled, "missing", lambda: "it isn't compiled")
    layer, _ = made()
    convolution.install(layer, ENGINES["torch"])
    assert layer.dtype != torch.int16
