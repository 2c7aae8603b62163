"""Engines: which code does a layer's product when its weights are int8. All take float32 and give float32.

    reference      dequantises a piece of the layer at a time and multiplies in float32: exact on the weights, no faster
    torch          quantises each token and multiplies int8 with `torch._int_mm`: fast with AVX-512 VNNI and AMX
    onednn         the same with oneDNN's quantised layer: fast from AVX2 on, there with 7-bit tokens
    bf16           makes a piece of the layer bf16 (which is exact) and multiplies in bf16: fast with AMX or BF16 instructions
    bitsandbytes   the product of `Linear8bitLt`; also on CUDA
    fused          see `fused`: the arithmetic around the products compiled, for whole blocks

Which is fastest depends on the processor: `auto` measures (`choice`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Protocol

import torch

from f5lite import machine
from f5lite.errors import F5liteError
from f5lite.model.config import DiTConfig
from f5lite.shrink.int8 import products
from f5lite.shrink.int8.products import Product
from f5lite.shrink.int8.quantise import quantise_tokens, row_sums, token_pieces

PIECE = 1 << 19  # weights dequantised at a time: 2 MB of float32, which stays in a core's cache
INT8_PRODUCTS = ("AVX_VNNI", "AVX512_VNNI", "AMX_INT8")


class Engine(Protocol):
    """What a layer needs of an engine. Every engine answers alike to everything that can come:

    - a token (row of x) that holds a NaN or an infinity has no finite number in its output; other tokens don't notice.
    - a token of zeros gives the bias, exactly; so does a layer of zero width. A weight row of zeros gives its bias.
    - a huge number costs precision in its own token only. Where the true product overflows float32 it is infinite or NaN.
    - any sizes; no tokens or no rows give an empty answer of the right shape.
    - x may be of any floating type and any strides; the answer is float32, contiguous, and shares nothing with x.
    """

    name: str
    devices: tuple[str, ...]

    def problem(self) -> str | None:
        """None if the engine can run on this machine and is exact here, else why not, in one sentence."""
        ...

    def linear(
        self, x: torch.Tensor, weight: torch.Tensor, scale: torch.Tensor, bias: torch.Tensor | None
    ) -> torch.Tensor:
        """x: (…, in); weight: (out, in) int8; scale: (out,); bias: (out,) or None -> (…, out) float32."""
        ...


def tokens(x: torch.Tensor, width: int) -> torch.Tensor:
    """(…, width) -> (tokens, width); torch can't work out the first number where the second is 0."""
    return x.reshape(-1, width) if width else x.new_empty(x.shape[:-1].numel(), 0)


@torch.no_grad()
def product_in_pieces(
    x: torch.Tensor,
    weight: torch.Tensor,
    scale: torch.Tensor | None,
    bias: torch.Tensor | None,
    dtype: torch.dtype = torch.float32,
) -> torch.Tensor:
    """x @ weight.T + bias with weights of few bits made `dtype` some rows at a time. x: (…, in) -> (…, out) float32."""
    rows, width = weight.shape
    flat = tokens(x, width).to(dtype)
    out = flat.new_empty(len(flat), rows, dtype=torch.float32)
    step = max(1, PIECE // max(1, width))
    wide = flat.new_empty(min(step, rows), width)
    for first in range(0, rows, step):
        part = weight[first : first + step]
        piece = wide[: len(part)].copy_(part)
        into = out[:, first : first + step]
        its_scale = None if scale is None else scale[first : first + step]
        its_bias = None if bias is None else bias[first : first + step]
        if (
            dtype != torch.float32
        ):  # the scale comes after the product: int8 numbers are exact in bf16, scaled ones aren't
            into.copy_(flat @ piece.t())
            if its_scale is not None:
                into.mul_(its_scale)
            if its_bias is not None:
                into.add_(its_bias)
            continue
        if its_scale is not None:
            piece.mul_(its_scale[:, None])
        if its_bias is None:
            torch.mm(flat, piece.t(), out=into)
        else:
            torch.addmm(its_bias, flat, piece.t(), out=into)
    return out.view(*x.shape[:-1], rows)


class Reference:
    """Dequantise, then float32."""

    name = "reference"
    devices = ("cpu", "cuda", "mps")

    def problem(self) -> str | None:
        return None

    def linear(
        self, x: torch.Tensor, weight: torch.Tensor, scale: torch.Tensor, bias: torch.Tensor | None
    ) -> torch.Tensor:
        return product_in_pieces(x, weight, scale, bias)


class Bf16:
    """Tokens rounded to bf16, weights made bf16 in pieces. Without bf16 instructions several times slower than float32."""

    name = "bf16"
    devices = ("cpu", "cuda")

    def problem(self) -> str | None:
        return _bf16_problem()

    def linear(
        self, x: torch.Tensor, weight: torch.Tensor, scale: torch.Tensor, bias: torch.Tensor | None
    ) -> torch.Tensor:
        return product_in_pieces(x, weight, scale, bias, torch.bfloat16)


class Integer:
    """Tokens quantised, an integer product, and the sums as numbers by a token's scale and zero point and a row's scale."""

    def __init__(self, name: str, product: Callable[[], Product]):
        self.name, self._product = name, product

    @property
    def product(self) -> Product:
        return self._product()

    @property
    def devices(self) -> tuple[str, ...]:
        return self.product.devices

    def problem(self) -> str | None:
        return self.product.problem()

    @torch.no_grad()
    def linear(
        self, x: torch.Tensor, weight: torch.Tensor, scale: torch.Tensor, bias: torch.Tensor | None
    ) -> torch.Tensor:
        rows, width = weight.shape
        flat = tokens(x, width)
        if not flat.numel() or not rows:
            out = flat.new_zeros(len(flat), rows, dtype=torch.float32)
            return (out if bias is None else out + bias).view(*x.shape[:-1], rows)
        product = self.product
        values, token = quantise_tokens(flat, product.largest, product.zero, product.dtype)
        out = scaled(product.sums(values, weight), token, scale, row_sums(weight), bias)
        return out.view(*x.shape[:-1], rows)


def scaled(
    sums: torch.Tensor,
    token: torch.Tensor,
    scale: torch.Tensor,
    totals: torch.Tensor,
    bias: torch.Tensor | None,
) -> torch.Tensor:
    """Sums of integers (tokens, rows), int32 or float32, as the numbers they stand for, float32; in the sums' own memory.

    token: a scale and an offset each (tokens, 2), see `quantise_tokens`; scale, totals: of each row of the weight.
    """
    out = sums.view(torch.float32)
    for part in token_pieces(*sums.shape):
        its_scale, offset = token[part].split(1, -1)
        means = out[part].copy_(sums[part]).addcmul_(offset, totals).mul_(its_scale)
        if bias is None:
            means.mul_(scale)
        else:
            torch.addcmul(bias, means, scale, out=means)
    return out


@functools.cache
def _bf16_problem() -> str | None:
    x = torch.ones(2, 4, dtype=torch.bfloat16)
    try:
        return None if bool(((x @ x.t()) == 4).all()) else "this torch's bf16 product is wrong here"
    except RuntimeError as error:
        return f"torch has no bf16 product here ({str(error).splitlines()[0]})"


ENGINES: dict[str, Engine] = {
    engine.name: engine
    for engine in (
        Reference(),
        Integer("torch", lambda: products.TORCH),
        Integer("onednn", products.onednn),
        Bf16(),
        Integer("bitsandbytes", lambda: products.BITSANDBYTES),
    )
}
FUSED = "fused"
NAMES = ("auto", *ENGINES, FUSED)


def native() -> bool:
    """Whether this processor has instructions for int8 products that `torch` uses."""
    return any(each in machine.card().instruction_sets for each in INT8_PRODUCTS)


def engine(name: str = "auto", device: str = "cpu", config: DiTConfig | None = None) -> Engine:
    """An engine by name, if it can run here; for "fused" the one that does its products, see `fused.install` for the rest.

    "auto": `auto.choice` for a model of that configuration, by default for v1 Base's shape as far as it was measured already.
    """
    if name in ("auto", FUSED):
        from f5lite.shrink.int8 import auto, fused

        if name == FUSED:
            return ENGINES[fused.engine_of(fused.product_here())]
        chosen = auto.choice(config, device) if config else auto.unmeasured(device)
        return engine(chosen.name, device)
    if name not in ENGINES:
        raise F5liteError(f"no engine {name!r}; there are {', '.join(NAMES)}")
    if why := ENGINES[name].problem():
        raise F5liteError(f"engine {name!r} can't run here: {why}; use engine='reference'")
    kind = torch.device(device).type
    if kind not in ENGINES[name].devices:
        raise F5liteError(f"engine {name!r} doesn't run on {kind}; use engine='reference'")
    return ENGINES[name]
