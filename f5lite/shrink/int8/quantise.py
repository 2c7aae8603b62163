"""8-bit numbers: weights are symmetric, an int8 times a scale a row; a token has a scale and a zero point of its own.

A token's numbers are often one-sided (after GELU nearly all are positive): from its smallest to its largest, instead of as
far below zero as above, the steps are up to half as large. What that costs is one sum of each weight row.

Defined for everything that can come: a row of zeros has scale 1; a weight with a NaN or an infinity is refused; a token
with one gives a NaN scale, so that its own output is NaN and its neighbours' isn't.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch.utils.weak import WeakTensorKeyDictionary

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
    """Per token: (…, d) -> integers from zero - largest - 1 to zero + largest as `dtype`, (…, d), and (…, 2) float32: its
    scale and its offset. A number is (integer - zero + offset) · scale; zero is always one of them, exactly."""
    flat = x.reshape(-1, x.shape[-1]) if x.numel() else x.new_empty(x.shape[:-1].numel(), x.shape[-1])
    scale, lowest = token_range(flat, largest)
    whole = torch.isfinite(scale)
    broken = not bool(whole.all())
    offset = lowest + (largest + 1)
    values = torch.empty(flat.shape, dtype=dtype, device=x.device)
    room = None
    for part in token_pieces(*flat.shape):
        into = values[part]
        room = torch.empty(into.shape, device=x.device) if room is None else room[: len(into)]
        steps = torch.div(flat[part], scale[part], out=room).round_().sub_(offset[part] - zero)
        steps.clamp_(zero - largest - 1, zero + largest)
        if broken:
            steps.masked_fill_(~whole[part], zero)
        into.copy_(steps)
    tokens = torch.cat((torch.where(whole, scale, torch.nan), torch.where(whole, offset, 0.0)), 1)
    return values.view(x.shape), tokens.view(*x.shape[:-1], 2)


def token_range(x: torch.Tensor, largest: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(…, d) -> the size of a step (…, 1), NaN or infinite where the token holds such a number, and the lowest step."""
    steps = 2 * largest + 1
    if not x.shape[-1]:
        return torch.ones(*x.shape[:-1], 1, device=x.device), torch.zeros(*x.shape[:-1], 1, device=x.device)
    low, high = (each(x, dim=-1, keepdim=True).float() for each in (torch.amin, torch.amax))
    low, high = low.clamp(max=0.0), high.clamp(min=0.0)
    scale = high / steps - low / steps  # their difference could be infinite
    scale = torch.where(scale == 0, 1.0, scale)
    return scale, torch.round(low / scale)


_sums = WeakTensorKeyDictionary()


def row_sums(weight: torch.Tensor) -> torch.Tensor:
    """(out, in) int8 -> (out,) float32, exact; kept for as long as this tensor is, whose numbers therefore mustn't change."""
    found = _sums.get(weight)
    if found is None:
        found = weight.new_empty(len(weight), dtype=torch.float32)
        for part in token_pieces(*weight.shape):
            found[part] = weight[part].sum(1, dtype=torch.int32)
        _sums[weight] = found
    return found


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
    scale, offset = a_scale.double().split(1, -1)
    found = ((a.view(flat.shape).double() + offset) @ w.double().t()) * scale * w_scale.double()
    wanted = flat.double() @ weight.double().t()
    off = torch.linalg.vector_norm(found - wanted, dim=1) / torch.linalg.vector_norm(wanted, dim=1)
    return float(off.mean())
