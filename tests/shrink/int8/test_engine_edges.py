"""What `Engine` promises of everything that can come in, held against every engine of this machine."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from f5lite.shrink.int8.engines import ENGINES
from f5lite.shrink.int8.quantise import dequantise, quantise_rows, relative_error

HERE = [name for name, each in ENGINES.items() if each.problem() is None]
every = pytest.mark.parametrize("name", HERE)


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@every
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_bad_tokens_spoil_themselves_only(name: str, bad: float) -> None:
    x = random(6, 32)
    layer = (*quantise_rows(random(16, 32, seed=1)), random(16, seed=2))
    clean = ENGINES[name].linear(x, *layer)
    x[1, 0], x[3, 5], x[4] = bad, bad, bad
    found = ENGINES[name].linear(x, *layer)
    assert not torch.isfinite(found[[1, 3, 4]]).any()
    torch.testing.assert_close(found[[0, 2, 5]], clean[[0, 2, 5]])


@every
def test_zeros_give_the_bias_exactly(name: str) -> None:
    values, scale = quantise_rows(torch.cat((torch.zeros(2, 24), random(3, 24))))
    bias = random(5, seed=2)
    found = ENGINES[name].linear(torch.zeros(3, 24), values, scale, bias)
    assert torch.equal(found, bias.expand(3, 5))
    found = ENGINES[name].linear(random(3, 24), values, scale, bias)
    assert torch.equal(found[:, :2], bias[:2].expand(3, 2)), "rows of zeros"
    found = ENGINES[name].linear(torch.cat((torch.zeros(1, 24), random(1, 24))), values, scale, None)
    assert torch.equal(found[0], torch.zeros(5)) and found[1, 2:].abs().min() > 0


@every
@pytest.mark.parametrize("shape", [(0, 24), (0, 5, 24), (5, 0, 24), (24,), (2, 3, 4, 24)])
def test_any_leading_shape(name: str, shape: tuple[int, ...]) -> None:
    values, scale = quantise_rows(random(8, 24))
    found = ENGINES[name].linear(random(*shape), values, scale, random(8))
    assert found.shape == (*shape[:-1], 8) and found.dtype == torch.float32


@every
def test_a_layer_of_no_rows_or_no_width(name: str) -> None:
    found = ENGINES[name].linear(random(3, 24), *quantise_rows(torch.empty(0, 24)), torch.empty(0))
    assert found.shape == (3, 0)
    bias = random(8)
    found = ENGINES[name].linear(torch.empty(2, 3, 0), *quantise_rows(torch.empty(8, 0)), bias)
    assert torch.equal(found, bias.expand(2, 3, 8))


@every
@settings(deadline=None, max_examples=25)
@given(tokens=st.integers(1, 40), width=st.integers(1, 70), rows=st.integers(1, 70), seed=st.integers(0, 99))
def test_odd_sizes(name: str, tokens: int, width: int, rows: int, seed: int) -> None:
    x, (values, scale) = random(tokens, width, seed=seed), quantise_rows(random(rows, width, seed=seed + 1))
    found = ENGINES[name].linear(x, values, scale, None)
    wanted = x.double() @ dequantise(values, scale).double().t()
    # A number is off by half a step at most, so a sum by that times the weights' sizes.
    step = x.double().abs().amax(1, keepdim=True) / 63
    allowed = (0.51 * step) * dequantise(values, scale).double().abs().sum(1)
    assert ((found - wanted).abs() <= allowed + 1e-5).all()


@every
def test_a_huge_outlier_costs_only_its_own_token(name: str) -> None:
    x, w = random(8, 64), random(32, 64, seed=1)
    x[2, 7] = 1e4
    found, wanted = ENGINES[name].linear(x, *quantise_rows(w), None), x @ w.t()
    rest = [0, 1, 3, 4, 5, 6, 7]
    assert relative_error(wanted[rest], found[rest]) < 0.025
    assert relative_error(wanted[2], found[2]) < 0.02


@every
def test_numbers_at_the_ends_of_float32(name: str) -> None:
    """Tiny ones vanish without harm, huge ones stay right; what overflows is infinite or NaN, in its own token."""
    w = random(16, 32, seed=1)
    layer = (*quantise_rows(w), None)
    x = torch.stack((random(32) * 1e-42, random(32) * 1e30, random(32), torch.full((32,), 3.3e38)))
    found = ENGINES[name].linear(x, *layer)
    assert found[0].abs().max() < 1e-38
    assert relative_error(1e-30 * (x[1] @ w.t()), 1e-30 * found[1]) < 0.03
    assert relative_error(x[2] @ w.t(), found[2]) < 0.03
    assert not torch.isfinite(found[3][(w.double().sum(1) * 3.3e38).abs() > 7e38]).any()


@every
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_types_and_strides(name: str, dtype: torch.dtype) -> None:
    layer = (*quantise_rows(random(16, 32, seed=1)), random(16, seed=2))
    wide = random(7, 64)
    kept = wide.clone()
    strided = wide[:, ::2]
    found = ENGINES[name].linear(strided, *layer)
    torch.testing.assert_close(found, ENGINES[name].linear(strided.contiguous(), *layer))
    assert torch.equal(wide, kept), "the input is left alone"
    other = ENGINES[name].linear(strided.to(dtype), *layer)
    assert other.dtype == torch.float32 and relative_error(found, other) < 0.02


@every
def test_weights_are_left_alone_wherever_they_lie(name: str) -> None:
    """A view at an odd address, as a mapped file may give."""
    values, scale = quantise_rows(random(9, 33))
    held = torch.empty(values.numel() + 1, dtype=torch.int8)
    view = held[1:].view(9, 33).copy_(values)
    x = random(4, 33, seed=3)
    assert torch.equal(
        ENGINES[name].linear(x, view, scale, None), ENGINES[name].linear(x, values, scale, None)
    )
    assert torch.equal(view, values)


@every
def test_gradients_are_not_asked_for(name: str) -> None:
    x = random(4, 32).requires_grad_()
    found = ENGINES[name].linear(x, *quantise_rows(random(8, 32)), None)
    assert not found.requires_grad
