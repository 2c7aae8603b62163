"""f5lite's own attention kernels, parts of the compiled library: `amx-bf16` by AMX's tiles (`int8/cpp/attention.h`), and
`vnni-int16` in integers (`int8/cpp/integers.h`), which AVX-512 VNNI multiplies twice as fast as float32, and finer than bf16.

As FlashAttention (arXiv 2205.14135) they never hold the score matrix: some queries meet all keys at a time, and their scores
stay in the cache. Unlike it, they need no corrections: a row of scores is whole before its softmax.
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


@dataclass(frozen=True)
class Kernel:
    """symbol: its name in the library. dtype: of what it takes and gives. needs: which processors have it. instructions: what
    a variable that plays a lesser processor may forbid. queries: how many at a time; size: bytes of a score and its weight."""

    symbol: str
    dtype: torch.dtype
    needs: str
    instructions: str
    queries: int
    size: int


KERNELS = {
    "amx-bf16": Kernel("attention_bf16", torch.bfloat16, "AMX, under Linux", "AMX", 32, 6),
    "vnni-int16": Kernel("attention_int16", torch.float32, "AVX-512 VNNI", "VNNI", 8, 6),
}
NAMES = tuple(KERNELS)


@dataclass(frozen=True)
class Own:
    """softmax(q kᵀ / √d) v without gradients, on the CPU; float32 is rounded: to bf16, or to 16 bits of the largest (values
    to 13). Shapes as in `backends.Math`; d: 32 or 64.

    Masked keys are left out, the rows of masked frames come back as zeros. F5liteError for another d, or for a gradient.
    """

    name: str
    dtype: torch.dtype
    call: Callable[..., None]

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
        """q, k, v: b h n d, every frame real -> b h n d, of `dtype`, lying by frames."""
        q, k, v = (t.to(self.dtype).contiguous() for t in given)
        items, heads, frames, size = q.shape
        out = torch.empty(items, frames, heads, size, dtype=self.dtype)
        if out.numel():
            pointers = (t.data_ptr() for t in (q, k, v))
            self.call(*pointers, items, heads, frames, size, out.data_ptr(), torch.get_num_threads())
        return out.transpose(1, 2)


def refusal(name: str, device: str | torch.device | None = None) -> str | None:
    """Why it can't run here now, in words that a user can act on; None where it can. Compiles nothing."""
    from f5lite.shrink.int8 import compiled

    if device is not None and torch.device(device).type != "cpu":
        return f"it runs on processors, and the model is on {torch.device(device).type}"
    if why := compiled.missing():
        return f"its code can't be used: {why} (`f5lite engines --compile`)"
    if _loaded(compiled.library(), name) is None:
        return f"it needs a processor with {KERNELS[name].needs}"
    return None


def usable(device: str | torch.device | None = None) -> tuple[str, ...]:
    """Those that can run here now."""
    return tuple(name for name in NAMES if refusal(name, device) is None)


def own(name: str, device: str | torch.device | None = None) -> Own:
    """The backend, its code compiled now if need be, or an `F5liteError` with the reason."""
    from f5lite.shrink.int8 import compiled

    try:
        if device is None or torch.device(device).type == "cpu":
            compiled.build()
        reason = refusal(name, device)
    except F5liteError as error:
        reason = str(error)
    if reason is not None:
        raise F5liteError(
            f"attention backend {name!r} is refused: {reason}. Pass attention='sdpa', 'chunked' or 'auto'"
        )
    return Own(name, KERNELS[name].dtype, _loaded(compiled.library(), name))


@functools.cache
def _loaded(library: Path, name: str) -> Callable[..., None] | None:
    """A kernel of a compiled library, None where its instructions aren't, or aren't allowed."""
    from f5lite.shrink.int8.own import forbidden

    kernel = KERNELS[name]
    try:
        loaded = ctypes.CDLL(str(library))
        if forbidden(kernel.instructions) or not loaded[f"{kernel.symbol}_allowed"]():
            return None
        call = loaded[kernel.symbol]
    except (OSError, AttributeError):
        return None
    pointer, count, number = ctypes.c_void_p, ctypes.c_int64, ctypes.c_int32
    call.argtypes = [pointer, pointer, pointer, count, count, count, number, pointer, number]
    call.restype = None
    return call
