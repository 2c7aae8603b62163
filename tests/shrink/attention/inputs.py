"""Inputs for attention as blocks make them, and what `math` in double precision says about them."""

from __future__ import annotations

import torch

from f5lite.model.acoustic import rotary, rotate
from f5lite.shrink.attention import Math

# Items' real frames: one alone, equal ones, ragged ones; short, longer, and longer than any piece.
LENGTHS = ([1], [2, 1], [37], [48, 48], [64, 17, 5], [130, 1, 77, 129], [700], [520, 301])
HOLES = "holes"  # real frames anywhere, not only at the front


def drawn(
    lengths: list[int], heads: int = 4, dim_head: int = 64, rotated: int | None = 0, seed: int = 0
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """q, k, v: b h n d. rotated: how many heads are turned by RoPE, None for all."""
    made = torch.Generator().manual_seed(seed)
    frames = max(lengths)
    q, k, v = (
        torch.randn(len(lengths), frames, heads, dim_head, generator=made).transpose(1, 2) * 1.5
        for _ in range(3)
    )
    turned = heads if rotated is None else rotated
    rope = rotary(frames, dim_head)
    q, k = (torch.cat((rotate(x[:, :turned], *rope), x[:, turned:]), dim=1) for x in (q, k))
    return q, k, v


def mask_of(lengths: list[int], kind: str = "ends", seed: int = 0) -> torch.Tensor:
    """b n, true where a frame is real: the first ones of each item, or (`holes`) as many anywhere."""
    mask = torch.arange(max(lengths))[None] < torch.tensor(lengths)[:, None]
    if kind == HOLES:
        made = torch.Generator().manual_seed(seed)
        mask = torch.stack([row[torch.randperm(len(row), generator=made)] for row in mask])
    return mask


def truth(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None = None
) -> torch.Tensor:
    return Math()(q.double(), k.double(), v.double(), mask)


def error(found: torch.Tensor, wanted: torch.Tensor, mask: torch.Tensor | None = None) -> float:
    """The largest difference on real frames, over the largest value there."""
    difference = (found.double() - wanted).abs().transpose(1, 2)
    size = wanted.abs().transpose(1, 2)
    if mask is not None:
        difference, size = difference[mask], size[mask]
    return (difference.max() / size.max()).item()
