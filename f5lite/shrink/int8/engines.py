"""Engines: which code does a layer's product when its weights are int8. All take float32 and give float32.

`reference` dequantises a piece of the layer at a time and multiplies in float32: exact on the weights, right everywhere,
no faster. `torch` quantises each token and multiplies in int8 with `torch._int_mm`: fast where the processor has
instructions for it, and far slower than float32 where it hasn't.
"""

from __future__ import annotations

import functools
from typing import Protocol

import torch

from f5lite import machine
from f5lite.errors import F5liteError
from f5lite.shrink.int8.quantise import LARGEST, quantise_tokens

PIECE = 1 << 19  # weights dequantised at a time: 2 MB of float32, which stays in a core's cache
INT8_PRODUCTS = ("AVX_VNNI", "AVX512_VNNI", "AMX_INT8")


class Engine(Protocol):
    """What a layer needs of an engine."""

    name: str

    def problem(self) -> str | None:
        """None if the engine can run on this machine and is exact here, else why not, in one sentence."""
        ...

    def linear(
        self, x: torch.Tensor, weight: torch.Tensor, scale: torch.Tensor, bias: torch.Tensor | None
    ) -> torch.Tensor:
        """x: (…, in); weight: (out, in) int8; scale: (out,); bias: (out,) or None -> (…, out) float32."""
        ...


@torch.no_grad()
def product_in_pieces(
    x: torch.Tensor, weight: torch.Tensor, scale: torch.Tensor | None, bias: torch.Tensor | None
) -> torch.Tensor:
    """x @ weight.T + bias with weights of few bits made float32 some rows at a time. x: (…, in) -> (…, out) float32."""
    rows, width = weight.shape
    flat = x.reshape(-1, width).float()
    out = flat.new_empty(len(flat), rows)
    step = max(1, PIECE // max(1, width))
    wide = flat.new_empty(min(step, rows), width)
    for first in range(0, rows, step):
        part = weight[first : first + step]
        piece = wide[: len(part)].copy_(part)
        if scale is not None:
            piece.mul_(scale[first : first + step, None])
        into = out[:, first : first + step]
        if bias is None:
            torch.mm(flat, piece.t(), out=into)
        else:
            torch.addmm(bias[first : first + step], flat, piece.t(), out=into)
    return out.view(*x.shape[:-1], rows)


class Reference:
    """Dequantise, then float32."""

    name = "reference"

    def problem(self) -> str | None:
        return None

    def linear(
        self, x: torch.Tensor, weight: torch.Tensor, scale: torch.Tensor, bias: torch.Tensor | None
    ) -> torch.Tensor:
        return product_in_pieces(x, weight, scale, bias)


class Torch:
    """int8 x int8 -> int32 on `torch._int_mm`, a scale a token and a scale a row. Weights are read where they lie."""

    name = "torch"

    def problem(self) -> str | None:
        return _int_mm_problem()

    def linear(
        self, x: torch.Tensor, weight: torch.Tensor, scale: torch.Tensor, bias: torch.Tensor | None
    ) -> torch.Tensor:
        rows, width = weight.shape
        flat = x.reshape(-1, width)
        if not flat.numel() or not rows:
            out = flat.new_zeros(len(flat), rows, dtype=torch.float32)
            return (out if bias is None else out + bias).view(*x.shape[:-1], rows)
        values, token_scale = quantise_tokens(flat)
        out = torch._int_mm(values, weight.t()).float().mul_(token_scale).mul_(scale)
        if bias is not None:
            out.add_(bias)
        return out.view(*x.shape[:-1], rows)


@functools.cache
def _int_mm_problem() -> str | None:
    """Some kernels without VNNI add pairs of products in 16 bits, which saturate at full range: so try the worst case."""
    ends = torch.full((32, 128), LARGEST, dtype=torch.int8)
    generator = torch.Generator().manual_seed(0)
    mixed = torch.randint(-LARGEST, LARGEST + 1, (32, 128), generator=generator, dtype=torch.int8)
    try:
        for a, b in ((ends, ends), (-ends, ends), (mixed, mixed)):
            if not torch.equal(torch._int_mm(a, b.t()).long(), a.long() @ b.long().t()):
                return "this processor's int8 product is not exact at full range (its sums saturate)"
    except (RuntimeError, AttributeError, NotImplementedError) as error:
        return f"torch has no int8 product here ({str(error).splitlines()[0]})"
    return None


ENGINES: dict[str, Engine] = {engine.name: engine for engine in (Reference(), Torch())}


def engine(name: str = "auto") -> Engine:
    """An engine by name, if it can run here. "auto": `torch` where the processor multiplies int8 natively, else `reference`."""
    if name == "auto":
        native = any(each in machine.card().instruction_sets for each in INT8_PRODUCTS)
        return ENGINES["torch"] if native and ENGINES["torch"].problem() is None else ENGINES["reference"]
    if name not in ENGINES:
        raise F5liteError(f"no engine {name!r}; there are auto, {', '.join(ENGINES)}")
    if why := ENGINES[name].problem():
        raise F5liteError(f"engine {name!r} can't run here: {why}; use engine='reference'")
    return ENGINES[name]
