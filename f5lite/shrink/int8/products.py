"""Products of 8-bit integers: values (tokens, in) times weights (out, in) -> sums (tokens, out), which have to be exact.

Some kernels for processors without VNNI add pairs of products in 16 bits, which saturates. So each product is tried on the
worst that can come before it is used. Where oneDNN's saturates with 8 bits it is exact with 7 bits of activations: two
products of at most 127 x 127 then fit into 16 bits. And an exact one may be a plain loop, over a thousand times slower:
without AMX oneDNN's is, from VNNI or AVX-512 on, unless the activations are unsigned. Then the unsigned kind is taken, with
7 bits where there is no VNNI.
"""

from __future__ import annotations

import functools
import importlib.util
import logging
import math
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import torch

from f5lite.shrink.int8 import survival

Sums = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
Prepared = Callable[[torch.Tensor], torch.Tensor]
LARGEST, LARGEST_OF_7_BITS = 127, 63


class Space(threading.local):
    """Memory for the sums of one product at a time, int32, as large as the largest so far. Every thread has its own.

    Sums that come and go leave holes in glibc's heap: 190 MB of them in a pass of v1 Base, measured with torch's product.
    """

    def __init__(self) -> None:
        self.held = torch.empty(0, dtype=torch.int32)

    def take(self, *sizes: int) -> torch.Tensor:
        """A tensor of those sizes, unwritten."""
        count = math.prod(sizes)
        if self.held.numel() < count:
            self.held = torch.empty(0, dtype=torch.int32)  # let go of it first
            self.held = torch.empty(count, dtype=torch.int32)
        return self.held[:count].view(sizes)

    def __reduce__(self) -> tuple[type, tuple[()]]:
        return Space, ()  # a copied model has a place of its own


@dataclass(frozen=True)
class Product:
    """A kernel, and the numbers it takes: token values from -largest - 1 to largest, plus `zero`, as `dtype`.

    sums: (tokens, in) dtype, (out, in) int8 -> (tokens, out) int32, or float32 that holds the same sums (rounded above
    2^24). devices: where it runs. Either side may be of any size but nothing. `of` is for several products with one weight.
    into: the same sums, written where it is told to; None for a kernel that makes its own memory.
    inside: (values, weight, space) -> the product for a compiled seam to do; None for a kernel that can't be part of one.
    """

    name: str
    sums: Sums
    largest: int = LARGEST
    zero: int = 0
    dtype: torch.dtype = torch.int8
    devices: tuple[str, ...] = ("cpu",)
    prepare: Callable[[torch.Tensor], Prepared] | None = None
    into: Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor] | None = None
    inside: Callable[[torch.Tensor, torch.Tensor, Space], Any] | None = None

    def of(self, weight: torch.Tensor, space: Space | None = None) -> Prepared:
        """values -> sums, for as long as it is held with what the kernel makes of the weight (a copy, or nothing).

        space: where the sums lie if the kernel can be told; the next product's overwrite them.
        """
        if self.prepare:
            return self.prepare(weight)
        if self.into is None or space is None:
            return lambda values: self.sums(values, weight)
        return lambda values: self.into(values, weight, space.take(len(values), len(weight)))

    def problem(self) -> str | None:
        """None if the kernel is here and exact, else why not."""
        return _problem(self)


def int_mm(values: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """torch's own. Fast with AVX-512 VNNI or AMX; elsewhere a plain loop, far slower than float32.

    Of width 1 it leaves its answer unwritten where it is fast (torch 2.13), so that is done here.
    """
    return of_width_1(values, weight) if weight.shape[1] == 1 else torch._int_mm(values, weight.t())


def int_mm_into(values: torch.Tensor, weight: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
    if weight.shape[1] == 1:
        return out.copy_(of_width_1(values, weight))
    return torch._int_mm(values, weight.t(), out=out)


def of_width_1(values: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    return values.int() * weight.t().int()


def packed(weight: torch.Tensor, zero: int = 0) -> Prepared:
    """oneDNN's quantised layer with all scales 1; holds a packed copy of the weight."""
    operations = torch.ops.onednn
    rows = len(weight)
    copy = operations.qlinear_prepack(weight.contiguous(), None)
    ones, zeros = torch.ones(rows), torch.zeros(rows, dtype=torch.long)
    return lambda values: operations.qlinear_pointwise(
        values, 1.0, zero, copy, ones, zeros, None, 1.0, 0, torch.float32, "none", [], ""
    )


def qlinear(values: torch.Tensor, weight: torch.Tensor, zero: int = 0) -> torch.Tensor:
    """The same for one product: packing anew at each call costs 5 % of the time, and no lasting copy."""
    return packed(weight, zero)(values)


def import_bitsandbytes() -> ModuleType:
    """bitsandbytes, imported without a word: with bf16 instructions it warns of a package that only its 4-bit product needs."""
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    import bitsandbytes

    return bitsandbytes


def bitsandbytes(values: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """The product inside `bitsandbytes.nn.Linear8bitLt`. Imported at its first use."""
    import_bitsandbytes()  # registers the operation
    if weight.shape[1] == 1:
        return of_width_1(values, weight)
    return torch.ops.bitsandbytes.int8_linear_matmul(values, weight)


TORCH = Product("torch._int_mm", int_mm, into=int_mm_into)
ONEDNN_FULL = Product("oneDNN, 8-bit tokens", qlinear, prepare=packed)


def unsigned(name: str, largest: int) -> Product:
    """oneDNN's product for token values from 0 to 2 · largest + 1, which stand for -largest - 1 to largest."""
    zero = largest + 1
    sums, prepare = (functools.partial(kernel, zero=zero) for kernel in (qlinear, packed))
    return Product(name, sums, largest, zero, torch.uint8, prepare=prepare)


ONEDNN_UNSIGNED = unsigned("oneDNN, 8-bit tokens, unsigned", LARGEST)
ONEDNN_7_BITS = unsigned("oneDNN, 7-bit tokens", LARGEST_OF_7_BITS)
BITSANDBYTES = Product("bitsandbytes Linear8bitLt", bitsandbytes, devices=("cpu", "cuda"))


RISKY = {
    "onednn-8-bits": ONEDNN_FULL,
    "onednn-8-bits-unsigned": ONEDNN_UNSIGNED,
    "onednn-7-bits": ONEDNN_7_BITS,
}  # see `survival`
ROUNDS = 15  # of a race of products
PLAIN_LOOP = 8.0  # times the other's time; the one that was met took thousands


@functools.cache
def onednn() -> Product:
    """oneDNN's product with as many bits as it is exact with here, unless that is a plain loop."""
    exact = [each for each in (ONEDNN_FULL, ONEDNN_UNSIGNED) if each.problem() is None]
    if len(exact) < 2 and ONEDNN_7_BITS.problem() is None:
        exact.append(ONEDNN_7_BITS)
    return not_a_loop(exact) if exact else ONEDNN_7_BITS


def not_a_loop(products: Sequence[Product]) -> Product:
    """The first whose time on a small piece isn't many times that of the fastest."""
    if len(products) == 1:
        return products[0]
    weight = torch.ones(128, 256, dtype=torch.int8)
    taken = [least(each.of(weight), torch.ones(16, 256, dtype=each.dtype)) for each in products]
    return next(each for each, took in zip(products, taken, strict=True) if took <= PLAIN_LOOP * min(taken))


def faster(
    products: Sequence[Product],
    tokens: int,
    width: int,
    once: Callable[[Product, torch.Tensor, torch.Tensor], object] | None = None,
) -> Product:
    """The one that is done first with a square weight, what it makes of the weight included. once: does it, with what follows.

    On processors with int8 instructions oneDNN packs by a slow reorder: 5 ms for what then takes 1.5 (AMX, 1,024 a side). One
    that is a plain loop is found out on a small piece, and left out of the whole.
    """
    once = once or (lambda product, values, weight: product.of(weight)(values))
    left = list(products)
    for count, side in ((16, min(width, 256)), (tokens, width)):
        weight = torch.ones(side, side, dtype=torch.int8)
        taken = [math.inf] * len(left)
        for _ in range(ROUNDS):  # in turn: a busy moment falls on all of them
            for i, each in enumerate(left):
                values = torch.ones(count, side, dtype=each.dtype)
                begin = time.perf_counter()
                once(each, values, weight)
                taken[i] = min(taken[i], time.perf_counter() - begin)
        best = left[taken.index(min(taken))]
        left = [each for each, took in zip(left, taken, strict=True) if took <= PLAIN_LOOP * min(taken)]
        if len(left) == 1:
            break
    return best


def least(run: Prepared, values: torch.Tensor, times: int = 3) -> float:
    """Seconds of the fastest of some calls: other work only ever adds."""
    taken = []
    for _ in range(times):
        begin = time.perf_counter()
        run(values)
        taken.append(time.perf_counter() - begin)
    return min(taken)


def worst_cases(product: Product) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Token values and weights at the ends of their ranges, mixed ones, and sizes that no vector divides. Seeded."""
    generator = torch.Generator().manual_seed(0)
    top, bottom = product.zero + product.largest, product.zero - product.largest - 1

    def mixed(low: int, high: int, *shape: int) -> torch.Tensor:
        return torch.randint(low, high + 1, shape, generator=generator)

    cases = [
        (torch.full((32, 128), value), torch.full((32, 128), weight))
        for value in (top, bottom)
        for weight in (LARGEST, -LARGEST)
    ]
    for tokens, width, rows in ((32, 128, 32), (5, 33, 7), (3, 1, 9), (64, 1024, 48)):
        cases.append((mixed(bottom, top, tokens, width), mixed(-LARGEST, LARGEST, rows, width)))
    return [(values.to(product.dtype), weight.to(torch.int8)) for values, weight in cases]


@functools.cache
def _problem(product: Product) -> str | None:
    name = next((name for name, known in RISKY.items() if known is product), None)
    if name is not None and (why := survival.killer(name)):
        return f"{product.name} doesn't work here: {why}"
    return _trial(product)


def _trial(product: Product) -> str | None:
    if product is BITSANDBYTES and importlib.util.find_spec("bitsandbytes") is None:
        return "bitsandbytes is not installed (python -m pip install bitsandbytes)"
    try:
        for values, weight in worst_cases(product):
            wanted = (values.long() - product.zero) @ weight.long().t()
            if not torch.equal(product.sums(values, weight).long(), wanted):
                return "this processor's int8 product is not exact at full range (its sums saturate)"
    except (RuntimeError, AttributeError, NotImplementedError, ImportError, OSError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        return f"{product.name} doesn't work here ({reason})"
    return None


if __name__ == "__main__":  # a process that may end; what the trial finds is found again by who asked
    _trial(RISKY[sys.argv[1]])
