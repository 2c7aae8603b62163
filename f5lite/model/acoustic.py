"""Stage 2, acoustic modelling: the DiT that predicts the flow from noise to mel.

As published (arXiv 2410.06885; f5-tts `model/backbones/dit.py`, `model/modules.py`), for inference. Three of its parts
are made to be replaced: any `nn.Linear` (by its attribute), `dit.modulation`, and each block's `attn.backend`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import nn

from f5lite.model.config import DiTConfig

Backend = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, "torch.Tensor | None"], torch.Tensor]


def sdpa(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """torch's own attention. q, k, v: b h n d; mask: b n, true where a frame is real -> b h n d."""
    return F.scaled_dot_product_attention(q, k, v, attn_mask=None if mask is None else mask[:, None, None])


class Modulation(Protocol):
    """AdaLN's numbers for one time step."""

    def block(self, index: int) -> torch.Tensor:
        """(b or 1, 6 * dim): shift, scale, gate of attention, then of the feed-forward."""
        ...

    def final(self) -> torch.Tensor:
        """(b or 1, 2 * dim): scale, shift."""
        ...


class TimeEmbedding(nn.Module):
    """Flow time in [0, 1] (b) -> (b, dim)."""

    FREQUENCIES = 256

    def __init__(self, dim: int):
        super().__init__()
        self.time_mlp = nn.Sequential(nn.Linear(self.FREQUENCIES, dim), nn.SiLU(), nn.Linear(dim, dim))

    def forward(self, time: torch.Tensor) -> torch.Tensor:
        half = self.FREQUENCIES // 2
        rates = torch.exp(torch.arange(half, device=time.device).float() * -(math.log(10000) / (half - 1)))
        angles = 1000 * time[:, None] * rates[None]
        waves = torch.cat((angles.sin(), angles.cos()), dim=-1)
        # Layers of int8 or bf16 weights take float32, whatever their weight's type; a plain one wants its own.
        first = self.time_mlp[0]
        return self.time_mlp(waves.to(first.weight.dtype) if isinstance(first, nn.Linear) else waves)


class LearnedModulation:
    """AdaLN as it is trained: a linear layer a block on the time embedding. 42 % of v1 Base's weights stand here."""

    def __init__(self, dit: DiT, time: torch.Tensor):
        self.dit, self.embedded = dit, F.silu(dit.time_embed(time))

    def block(self, index: int) -> torch.Tensor:
        return self.dit.transformer_blocks[index].attn_norm.linear(self.embedded)

    def final(self) -> torch.Tensor:
        return self.dit.norm_out.linear(self.embedded)


class AdaLN(nn.Module):
    """Holds the linear layer of `LearnedModulation`; `parts` is 6 in a block and 2 at the end."""

    def __init__(self, dim: int, parts: int):
        super().__init__()
        self.linear = nn.Linear(dim, parts * dim)


def modulate(x: torch.Tensor, shift: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    return F.layer_norm(x, x.shape[-1:], eps=1e-6) * (1 + scale) + shift


def rotary(
    frames: int, dim_head: int, device: torch.device | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Cosines and sines of rotary positions (arXiv 2104.09864): two of (frames, dim_head / 2), float32."""
    rates = 1.0 / (10000.0 ** (torch.arange(0, dim_head, 2, device=device).float() / dim_head))
    angles = torch.outer(torch.arange(frames, device=device).float(), rates)
    return angles.cos(), angles.sin()


def rotate(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Neighbouring pairs of the last dimension turned by their frame's angle; b h n d -> b h n d, same dtype."""
    a, b = x.float().unflatten(-1, (-1, 2)).unbind(-1)
    return torch.stack((a * cos - b * sin, b * cos + a * sin), dim=-1).flatten(-2).to(x.dtype)


class RMSNorm(nn.Module):
    def __init__(self, dim: int):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(dim))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.rms_norm(x, self.weight.shape, self.weight, eps=1e-6)


class Attention(nn.Module):
    """Self-attention over the frames; b n d -> b n d. `backend` is the code that does it."""

    def __init__(self, config: DiTConfig):
        super().__init__()
        inner = config.heads * config.dim_head
        self.heads, self.rotated_heads = config.heads, config.pe_attn_head
        self.masked = config.attn_mask_enabled
        self.to_q = nn.Linear(config.dim, inner)
        self.to_k = nn.Linear(config.dim, inner)
        self.to_v = nn.Linear(config.dim, inner)
        self.q_norm = RMSNorm(config.dim_head) if config.qk_norm else None
        self.k_norm = RMSNorm(config.dim_head) if config.qk_norm else None
        self.to_out = nn.ModuleList([nn.Linear(inner, config.dim)])
        self.backend: Backend = sdpa

    def project(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """b n d -> q, k, v, each b h n d."""
        return tuple(
            f(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for f in (self.to_q, self.to_k, self.to_v)
        )

    def turn(self, x: torch.Tensor, rope: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        if self.rotated_heads is None:
            return rotate(x, *rope)
        return torch.cat((rotate(x[:, : self.rotated_heads], *rope), x[:, self.rotated_heads :]), dim=1)

    def forward(
        self, x: torch.Tensor, mask: torch.Tensor | None, rope: tuple[torch.Tensor, torch.Tensor]
    ) -> torch.Tensor:
        q, k, v = self.project(x)
        if self.q_norm is not None:
            q, k = self.q_norm(q), self.k_norm(k)
        mixed = self.backend(self.turn(q, rope), self.turn(k, rope), v, mask if self.masked else None)
        out = self.to_out[0](mixed.to(x.dtype).transpose(1, 2).flatten(2))
        return out if mask is None else out.masked_fill(~mask[..., None], 0.0)


class FeedForward(nn.Module):
    def __init__(self, config: DiTConfig):
        super().__init__()
        inner = config.dim * config.ff_mult
        widen = nn.Sequential(nn.Linear(config.dim, inner), nn.GELU(approximate="tanh"))
        self.ff = nn.Sequential(widen, nn.Identity(), nn.Linear(inner, config.dim))  # upstream's dropout at 1

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.ff(x)


class DiTBlock(nn.Module):
    """b n d and its modulation (b or 1, 6 d) -> b n d."""

    def __init__(self, config: DiTConfig):
        super().__init__()
        self.attn_norm: AdaLN | None = AdaLN(config.dim, 6)
        self.attn = Attention(config)
        self.ff = FeedForward(config)

    def forward(
        self,
        x: torch.Tensor,
        modulation: torch.Tensor,
        mask: torch.Tensor | None,
        rope: tuple[torch.Tensor, torch.Tensor],
    ) -> torch.Tensor:
        shift1, scale1, gate1, shift2, scale2, gate2 = modulation[:, None].chunk(6, dim=-1)
        x = x + gate1 * self.attn(modulate(x, shift1, scale1), mask, rope)
        return x + gate2 * self.ff(modulate(x, shift2, scale2))


class PositionConvolution(nn.Module):
    """Two grouped convolutions that tell the frames where they stand; b n d -> b n d."""

    def __init__(self, dim: int, kernel_size: int = 31, groups: int = 16):
        super().__init__()
        self.conv1d = nn.Sequential(
            nn.Conv1d(dim, dim, kernel_size, padding=kernel_size // 2, groups=groups),
            nn.Mish(),
            nn.Conv1d(dim, dim, kernel_size, padding=kernel_size // 2, groups=groups),
            nn.Mish(),
        )

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        x = x.transpose(1, 2)
        padding = None if mask is None else ~mask[:, None]
        if padding is not None:
            x = x.masked_fill(padding, 0.0)
        for convolution, activation in zip(self.conv1d[::2], self.conv1d[1::2], strict=True):
            x = convolution(x)
            x = activation(x if padding is None else x.masked_fill(padding, 0.0))
        return x.transpose(1, 2)


class InputEmbedding(nn.Module):
    """Noisy mel, reference mel and text embedding of each frame -> b n d."""

    def __init__(self, config: DiTConfig):
        super().__init__()
        self.proj = nn.Linear(2 * config.mel_dim + config.text_dim, config.dim)
        self.conv_pos_embed = PositionConvolution(config.dim)

    def forward(
        self, x: torch.Tensor, cond: torch.Tensor, text: torch.Tensor, mask: torch.Tensor | None
    ) -> torch.Tensor:
        x = self.proj(torch.cat((x, cond, text), dim=-1))
        return self.conv_pos_embed(x, mask) + x


class DiT(nn.Module):
    """The diffusion transformer, without the text embedding, which is a stage of its own.

    `modulation`: None for AdaLN as trained, or a callable from time (b) to a `Modulation` (a table, say).
    """

    def __init__(self, config: DiTConfig):
        super().__init__()
        self.config = config
        self.modulation: Callable[[torch.Tensor], Modulation] | None = None
        self.time_embed: TimeEmbedding | None = TimeEmbedding(config.dim)
        self.input_embed = InputEmbedding(config)
        self.transformer_blocks = nn.ModuleList(DiTBlock(config) for _ in range(config.depth))
        skip = config.long_skip_connection
        self.long_skip_connection = nn.Linear(2 * config.dim, config.dim, bias=False) if skip else None
        self.norm_out: AdaLN | None = AdaLN(config.dim, 2)
        self.proj_out = nn.Linear(config.dim, config.mel_dim)

    def embed(
        self, x: torch.Tensor, cond: torch.Tensor, text: torch.Tensor, mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        """x, cond: b n mels; text: b n text_dim; mask: b n, true where a frame is real -> b n d."""
        return self.input_embed(x, cond, text, mask)

    def flow(self, x: torch.Tensor, time: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """x: embedded frames, b n d; time: b or scalar -> flow, b n mels."""
        time = time.expand(x.shape[0]) if time.ndim == 0 else time
        modulation = self.modulation(time) if self.modulation else LearnedModulation(self, time)
        rope = rotary(x.shape[1], self.config.dim_head, x.device)
        residual = x if self.long_skip_connection is not None else None
        for index, block in enumerate(self.transformer_blocks):
            x = block(x, modulation.block(index), mask, rope)
        if residual is not None:
            x = self.long_skip_connection(torch.cat((x, residual), dim=-1))
        scale, shift = modulation.final()[:, None].chunk(2, dim=-1)
        return self.proj_out(modulate(x, shift, scale))

    def forward(
        self,
        x: torch.Tensor,
        cond: torch.Tensor,
        text: torch.Tensor,
        time: torch.Tensor,
        mask: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """One evaluation without guidance: see `embed` and `flow` for the shapes."""
        return self.flow(self.embed(x, cond, text, mask), time, mask)
