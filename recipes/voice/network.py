"""The network in training: f5lite's own text embedding and DiT, and a head that exists in training only."""

from __future__ import annotations

import random
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

from f5lite.model.acoustic import DiT
from f5lite.model.config import TINY, ModelConfig
from f5lite.model.text import GRN, TextEmbedding
from recipes.voice.state import load

CHARACTERS = " abcdefghijklmnopqrstuvwxyz'.,?!-"
CODES = {character: code for code, character in enumerate(CHARACTERS)}
PREFIX, ROTARY = "transformer.", "rotary_embed.inv_freq"


class Network(nn.Module):
    """`middle`: the block whose frames the head names by character; alignment appears within a few hundred steps."""

    def __init__(self, config: ModelConfig = TINY):
        super().__init__()
        self.text, self.dit = TextEmbedding(config.dit), DiT(config.dit)
        self.head = nn.Linear(config.dit.dim, len(CHARACTERS))
        self.middle = (config.dit.depth - 1) // 2
        self._seen: list[torch.Tensor] = []
        self.dit.transformer_blocks[self.middle].register_forward_hook(
            lambda *call: self._seen.append(call[2])
        )
        initialise(self)

    def forward(self, noisy, known, tokens, time, valid, drop_text: bool, drop_audio: bool):
        """noisy, known: b n mels; tokens: b t; time: b; valid: b n → flow (b n mels), characters (b n 33)."""
        lengths = valid.sum(1)
        text = self.text(tokens, lengths, drop_text)
        text = nn.functional.pad(text, (0, 0, 0, noisy.shape[1] - text.shape[1]))
        self._seen.clear()
        flow = self.dit(noisy, torch.zeros_like(known) if drop_audio else known, text, time, valid)
        return flow, self.head(self._seen.pop())

    def published(self) -> dict[str, torch.Tensor]:
        """Weights under upstream's names."""
        return published(self.state_dict())


def published(state: dict[str, torch.Tensor], dim_head: int = TINY.dit.dim_head) -> dict[str, torch.Tensor]:
    """`text.…` and `dit.…` → `transformer.text_embed.…` and `transformer.…`; the head is left out.

    Upstream keeps the rates of its rotary positions in the file, so they are added.
    """
    rates = 1.0 / (10000.0 ** (torch.arange(0, dim_head, 2).float() / dim_head))
    renamed = {PREFIX + ROTARY: rates}
    for name, value in state.items():
        part, _, rest = name.partition(".")
        if part in ("text", "dit"):
            renamed[PREFIX + ("text_embed." if part == "text" else "") + rest] = value
    return renamed


def start_from(network: Network, path: Path) -> None:
    """Take the weights of a published file, or the averaged ones of a training run's `.pt`, which has the head too."""
    if path.suffix == ".pt":
        network.load_state_dict(load(path, "cpu")["average"])
        return
    kept = {name.removeprefix(PREFIX): value.float() for name, value in load_file(path).items()}
    text = {n.removeprefix("text_embed."): v for n, v in kept.items() if n.startswith("text_embed.")}
    network.text.load_state_dict(text)
    network.dit.load_state_dict(
        {n: v for n, v in kept.items() if not n.startswith("text_embed.") and n != ROTARY}
    )


@torch.no_grad()
def initialise(network: Network) -> None:
    """Upstream's start: the modulation and the last layer at zero, so every block begins as the identity."""
    nn.init.normal_(network.text.text_embed.weight)
    for module in network.modules():
        if isinstance(module, GRN):
            module.gamma.zero_()
            module.beta.zero_()
    last = [network.dit.norm_out.linear, network.dit.proj_out]
    for layer in [block.attn_norm.linear for block in network.dit.transformer_blocks] + last:
        layer.weight.zero_()
        layer.bias.zero_()


def encode(text: str) -> list[int]:
    """Character codes. Raises KeyError for a character that the voice doesn't know."""
    return [CODES[character] for character in text]


def seeded(*parts: object) -> random.Random:
    """A generator for this purpose alone, the same on every machine."""
    return random.Random(" ".join(map(str, parts)))
