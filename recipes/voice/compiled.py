"""The training step's blocks, compiled: half of an eager step with AMX is neither product nor attention."""

from __future__ import annotations

import functools

import torch

from f5lite.model.acoustic import DiTBlock
from recipes.voice.network import Network

PIECES = 64  # of code at most: every length gets its own


def written_out(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """Attention with its scores in memory, as `f5lite.model.acoustic.sdpa`: torch's fused kernel is slow backwards on a CPU.

    q, k, v: b h n d; mask: b n, true where a frame is real -> b h n d.
    """
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
    if mask is not None:
        scores = scores.masked_fill(~mask[:, None, None], -1e4)
    return scores.softmax(-1).to(v.dtype) @ v


def compile_blocks(network: Network) -> None:
    """Compile the blocks and the input embedding in place; one piece of code serves all blocks, every length has its own.

    Numbers stay the same but for rounding. Needs a C++ compiler.
    """
    torch._dynamo.config.recompile_limit = PIECES
    forward = torch.compile(DiTBlock.forward, dynamic=True)
    for block in network.dit.transformer_blocks:
        block.attn.backend = written_out
        block.forward = functools.partial(forward, block)
    embedding = network.dit.input_embed
    embedding.forward = torch.compile(embedding.forward, dynamic=True)
