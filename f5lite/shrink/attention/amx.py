"""Attention by AMX's tiles, in bf16: f5lite's own kernel, part of the compiled library (`int8/cpp/attention.h`).

As FlashAttention (arXiv 2205.14135) it never holds the score matrix: two tiles of queries meet all keys at a time, and their
scores stay in the second-level cache. Unlike it, it needs no corrections: a row of scores is whole before its softmax.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from f5lite.errors import F5liteError

SIZES = (32, 64)  # numbers of a head
QUERIES = 32  # at a time


@dataclass(frozen=True)
class Amx:
    """softmax(q kᵀ / √d) v without gradients, on the CPU; float32 is rounded to bf16. Shapes as in `backends.Math`; d: 32 or 64.

    Masked keys are left out, the rows of masked frames come back as zeros. F5liteError for another d, or for a gradient.
    """

    call: Callable[..., None]
    name = "amx-bf16"
    dtype = torch.bfloat16

    def __call__(
        self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        if torch.is_grad_enabled() and any(t.requires_grad for t in (q, k, v)):
            raise F5liteError(f"the attention backend {self.name!r} has no gradient; train with 'sdpa'")
        if q.shape[-1] not in SIZES:
            raise F5liteError(
                f"the attention backend {self.name!r} takes heads of 32 or 64 numbers, found {q.shape[-1]}"
            )
        if mask is None or bool(mask.all()):
            return self._attend(q, k, v).to(q.dtype)
        out = torch.zeros(q.shape, dtype=q.dtype)
        for item, keep in enumerate(mask):
            real = keep.nonzero()[:, 0]
            gathered = (t[item : item + 1].index_select(2, real) for t in (q, k, v))
            out[item].index_copy_(1, real, self._attend(*gathered)[0].to(q.dtype))
        return out

    def _attend(self, *given: torch.Tensor) -> torch.Tensor:
        """q, k, v: b h n d, every frame real -> b h n d, bf16, lying by frames."""
        q, k, v = (t.to(self.dtype).contiguous() for t in given)
        items, heads, frames, size = q.shape
        out = torch.empty(items, frames, heads, size, dtype=self.dtype)
        if out.numel():
            pointers = (t.data_ptr() for t in (q, k, v))
            self.call(*pointers, items, heads, frames, size, out.data_ptr(), torch.get_num_threads())
        return out.transpose(1, 2)


def refusal(device: str | torch.device | None = None) -> str | None:
    """Why it can't run here now, in words that a user can act on; None where it can. Compiles nothing."""
    from f5lite.shrink.int8 import compiled

    if device is not None and torch.device(device).type != "cpu":
        return f"it runs on processors, and the model is on {torch.device(device).type}"
    if why := compiled.missing():
        return f"its code can't be used: {why} (`f5lite engines --compile`)"
    if _loaded(compiled.library()) is None:
        return "it needs a processor with AMX, under Linux"
    return None


def amx(device: str | torch.device | None = None) -> Amx:
    """The backend, its code compiled now if need be, or an `F5liteError` with the reason."""
    from f5lite.shrink.int8 import compiled

    try:
        if device is None or torch.device(device).type == "cpu":
            compiled.build()
        reason = refusal(device)
    except F5liteError as error:
        reason = str(error)
    if reason is not None:
        raise F5liteError(
            f"attention backend {Amx.name!r} is refused: {reason}. Pass attention='sdpa', 'chunked' or 'auto'"
        )
    return Amx(_loaded(compiled.library()))


@functools.cache
def _loaded(library: Path) -> Callable[..., None] | None:
    """The kernel of a compiled library, None where its instructions aren't, or aren't allowed."""
    from f5lite.shrink.int8 import own

    try:
        loaded = ctypes.CDLL(str(library))
        if own.forbidden() or not loaded.attention_allowed_():
            return None
        call = loaded.attention_
    except (OSError, AttributeError):
        return None
    pointer, count, number = ctypes.c_void_p, ctypes.c_int64, ctypes.c_int32
    call.argtypes = [pointer, pointer, pointer, count, count, count, number, pointer, number]
    call.restype = None
    return call
