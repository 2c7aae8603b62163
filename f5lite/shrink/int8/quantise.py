"""Symmetric 8-bit numbers: a value is its int8 times a scale. One scale a weight row, one a token; and what that costs.

Defined for everything that can come: a row of zeros has scale 1; a weight with a NaN or an infinity is refused; a token
with one gives a NaN scale, so that its own output is NaN and its neighbours' isn't.
"""

from __future__ import annotations

import torch

from f5lite.errors import F5liteError

LARGEST = 127  # -128 is left out, so that negating a number never overflows
SCHEMES = ("row", "tensor")


def _scale(largest: torch.Tensor) -> torch.Tensor:
    scale = largest.float() / LARGEST
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


def quantise_tokens(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Per token: (…, d) -> int8 (…, d), scales (…, 1) float32."""
    x = x.float()
    largest = x.abs().amax(-1, keepdim=True) if x.shape[-1] else x.new_zeros(*x.shape[:-1], 1)
    whole = torch.isfinite(largest)
    scale = torch.where(whole, _scale(largest), torch.nan)
    values = torch.round(x / torch.where(whole, scale, 1.0)).clamp(-LARGEST, LARGEST)
    return torch.where(whole, values, 0.0).to(torch.int8), scale


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
