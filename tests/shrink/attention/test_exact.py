"""Every backend against `math` in double precision: masks, ragged batches, lengths, RoPE on all, some or no heads."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from f5lite.errors import F5liteError
from f5lite.shrink.attention import Chunked, Math, Sdpa
from f5lite.shrink.attention.backends import piece, spans
from tests.shrink.attention.inputs import HOLES, LENGTHS, drawn, error, mask_of, truth

FULL, HALF = 5e-6, 3e-2  # rounding of float32 and of bfloat16, relative to the largest value
BACKENDS = [
    pytest.param(Math(), FULL, id="math"),
    pytest.param(Sdpa(), FULL, id="sdpa"),
    pytest.param(Chunked(), FULL, id="chunked"),
    pytest.param(Chunked(piece_bytes=4096), FULL, id="chunked in small pieces"),
    pytest.param(Chunked(piece_bytes=1), FULL, id="chunked row by row"),
    pytest.param(Sdpa(torch.bfloat16), HALF, id="sdpa-bf16"),
    pytest.param(Chunked(torch.bfloat16, 1 << 16), HALF, id="chunked-bf16"),
]


@pytest.mark.parametrize("backend, limit", BACKENDS)
@pytest.mark.parametrize("lengths", LENGTHS, ids=str)
def test_agrees(backend, limit: float, lengths: list[int]) -> None:
    kinds = list(itertools.product((0, 1, None), (None, "ends", HOLES)))
    if max(lengths) > 300:  # small pieces of a long text are many: fewer settings, and not the smallest
        kinds = [(None, None), (1, "ends"), (0, HOLES)]
        lengths = [n // 4 for n in lengths] if getattr(backend, "piece_bytes", None) == 1 else lengths
    for rotated, kind in kinds:
        q, k, v = drawn(lengths, heads=2, rotated=rotated)
        mask = None if kind is None else mask_of(lengths, kind)
        found = backend(q, k, v, mask)
        assert found.shape == q.shape and found.dtype == q.dtype
        assert error(found, truth(q, k, v, mask), mask) < limit, (rotated, kind)


@pytest.mark.parametrize("backend, limit", BACKENDS)
def test_answers_in_the_dtype_it_was_given(backend, limit: float) -> None:
    q, k, v = (t.bfloat16() for t in drawn([70, 31]))
    mask = mask_of([70, 31])
    found = backend(q, k, v, mask)
    assert found.dtype == torch.bfloat16
    assert error(found, truth(q, k, v, mask), mask) < HALF


def test_a_mask_changes_the_answer() -> None:
    """The comparison above would pass with masks that nobody looks at, if they made no difference."""
    q, k, v = drawn([64, 17])
    mask = mask_of([64, 17])
    assert error(truth(q, k, v), truth(q, k, v, mask), mask) > 0.1


def test_masked_frames_are_zeros_and_never_touch_the_rest() -> None:
    lengths = [40, 12, 0]
    mask = torch.arange(40)[None] < torch.tensor(lengths)[:, None]
    q, k, v = drawn([40, 40, 40])
    found = Chunked(piece_bytes=2048)(q, k, v, mask)
    assert not found.transpose(1, 2)[~mask].any()
    k2, v2 = (torch.where(mask[:, None, :, None], t, torch.nan) for t in (k, v))
    assert torch.equal(Chunked(piece_bytes=2048)(q, k2, v2, mask), found)


def test_views_as_a_block_hands_them_over() -> None:
    """q, k and v of a fused projection are strided views; none is contiguous."""
    fused = torch.randn(2, 90, 3 * 4 * 64)
    q, k, v = (t.unflatten(-1, (4, 64)).transpose(1, 2) for t in fused.chunk(3, dim=-1))
    assert not q.is_contiguous()
    for backend, limit in (p.values for p in BACKENDS):
        assert error(backend(q, k, v, None), truth(q, k, v)) < limit, backend


def test_chunked_says_that_it_has_no_gradient() -> None:
    q, k, v = (t.requires_grad_() for t in drawn([8]))
    with pytest.raises(F5liteError, match="no gradient.*sdpa"):
        Chunked()(q, k, v)


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(1, 3000), st.integers(1, 3000), st.integers(0, 10**7))
def test_a_piece_fits(heads: int, rows: int, keys: int, most: int) -> None:
    h, r = piece(heads, rows, keys, most)
    assert 1 <= h <= heads and 1 <= r <= rows
    assert h * r * keys <= max(most, keys)
    assert h == 1 or r == rows


@settings(deadline=None)
@given(st.integers(0, 500), st.integers(1, 70))
def test_spans_cover_everything_once(length: int, step: int) -> None:
    assert [i for first, last in spans(length, step) for i in range(first, last)] == list(range(length))


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_chunked_agrees_on_anything(data: st.DataObject) -> None:
    lengths = data.draw(st.lists(st.integers(1, 60), min_size=1, max_size=4))
    heads, size = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 20000))
    q, k, v = drawn(
        lengths, heads, data.draw(st.sampled_from((2, 16, 64))), seed=data.draw(st.integers(0, 99))
    )
    mask = mask_of(lengths, data.draw(st.sampled_from(("ends", HOLES))))
    assert error(Chunked(piece_bytes=size)(q, k, v, mask), truth(q, k, v, mask), mask) < FULL


def test_the_kernel_has_a_name() -> None:
    q, k, v = drawn([64])
    assert Sdpa().kernel(q, k, v) in ("flash attention", "math", "efficient attention", "overrideable")
    from torch.nn.attention import SDPBackend, sdpa_kernel

    with sdpa_kernel(SDPBackend.MATH):
        assert Sdpa().kernel(q, k, v, mask_of([64])) == "math"
