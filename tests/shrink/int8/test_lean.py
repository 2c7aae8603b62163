"""In place and in pieces, yet the same numbers: rotation by complex products, GELU by a sigmoid."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from f5lite.model.acoustic import rotate
from f5lite.shrink.int8 import lean


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("heads", [1, 4])
def test_pairs_are_turned_where_they_lie_and_nothing_else(dtype: torch.dtype, heads: int) -> None:
    qkv = torch.randn(2, 7, 3, 4, 16, dtype=dtype)
    before, angles = qkv.clone(), torch.randn(7, 8, dtype=dtype)
    rope = (angles.cos(), angles.sin())
    lean.rotate_in_place(qkv[:, :, 1, :heads], rope)
    wanted = rotate(before[:, :, 1, :heads].transpose(1, 2).double(), *(each.double() for each in rope))
    torch.testing.assert_close(qkv[:, :, 1, :heads].transpose(1, 2).double(), wanted.double())
    qkv[:, :, 1, :heads] = before[:, :, 1, :heads]
    assert torch.equal(qkv, before)


@pytest.mark.parametrize("items", [1, 3])
def test_modulated_is_modulated_whether_items_share_it_or_not(items: int) -> None:
    x, shift, scale = torch.randn(3, 5, 8), torch.randn(items, 1, 8), torch.randn(items, 1, 8)
    before = x.clone()
    wanted = F.layer_norm(x, (8,), eps=1e-6) * (1 + scale) + shift
    torch.testing.assert_close(lean.modulated(x, shift, scale), wanted)
    assert torch.equal(x, before)


@pytest.mark.parametrize("approximate", ["tanh", "none"])
@pytest.mark.parametrize("shape", [(2, 5, 300), (1, 1, 1), (0, 4), (3, 1 << 17)])
def test_gelu_in_place_is_gelu(approximate: str, shape: tuple[int, ...]) -> None:
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0)) * 4
    wanted = F.gelu(x.double(), approximate=approximate)
    assert lean.gelu_in_place(x, approximate) is x
    torch.testing.assert_close(x.double(), wanted, rtol=1e-5, atol=2e-6)


def test_gelu_of_extremes_is_torchs() -> None:
    inf = float("inf")
    x = torch.tensor([inf, -inf, float("nan"), 1e30, -1e30, 3e38, 0.0, -0.0, 1e-40])
    wanted = F.gelu(x, approximate="tanh")
    torch.testing.assert_close(lean.gelu_in_place(x, "tanh"), wanted, equal_nan=True, rtol=1e-6, atol=0)
