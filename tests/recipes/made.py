"""A corpus of beeps: every character has a pitch of its own, so a recogniser and a model have something to learn."""

from __future__ import annotations

import random

import numpy as np
import torch

from f5lite.model.config import DiTConfig, ModelConfig
from f5lite.model.mel import log_mel
from recipes.voice.batches import Item
from recipes.voice.network import CHARACTERS, CODES

SMALL = ModelConfig(
    name="test",
    dit=DiTConfig(
        dim=64,
        depth=2,
        heads=1,
        text_dim=32,
        text_num_embeds=len(CHARACTERS),
        text_embedding_average_upsampling=True,
        attn_mask_enabled=True,
        conv_layers=1,
    ),
    tokenizer="char",
)
SOUND = 1600  # samples a character


def beeps(text: str, loudness: float = 0.2) -> np.ndarray:
    """(samples,) int16."""
    time = np.arange(SOUND) / 24_000
    parts = [loudness * np.sin(2 * np.pi * (200 + 120 * CODES[c]) * time) * np.hanning(SOUND) for c in text]
    return (np.concatenate(parts) * 32767).astype(np.int16)


class Teacher:
    """Stands in for the real one: speaks characters as beeps."""

    styles = ["jm_kumo", "jf_alpha"]

    def __init__(self):
        self.spoken = 0

    def speak(self, ipa: str, speaker: tuple) -> np.ndarray:
        self.spoken += 1
        return beeps(ipa).astype(np.float32) / 32767


def items(count: int = 12) -> list[Item]:
    rng, made = random.Random(3), []
    for index in range(count):
        text = "".join(rng.choice("abcdefg") for _ in range(rng.randrange(6, 14)))
        mel = log_mel(torch.from_numpy(beeps(text).astype(np.float32) / 32767))
        codes = torch.tensor([CODES[c] for c in text])
        labels = codes[(torch.arange(len(mel)) * len(text) // len(mel)).clamp(max=len(text) - 1)]
        made.append(Item(text, ("a", "b")[index % 2 :][:1], mel.half(), labels))
    return made
