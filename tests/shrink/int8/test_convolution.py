"""Convolutions with bf16 weights: what each format computes, and when which is taken."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from f5lite import machine
from f5lite.shrink.int8 import convolution
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
    found = {"float32": 3.0, "bfloat16": 1.0}
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


@needs_bf16
def test_a_measurement_times_both_formats() -> None:
    seconds = convolution.measure(made()[0])
    assert set(seconds) == set(convolution.FORMATS) and min(seconds.values()) > 0
