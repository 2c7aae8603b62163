"""The attention of a block, written several ways: same sums, another order of memory access.

`math` is the formula as it stands in the paper and holds the whole score matrix. `sdpa` is torch's own, whichever kernel
it picks. `chunked` works on pieces of the score matrix that stay in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend

from f5lite.errors import F5liteError

PIECE_BYTES = 1 << 20  # scores in work at a time: near what the second-level caches of two cores hold


def scale_of(q: torch.Tensor) -> float:
    return q.shape[-1] ** -0.5


@dataclass(frozen=True)
class Math:
    """softmax(q kᵀ / √d) v, term by term. q, k, v: b h n d; mask: b n, true where a frame is real -> b h n d."""

    name = "math"

    def __call__(
        self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        scores = (q * scale_of(q)) @ k.transpose(-1, -2)
        if mask is not None:
            scores.masked_fill_(~mask[:, None, None], -torch.inf)
        return scores.softmax(-1) @ v


@dataclass(frozen=True)
class Sdpa:
    """torch's `scaled_dot_product_attention`; with `dtype` the work is done in that format. Shapes as in `Math`."""

    dtype: torch.dtype | None = None

    @property
    def name(self) -> str:
        return named("sdpa", self.dtype)

    def __call__(
        self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        given = q.dtype
        q, k, v = self.cast(q, k, v)
        mixed = F.scaled_dot_product_attention(
            q, k, v, attn_mask=None if mask is None else mask[:, None, None]
        )
        return mixed.to(given)

    def cast(self, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tensors if self.dtype is None else tuple(t.to(self.dtype) for t in tensors)

    def kernel(
        self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None = None
    ) -> str:
        """The kernel that torch picks for these: "flash attention", "efficient attention", "cudnn attention" or "math".

        torch asks itself the same question (`torch._fused_sdp_choice`) at every call.
        """
        q, k, v = self.cast(q, k, v)
        attn_mask = None if mask is None else mask[:, None, None]
        choice = torch._fused_sdp_choice(q, k, v, attn_mask)
        return SDPBackend(choice).name.lower().replace("_", " ")


@dataclass(frozen=True)
class Chunked:
    """Attention in pieces of some heads and query rows, `piece_bytes` of scores at a time. For inference.

    A piece has whole rows, so its softmax is exact and nothing has to be corrected afterwards. Masked keys are left
    out of the products; the rows of masked frames come back as zeros. With `dtype` the products are done in that
    format. Shapes as in `Math`; never holds more scores than one piece (or one row, if a row is larger).
    """

    dtype: torch.dtype | None = None
    piece_bytes: int = PIECE_BYTES

    @property
    def name(self) -> str:
        return named("chunked", self.dtype)

    def __call__(
        self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        if torch.is_grad_enabled() and any(t.requires_grad for t in (q, k, v)):
            raise F5liteError("the chunked attention backend has no gradient; train with 'sdpa'")
        out = torch.empty(q.shape, dtype=q.dtype, device=q.device) if mask is None else torch.zeros_like(q)
        for item in range(q.shape[0]):
            parts = (q[item], k[item], v[item], out[item])
            keep = None if mask is None else mask[item]
            if keep is None or bool(keep.all()):
                self._attend(*parts)
                continue
            count = int(keep.sum())
            if not count:
                continue
            if bool(keep[:count].all()):  # padding at the end, the usual case: views, no copies
                self._attend(*(t[:, :count] for t in parts))
            else:
                real = keep.nonzero()[:, 0]
                gathered = [t.index_select(1, real) for t in parts]
                self._attend(*gathered)
                out[item].index_copy_(1, real, gathered[3])
        return out

    def _attend(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, out: torch.Tensor) -> None:
        """q, k, v, out: h n d, every frame real."""
        if self.dtype is not None:
            q, k, v = (t.to(self.dtype) for t in (q, k, v))
        heads, frames, _ = q.shape
        at_once, rows = piece(heads, frames, k.shape[1], self.piece_bytes // q.element_size())
        keys, scale = k.transpose(1, 2), scale_of(q)
        held = torch.empty(at_once * rows * k.shape[1], dtype=q.dtype, device=q.device)
        for first, last in spans(heads, at_once):
            for top, bottom in spans(frames, rows):
                scores = held[: (last - first) * (bottom - top) * k.shape[1]]
                scores = scores.view(last - first, bottom - top, k.shape[1])
                torch.baddbmm(
                    scores, q[first:last, top:bottom], keys[first:last], beta=0, alpha=scale, out=scores
                )
                torch.softmax(scores, -1, out=scores)
                result = out[first:last, top:bottom]
                if result.dtype == scores.dtype:
                    torch.bmm(scores, v[first:last], out=result)
                else:
                    result.copy_(torch.bmm(scores, v[first:last]))


def piece(heads: int, rows: int, keys: int, most: int) -> tuple[int, int]:
    """(heads, rows) of a piece of at most `most` scores: whole heads while they fit, else rows of one head."""
    if rows * keys > most:
        return 1, max(1, most // keys)
    return max(1, min(heads, most // (rows * keys))), rows


def spans(length: int, step: int) -> Iterator[tuple[int, int]]:
    """Begin and end of each piece of 0 … length."""
    for begin in range(0, length, step):
        yield begin, min(length, begin + step)


def named(name: str, dtype: torch.dtype | None) -> str:
    short = {None: "", torch.bfloat16: "-bf16", torch.float16: "-fp16", torch.float32: "-fp32"}
    return name + short[dtype]
