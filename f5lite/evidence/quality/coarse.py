"""A model made worse on purpose: few bits and one scale for a whole tensor.

It is the instrument's own control. A test of quality that can't tell this one from the original can't tell anything.
"""

from __future__ import annotations

import torch
from torch import nn


@torch.no_grad()
def coarsen(module: nn.Module, bits: int = 4) -> int:
    """Round every linear layer's weight to 2^bits − 1 levels, one scale a tensor. Returns how many were rounded."""
    if not 2 <= bits <= 8:
        raise ValueError(f"bits must be from 2 to 8, found {bits}")
    most, count = 2 ** (bits - 1) - 1, 0
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            scale = layer.weight.abs().max() / most
            rounded = (layer.weight / scale).round().clamp(-most, most) * scale
            layer.weight = nn.Parameter(
                rounded, requires_grad=False
            )  # the file's bytes are mapped: never write there
            count += 1
    return count
