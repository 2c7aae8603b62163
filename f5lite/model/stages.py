"""The three stages as functions that load them: text processing, acoustic modelling, waveform generation."""

from __future__ import annotations

import torch
from torch import nn

from f5lite.model.acoustic import DiT
from f5lite.model.checkpoint import Checkpoint, fill
from f5lite.model.config import ModelConfig
from f5lite.model.text import TextEmbedding
from f5lite.model.vocoder import Vocos

STAGES = ("text", "acoustic", "vocoder")


def _empty(build, *arguments) -> nn.Module:
    with torch.device("meta"):
        return build(*arguments)


def load_text(
    checkpoint: Checkpoint,
    config: ModelConfig,
    dtype: torch.dtype | None = torch.float32,
    device: str = "cpu",
) -> TextEmbedding:
    """Stage 1 from a checkpoint's `text_embed.` keys."""
    return fill(_empty(TextEmbedding, config.dit), checkpoint, "text_embed.", dtype, device)


def load_acoustic(
    checkpoint: Checkpoint,
    config: ModelConfig,
    dtype: torch.dtype | None = torch.float32,
    device: str = "cpu",
) -> DiT:
    """Stage 2 from all the other keys."""
    return fill(_empty(DiT, config.dit), checkpoint, "", dtype, device)


def load_vocoder(
    checkpoint: Checkpoint,
    config: ModelConfig,
    dtype: torch.dtype | None = torch.float32,
    device: str = "cpu",
) -> Vocos:
    """Stage 3 from a file of its own."""
    return fill(_empty(Vocos, config.vocos, config.mel), checkpoint, "", dtype, device)
