"""Symmetric 8-bit numbers: a value is its int8 times a scale. One scale a weight row, one a token; and what that costs.

Defined for everything that can come: a row of zeros has scale 1; a weight with a NaN or an infinity is refused; a token
with one gives a NaN scale, so that its own output is NaN and its neighbours' isn't.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch

from f5lite.errors import F5liteError

LARGEST = 127  # -128 is left out, so that negating a number never overflows
SCHEMES = ("row", "tensor")
PIECE = 1 << 18  # numbers worked on at a time: 1 MB of float32


def _scale(largest: torch.Tensor, integer: int = LARGEST) -> torch.Tensor:
    scale = largest.float() / integer
    return torch.where(scale == 0, 1.0, scale)  # zeros, and numbers so small that their scale isn't one


def quantise_rows(weight: torch.Tensor, what: str = "the weight") -> tuple[torch.Tensor, torch.Tensor]:
    """Per output channel: (rows, …) -> int8 of the same shape, scales (rows,) float32. F5liteError on NaN or infinity."""
    flat = weight.detach().float().flatten(1)
    largest = flat.abs().amax(1) if flat.shape[1] else flat.new_zeros(len(flat))
    if not torch.isfinite(largest).all():
        raise F5liteError(f"{what} holds NaN or infinity; the file is damaged, or its training diverged")
    scale = _scale(largest)
    return torch.round(flat / scale[:, None]).to(torch.int8).view(weight.shape), scale


def quantise_tensor(weight: torch.Tensor, what: str = "the weight") -> tuple[torch.Tensor, torch.Tensor]:
    """One scale for all of it: what `torch.ao.quantization.quantize_dynamic` does. For comparison."""
    values, scale = quantise_rows(weight.reshape(1, -1), what)
    return values.view(weight.shape), scale.expand(weight.shape[0])


def token_pieces(tokens: int, width: int) -> Iterator[slice]:
    """Tokens in pieces of 1 MB of float32: what is done to a piece stays in the cache, and what it needs stays small."""
    step = max(1, PIECE // max(1, width))
    return (slice(first, first + step) for first in range(0, tokens, step))


@torch.no_grad()
def quantise_tokens(
    x: torch.Tensor, largest: int = LARGEST, zero: int = 0, dtype: torch.dtype = torch.int8
) -> tuple[torch.Tensor, torch.Tensor]:
    """Per token: (…, d) -> integers from zero - largest to zero + largest as `dtype`, (…, d), and scales (…, 1) float32."""
    flat = x.reshape(-1, x.shape[-1]) if x.numel() else x.new_empty(x.shape[:-1].numel(), x.shape[-1])
    values = torch.empty(flat.shape, dtype=dtype, device=x.device)
    scales = torch.empty(len(flat), 1, device=x.device)
    for part in token_pieces(*flat.shape):
        piece = flat[part].float()
        size = piece.abs()
        most = size.amax(-1, keepdim=True) if x.shape[-1] else size.new_zeros(len(size), 1)
        whole = torch.isfinite(most)
        scale = torch.where(whole, _scale(most, largest), torch.nan)
        torch.div(piece, scale, out=size).round_().clamp_(-largest, largest)
        if not bool(whole.all()):
            size.masked_fill_(~whole, 0.0)
        values[part] = size.add_(zero) if zero else size
        scales[part] = scale
    return values.view(x.shape), scales.view(*x.shape[:-1], 1)


def dequantise(values: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """int8 (rows, …) and scales (rows,) -> float32."""
    return values.float() * scale.view(-1, *[1] * (values.ndim - 1))


def relative_error(wanted: torch.Tensor, found: torch.Tensor) -> float:
    """Size of the difference against the size of what was wanted (Frobenius); 0 where both are zero."""
    size = float(torch.linalg.vector_norm(wanted.double()))
    off = float(torch.linalg.vector_norm(wanted.double() - found.double()))
    return off / size if size else (0.0 if off == 0 else float("inf"))


def product_error(x: torch.Tensor, weight: torch.Tensor, weights: str = "row", tokens: bool = True) -> float:
    """Relative error of x @ weight.T in 8 bits. weights: "row" or "tensor" scales; tokens: a scale a token, or one for all.

    Averaged over tokens, each against its own size, so that a quiet token counts as much as a loud one.
    """
    if weights not in SCHEMES:
        raise F5liteError(f"weights must be one of {', '.join(SCHEMES)}, found {weights!r}")
    w, w_scale = (quantise_rows if weights == "row" else quantise_tensor)(weight)
    flat = x.reshape(-1, x.shape[-1])
    a, a_scale = quantise_tokens(flat if tokens else flat.reshape(1, -1))
    a = a.view(flat.shape)
    found = (a.double() @ w.double().t()) * a_scale.double() * w_scale.double()
    wanted = flat.double() @ weight.double().t()
    off = torch.linalg.vector_norm(found - wanted, dim=1) / torch.linalg.vector_norm(wanted, dim=1)
    return float(off.mean())
