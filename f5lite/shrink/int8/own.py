"""The compiled library's own product (cpp/product.h), which a seam does itself: sums never exist as a whole.

It multiplies by AMX's tiles; on other processors there is none. A variable that forbids oneDNN such instructions forbids them
here, so that a lesser processor can be played.
"""

from __future__ import annotations

import ctypes
import functools
import math
import os
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F

from f5lite.shrink.int8.products import Product, Space

DEEP, BESIDE, TOKENS, APART = 64, 32, 32, 16  # as in product.h
# What a thread works on has to stay in its cache. Bytes of sums before numbers are made of them; and, where some outputs are
# taken at a time, bytes of their packed weights, and tokens at a time.
CACHE, PACKED, FEW = 1 << 20, 1 << 19, 32
NAME = "f5lite's own, by tiles"
FORBID = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")
ALLOWING = {  # words of such a variable (oneDNN's levels) that allow instructions
    "AMX": ("AMX", "ALL", "DEFAULT"),
    "VNNI": ("VNNI", "BF16", "FP16", "AMX", "ALL", "DEFAULT"),
}


class Work(ctypes.Structure):
    """A product to be done, as the library reads it."""

    _fields_ = (
        ("values", ctypes.c_void_p),
        ("weight", ctypes.c_void_p),
        ("width", ctypes.c_int64),
        ("space", ctypes.c_void_p),
        ("at_once", ctypes.c_int64),
        ("outputs", ctypes.c_int64),
    )


@dataclass(frozen=True)
class Pending:
    """A product that the seam behind it does: values b n in times weight (out, in), both without gaps."""

    values: torch.Tensor
    weight: torch.Tensor
    space: Space

    @property
    def shape(self) -> torch.Size:
        return torch.Size((*self.values.shape[:-1], len(self.weight)))

    def work(self, threads: int, whole: int = 0) -> Work:
        """whole: how many outputs the seam behind needs together, 0 for all."""
        rows, (out, width) = self.values[..., 0].numel(), self.weight.shape
        if whole:
            many, some = FEW, outputs(out, width, threads, whole)
            space = self.space.take(threads * (some * width // 4 + many * (some + APART)))
        else:
            many, some = at_once(rows, out, threads), 0
            space = self.space.take(out * width // 4 + threads * many * (out + APART))
        return Work(self.values.data_ptr(), self.weight.data_ptr(), width, space.data_ptr(), many, some)


def at_once(rows: int, out: int, threads: int) -> int:
    """Tokens that a thread takes at a time: as many as `CACHE` has room for, and as many for one thread as for another."""
    most = max(1, CACHE // (4 * (out + APART) * TOKENS)) * TOKENS
    turns = max(1, -(-rows // (threads * most)))
    return max(1, -(-rows // (threads * turns * TOKENS))) * TOKENS


def outputs(out: int, width: int, threads: int, whole: int) -> int:
    """Outputs that a thread takes at a time: as many as `PACKED` has room for, as many for one thread as for another, and a
    multiple of `whole`."""
    grain = math.lcm(whole, BESIDE)
    most = max(1, PACKED // width // grain)
    each = -(-out // (threads * grain))
    turns = -(-each // most)
    return -(-each // turns) * grain


def suits(*sizes: int) -> bool:
    """Whether a model whose widths these are can use it inside its seams."""
    return all(size % DEEP == 0 for size in sizes)


def forbidden(instructions: str = "AMX") -> bool:
    """Whether a variable says that a processor without those is played: "AMX", or "VNNI" (of AVX-512)."""
    level = next((os.environ[name] for name in FORBID if os.environ.get(name)), "ALL").upper()
    return level.startswith("AVX2") or not any(word in level for word in ALLOWING[instructions])


@functools.cache
def product(library: Path) -> Product | None:
    """That of a compiled library, if it can run here; None if not. Not tried yet: see `Product.problem`."""
    try:
        loaded = ctypes.CDLL(str(library))
    except OSError:  # whoever loads its seams says so
        return None
    if forbidden() or not loaded.tiles_():
        return None
    call, space = loaded.product_, Space()
    call.argtypes = [ctypes.c_void_p, ctypes.c_int64, ctypes.c_int32, ctypes.c_void_p, ctypes.c_int32]
    call.restype = None

    def into(values: torch.Tensor, weight: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
        pending = Pending(values.contiguous(), weight.contiguous(), space)
        threads = torch.get_num_threads()
        work = pending.work(threads)
        call(ctypes.byref(work), len(values), len(weight), out.data_ptr(), threads)
        return out

    def sums(values: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """Of any size: what is missing to the next multiple is made up of zeros."""
        (tokens, width), rows = values.shape, len(weight)
        deeper, wider = -width % DEEP, -rows % BESIDE
        if deeper or wider:
            values, weight = F.pad(values, (0, deeper)), F.pad(weight, (0, deeper, 0, wider))
        return into(values, weight, torch.empty(tokens, rows + wider, dtype=torch.int32))[:, :rows]

    return Product(NAME, sums, into=into, inside=Pending)
