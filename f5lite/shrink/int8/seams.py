"""The arithmetic between a block's products, as five functions of tensors: cpp/seams.h says it again, `fused` may run it so.

    opened    normalise, modulate, quantise                 before q, k, v and before the feed-forward
    turned    dequantise, rotate, apart into heads          after q, k, v
    mixed     quantise                                      after the attention
    widened   dequantise, GELU, quantise                    inside the feed-forward
    closed    dequantise, gate, add to what came in         after the attention's output and after the feed-forward

b: items, n: frames, d: width. `sums` are a product's, int32 or float32; `token` is each token's scale and offset (b n 2,
see `quantise.quantise_tokens`); `row`, `totals` and `bias` are a number an output: the weight row's scale, its sum. Odd
numbers are treated as `engines.Engine` says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from f5lite.shrink.int8.products import Product
from f5lite.shrink.int8.quantise import token_range


class Seam(nn.Module):
    """A seam for a product's numbers: values from zero - largest - 1 to zero + largest as `dtype`."""

    def __init__(self, product: Product, heads: int = 1):
        super().__init__()
        self.largest, self.zero, self.dtype, self.heads = product.largest, product.zero, product.dtype, heads

    def quantise(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """As `quantise.quantise_tokens`, in whole tensors."""
        scale, first = token_range(x, self.largest)
        whole = torch.isfinite(scale)
        values = (torch.round(x / scale) - first).clamp(0, 2 * self.largest + 1) - (self.largest + 1)
        values = torch.where(whole, values, 0.0) + self.zero
        offset = torch.where(whole, first + (self.largest + 1), 0.0)
        return values.to(self.dtype), torch.cat((torch.where(whole, scale, torch.nan), offset), -1)


def meant(
    sums: torch.Tensor, token: torch.Tensor, row: torch.Tensor, totals: torch.Tensor, bias: torch.Tensor
) -> torch.Tensor:
    return (sums.float() + token[..., 1:] * totals) * token[..., :1] * row + bias


class Opened(Seam):
    """x: b n d; shift, scale: b 1 d -> values b n d, tokens b n 2."""

    def forward(self, x: torch.Tensor, shift: torch.Tensor, scale: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return self.quantise(F.layer_norm(x, x.shape[-1:], eps=1e-6) * (1 + scale) + shift)


class Turned(Seam):
    """sums: b n 3·d; cos, sin: n 1 dim_head/2 -> q, k, v, each b n heads dim_head, of their own, float32 or `dtype`."""

    def forward(
        self,
        sums: torch.Tensor,
        token: torch.Tensor,
        row: torch.Tensor,
        totals: torch.Tensor,
        bias: torch.Tensor,
        cos: torch.Tensor,
        sin: torch.Tensor,
        dtype: torch.dtype = torch.float32,
    ) -> tuple[torch.Tensor, ...]:
        q, k, v = meant(sums, token, row, totals, bias).unflatten(-1, (3, self.heads, -1)).unbind(2)

        def rotate(x: torch.Tensor) -> torch.Tensor:
            a, b = x.unflatten(-1, (-1, 2)).unbind(-1)
            return torch.stack((a * cos - b * sin, b * cos + a * sin), -1).flatten(-2)

        return rotate(q).to(dtype), rotate(k).to(dtype), v.clone().to(dtype)


class Mixed(Seam):
    """x: b n heads dim_head, float32 or bf16 -> values b n d, tokens b n 2."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return self.quantise(x.float().flatten(2))


class Widened(Seam):
    """sums: b n w -> values b n w, tokens b n 2.

    GELU's tanh form is y · sigmoid(2u): the same function by one exponential.
    """

    def forward(
        self,
        sums: torch.Tensor,
        token: torch.Tensor,
        row: torch.Tensor,
        totals: torch.Tensor,
        bias: torch.Tensor,
    ) -> tuple[torch.Tensor, ...]:
        y = meant(sums, token, row, totals, bias)
        return self.quantise(y * torch.sigmoid(1.5957691216057308 * y * (1 + 0.044715 * y * y)))


class Closed(Seam):
    """sums: b n d; x: b n d; gate: b 1 d; keep: b n 1, true where a frame is real -> b n d.

    out: where it is written to, if it is told; that may be x.
    """

    def forward(
        self,
        sums: torch.Tensor,
        token: torch.Tensor,
        row: torch.Tensor,
        totals: torch.Tensor,
        bias: torch.Tensor,
        x: torch.Tensor,
        gate: torch.Tensor,
        keep: torch.Tensor,
        out: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, ...]:
        found = x + gate * torch.where(keep, meant(sums, token, row, totals, bias), 0.0)
        return (found if out is None else out.copy_(found),)


@dataclass(frozen=True)
class Shape:
    """What compiled seams are made for; items and frames are free."""

    dim: int
    heads: int
    dim_head: int
    wide: int

    @property
    def key(self) -> str:
        return f"{self.dim}x{self.heads}x{self.dim_head}x{self.wide}"


SEAMS: dict[str, type[Seam]] = {
    "opened": Opened,
    "turned": Turned,
    "mixed": Mixed,
    "widened": Widened,
    "closed": Closed,
}
Run = Callable[..., tuple[torch.Tensor, ...]]


def seams(product: Product, shape: Shape) -> dict[str, Seam]:
    """All five, uncompiled."""
    return {name: kind(product, shape.heads).eval() for name, kind in SEAMS.items()}


def examples(
    shape: Shape, product: Product, items: int = 2, frames: int = 24, seed: int = 0
) -> dict[str, tuple[torch.Tensor, ...]]:
    """Inputs of each seam by name."""
    generator = torch.Generator().manual_seed(seed)

    def random(*sizes: int) -> torch.Tensor:
        return torch.randn(*sizes, generator=generator)

    inner = shape.heads * shape.dim_head
    sums_are = product.sums(torch.zeros(1, 16).to(product.dtype), torch.zeros(16, 16, dtype=torch.int8)).dtype

    def product_of(rows: int) -> tuple[torch.Tensor, ...]:
        sums = (1000 * random(items, frames, rows)).round().to(sums_are)
        token = torch.cat((1e-3 * random(items, frames, 1).abs(), (9 * random(items, frames, 1)).round()), -1)
        return sums, token, random(rows).abs(), (99 * random(rows)).round(), random(rows)

    x, keep = random(items, frames, shape.dim), random(items, frames, 1) > -1
    shift, scale, gate = (random(items, 1, shape.dim) for _ in range(3))
    cos, sin = random(frames, 1, shape.dim_head // 2), random(frames, 1, shape.dim_head // 2)
    return {
        "opened": (x, shift, scale),
        "turned": (*product_of(3 * inner), cos, sin),
        "mixed": (random(items, frames, shape.heads, shape.dim_head),),
        "widened": product_of(shape.wide),
        "closed": (*product_of(shape.dim), x, gate, keep),
    }
