"""The backends on the original package's own model: a processor with the call of its `AttnProcessor` (f5-tts `model/modules.py`).

Nothing of upstream is imported: its own rotary function is taken from where its processor came from.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import nn


class Processor:
    """Called as upstream's: (attention layer, x b n d, mask b n, rope) -> b n d."""

    def __init__(
        self,
        backend: Callable[..., torch.Tensor],
        rotate: Callable[..., torch.Tensor],
        pe_attn_head: int | None = None,
        attn_mask_enabled: bool = True,
    ):
        self.backend, self.rotate = backend, rotate
        self.pe_attn_head, self.attn_mask_enabled = pe_attn_head, attn_mask_enabled

    def __call__(
        self, attn: nn.Module, x: torch.Tensor, mask: torch.Tensor | None = None, rope: Any = None
    ) -> torch.Tensor:
        q, k, v = (
            project(x).unflatten(-1, (attn.heads, -1)).transpose(1, 2)
            for project in (attn.to_q, attn.to_k, attn.to_v)
        )
        q = q if attn.q_norm is None else attn.q_norm(q)
        k = k if attn.k_norm is None else attn.k_norm(k)
        if rope is not None:
            angles, stretch = rope
            q = self.turned(q, angles, 1.0 if stretch is None else stretch)
            k = self.turned(k, angles, 1.0 if stretch is None else stretch**-1.0)
        mixed = self.backend(q, k, v, mask if self.attn_mask_enabled else None)
        out = mixed.transpose(1, 2).flatten(2).to(x.dtype)
        for layer in attn.to_out:  # a projection, and a dropout that is off when speaking
            out = layer(out)
        return out if mask is None else out.masked_fill(~mask[..., None], 0.0)

    def turned(self, x: torch.Tensor, angles: torch.Tensor, stretch: Any) -> torch.Tensor:
        if self.pe_attn_head is None:
            return self.rotate(x, angles, stretch)
        some = self.rotate(x[:, : self.pe_attn_head], angles, stretch)
        return torch.cat((some, x[:, self.pe_attn_head :]), dim=1)


def layers(model: nn.Module) -> list[nn.Module]:
    """The attention layers of upstream's DiT (or of a model around it); empty for any other model."""
    return [m for m in model.modules() if hasattr(m, "to_q") and hasattr(m, "processor")]


def processor(layer: nn.Module, backend: Callable[..., torch.Tensor]) -> Processor:
    """A processor for that layer, with the settings of the one that it has now."""
    old = layer.processor
    rotate = (
        old.rotate if isinstance(old, Processor) else sys.modules[type(old).__module__].apply_rotary_pos_emb
    )
    return Processor(backend, rotate, old.pe_attn_head, old.attn_mask_enabled)
