"""8-bit numbers: how far they are from what they stand for, at the edges too, and what one scale for all costs."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from f5lite.errors import F5liteError
from f5lite.model.synthetic import weight
from f5lite.shrink.int8.quantise import (
    dequantise,
    product_error,
    quantise_rows,
    quantise_tensor,
    quantise_tokens,
    relative_error,
    row_sums,
)


@settings(deadline=None, max_examples=60)
@given(
    rows=st.integers(1, 20),
    columns=st.integers(1, 40),
    size=st.floats(1e-30, 1e30),
    seed=st.integers(0, 1000),
)
def test_no_number_is_further_off_than_half_a_step(rows: int, columns: int, size: float, seed: int) -> None:
    w = size * torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed))
    values, scale = quantise_rows(w)
    assert values.dtype == torch.int8 and int(values.min()) >= -127
    assert ((dequantise(values, scale) - w).abs() <= 0.5001 * scale[:, None]).all()


def test_the_largest_number_of_a_row_is_kept() -> None:
    w = torch.randn(64, 64, generator=torch.Generator().manual_seed(0))
    values, scale = quantise_rows(w)
    assert (values.abs().amax(1) == 127).all()
    torch.testing.assert_close(dequantise(values, scale).abs().amax(1), w.abs().amax(1))


def test_a_row_of_zeros_and_a_row_too_small_for_a_scale() -> None:
    w = torch.tensor([[0.0, 0.0], [1e-45, -1e-45], [1.0, -2.0]])
    values, scale = quantise_rows(w)
    assert dequantise(values, scale).tolist()[:2] == [[0.0, 0.0], [0.0, 0.0]]
    assert torch.isfinite(scale).all() and scale[0] == 1


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_weight_that_is_no_number_is_refused_by_name(bad: float) -> None:
    w = torch.ones(4, 4)
    w[2, 1] = bad
    with pytest.raises(F5liteError, match="to_q holds NaN or infinity"):
        quantise_rows(w, "to_q")


def test_no_rows_and_no_columns() -> None:
    for shape in ((0, 8), (8, 0), (0, 0)):
        values, scale = quantise_rows(torch.empty(shape))
        assert values.shape == shape and scale.shape == (shape[0],)
    values, scale = quantise_tokens(torch.empty(0, 8))
    assert values.shape == (0, 8) and scale.shape == (0, 2)


def test_a_bad_token_spoils_itself_only() -> None:
    x = torch.randn(4, 8, generator=torch.Generator().manual_seed(0))
    values, scale = quantise_tokens(x)
    x[1, 3], x[2, 0] = math.nan, math.inf
    spoilt, spoilt_scale = quantise_tokens(x)
    assert torch.isnan(spoilt_scale[1:3, 0]).all() and torch.isfinite(spoilt_scale[:, 1]).all()
    assert torch.equal(spoilt[[0, 3]], values[[0, 3]]) and torch.equal(spoilt_scale[[0, 3]], scale[[0, 3]])


@pytest.mark.parametrize("largest", [63, 127])
@pytest.mark.parametrize("shift", [-9.0, -1.0, 0.0, 0.5, 9.0])
def test_a_token_takes_its_steps_from_its_own_range(largest: int, shift: float) -> None:
    x = torch.randn(64, 300, generator=torch.Generator().manual_seed(0)) + shift
    x[:, 7] = 0.0
    values, tokens = quantise_tokens(x, largest, zero=3, dtype=torch.int16)
    size, offset = tokens.split(1, -1)
    back = (values.float() - 3 + offset) * size
    wide = x.amax(1).clamp(min=0) - x.amin(1).clamp(max=0)
    torch.testing.assert_close(size[:, 0], wide / (2 * largest + 1))
    assert int(values.min()) >= 3 - largest - 1 and int(values.max()) <= 3 + largest
    inside = (values > 3 - largest - 1) & (values < 3 + largest)
    assert ((back - x).abs() <= 0.5001 * size)[inside].all(), "half a step"
    assert ((back - x).abs() <= 1.0001 * size).all(), "both ends are rounded, so one may be a step off"
    assert (back[:, 7] == 0).all(), "zero stays zero, exactly"


def test_row_sums_are_exact_and_worked_out_once() -> None:
    w = torch.full((3, 70_000), 127, dtype=torch.int8)
    w[1] = -127
    assert row_sums(w).tolist() == [127 * 70_000, -127 * 70_000, 127 * 70_000]
    assert row_sums(w) is row_sums(w) and row_sums(torch.empty(4, 0, dtype=torch.int8)).tolist() == [0.0] * 4


def test_shapes_other_than_matrices() -> None:
    w = torch.randn(6, 4, 3, generator=torch.Generator().manual_seed(0))
    values, scale = quantise_rows(w)
    assert relative_error(w, dequantise(values, scale)) < 0.01
    x = torch.randn(2, 5, 7, generator=torch.Generator().manual_seed(0))
    assert quantise_tokens(x)[1].shape == (2, 5, 2)


def test_planted_outliers_need_a_scale_a_row_and_a_scale_a_token() -> None:
    """One scale for the tensor, or one for all tokens, fails where a scale a row and a token passes."""
    key, shape = "transformer_blocks.0.ff.ff.0.0.weight", (256, 128)
    calm, planted = weight(key, shape, 0, False), weight(key, shape, 0, True)
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(64, 128, generator=generator)
    x[::16] *= 50  # loud tokens
    fine = product_error(x, planted)
    assert fine < 0.02
    assert fine < 1.3 * product_error(x, calm), "outliers in rows cost nothing with a scale a row"
    assert product_error(x, planted, tokens=False) > 5 * fine
    values, scale = quantise_tensor(planted)
    rows = dequantise(values, scale.contiguous()) - planted
    ordinary = planted.abs().amax(1) < 1
    assert relative_error(planted[ordinary], planted[ordinary] + rows[ordinary]) > 0.05
    values, scale = quantise_rows(planted)
    assert relative_error(planted[ordinary], dequantise(values, scale)[ordinary]) < 0.012


def test_error_of_nothing_and_unknown_schemes() -> None:
    zero = torch.zeros(3)
    assert relative_error(zero, zero) == 0 and relative_error(zero, torch.ones(3)) == math.inf
    with pytest.raises(F5liteError, match="row, tensor"):
        product_error(torch.ones(1, 2), torch.ones(2, 2), weights="column")
