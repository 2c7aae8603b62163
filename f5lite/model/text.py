"""Stage 1, text processing: token ids -> text embedding, one vector a mel frame.

An embedding table and ConvNeXt V2 blocks (arXiv 2301.00808), as in f5-tts `model/backbones/dit.py`, `TextEmbedding`.
Parameter names are upstream's, under `text_embed.` in a checkpoint.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from f5lite.model.config import DiTConfig


class GRN(nn.Module):
    """Global response normalisation over the frames, b n d -> b n d."""

    def __init__(self, dim: int):
        super().__init__()
        self.gamma = nn.Parameter(torch.empty(1, 1, dim))
        self.beta = nn.Parameter(torch.empty(1, 1, dim))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        strength = torch.linalg.vector_norm(x, dim=1, keepdim=True)
        share = strength / (strength.mean(dim=-1, keepdim=True) + 1e-6)
        return self.gamma * (x * share) + self.beta + x


class ConvNeXtV2Block(nn.Module):
    """b n d -> b n d."""

    def __init__(self, dim: int, intermediate_dim: int):
        super().__init__()
        self.dwconv = nn.Conv1d(dim, dim, kernel_size=7, padding=3, groups=dim)
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.pwconv1 = nn.Linear(dim, intermediate_dim)
        self.grn = GRN(intermediate_dim)
        self.pwconv2 = nn.Linear(intermediate_dim, dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norm(self.dwconv(x.transpose(1, 2)).transpose(1, 2))
        return x + self.pwconv2(self.grn(F.gelu(self.pwconv1(y))))


def positions(frames: int, dim: int, device: torch.device | None = None) -> torch.Tensor:
    """Sinusoidal positions, cosines then sines: (frames, dim) float32."""
    rates = 1.0 / (10000.0 ** (torch.arange(0, dim, 2, device=device)[: dim // 2].float() / dim))
    angles = torch.outer(torch.arange(frames, device=device), rates).float()
    return torch.cat((angles.cos(), angles.sin()), dim=-1)


def spread(x: torch.Tensor, tokens: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """Average upsampling (ZipVoice, arXiv 2506.13053): each real token's vector repeated evenly over the utterance's frames.

    x: b n d; tokens: b n, true where a token stands; lengths: frames of each utterance. The last tokens take the remainder.
    """
    out = torch.zeros_like(x)
    for row, frames in enumerate(lengths.tolist()):
        kept = x[row, tokens[row]]
        if len(kept) == 0 or frames == 0:
            continue
        counts = torch.full((len(kept),), frames // len(kept), device=x.device)
        counts[len(kept) - frames % len(kept) :] += 1
        out[row, :frames] = kept.repeat_interleave(counts, dim=0)
    return out


class TextEmbedding(nn.Module):
    """Token ids -> (b n text_dim) for `n` mel frames.

    The guided sampler needs two of them, with the text and without; both are the same at every step, so the stage
    runs once an utterance and can be released before the DiT is loaded.
    """

    def __init__(self, config: DiTConfig):
        super().__init__()
        self.dim = config.text_dim
        self.mask_padding = config.text_mask_padding
        self.average_upsampling = config.text_embedding_average_upsampling
        # Its usual random start imports torch's compiler when built without memory: 800 modules, 70 MB, seconds.
        table = torch.empty(config.text_num_embeds + 1, config.text_dim)
        self.text_embed = nn.Embedding.from_pretrained(table, freeze=False)
        self.text_blocks = nn.Sequential(
            *(ConvNeXtV2Block(config.text_dim, 2 * config.text_dim) for _ in range(config.conv_layers))
        )

    def forward(
        self, tokens: torch.Tensor, frames: int | torch.Tensor, drop_text: bool = False
    ) -> torch.Tensor:
        """tokens: b t, padded with -1; frames: one length, or one an utterance (b) -> b n d, n the longest."""
        batch, device = tokens.shape[0], tokens.device
        ragged = torch.is_tensor(frames)
        lengths = frames.to(device) if ragged else torch.full((batch,), frames, device=device)
        longest = int(lengths.max())
        tokens = F.pad((tokens + 1)[:, :longest], (0, max(0, longest - tokens.shape[1])))  # 0 is the filler
        inside = (torch.arange(longest, device=device)[None] < lengths[:, None])[..., None]
        if ragged:
            tokens = tokens.masked_fill(~inside[..., 0], 0)
        real = tokens != 0
        x = self.text_embed(torch.zeros_like(tokens) if drop_text else tokens)
        if len(self.text_blocks):
            where = positions(longest, self.dim, device).to(x.dtype)
            x = torch.where(inside, x, 0) + where * inside.to(x.dtype) if ragged else x + where
            if self.mask_padding:
                x = x.masked_fill(~real[..., None], 0.0)
                for block in self.text_blocks:
                    x = block(x).masked_fill(~real[..., None], 0.0)
            else:
                x = self.text_blocks(x)
        elif ragged:
            x = torch.where(inside, x, 0)
        return spread(x, real, lengths) if self.average_upsampling else x
