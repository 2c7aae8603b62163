"""Where the weights and the operations of an F5-TTS are: worked out from its configuration, then counted in its files.

`weights` and `operations` are pure; `counted` reads nothing but the files' headers. Stages are the course's three;
kinds are the parts that the techniques treat differently.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass

from f5lite.model.checkpoint import Checkpoint
from f5lite.model.config import ModelConfig

# (stage, kind) of a weight by its name without prefixes; the first match counts
RULES: tuple[tuple[str, str, str], ...] = (
    (r"text_embed\.text_embed\.", "text", "embedding"),
    (r"text_embed\.text_blocks\.", "text", "ConvNeXt V2"),
    (r"(time_embed|norm_out|transformer_blocks\.\d+\.attn_norm)\.", "acoustic", "AdaLN and time"),
    (r"transformer_blocks\.\d+\.attn\.", "acoustic", "attention"),
    (r"transformer_blocks\.\d+\.ff\.", "acoustic", "feed-forward"),
    (r"(input_embed|long_skip_connection)\b", "acoustic", "input"),
    (r"proj_out\.", "acoustic", "output"),
    (r"(backbone|head)\.", "vocoder", "Vocos"),
)


@dataclass(frozen=True)
class Part:
    """An amount (weights, or multiply-adds times two) of one kind in one stage."""

    stage: str
    kind: str
    amount: int


def kind_of(name: str) -> tuple[str, str]:
    """(stage, kind) of a weight; names that no rule knows are ("acoustic", "other")."""
    for pattern, stage, kind in RULES:
        if re.match(pattern, name):
            return stage, kind
    return "acoustic", "other"


def weights(config: ModelConfig) -> list[Part]:
    """Weights by stage and kind, worked out from the configuration alone."""
    d, v = config.dit, config.vocos
    dim, inner, wide, text = d.dim, d.heads * d.dim_head, d.dim * d.ff_mult, d.text_dim
    per_text_block = (7 * text + text) + 2 * text + 2 * (2 * text * text) + 2 * text + text + 2 * (2 * text)
    norm = 2 * d.dim_head if d.qk_norm else 0
    adaln = (
        (256 * dim + dim)
        + (dim * dim + dim)
        + d.depth * (6 * dim * dim + 6 * dim)
        + (2 * dim * dim + 2 * dim)
    )
    attention = 3 * (dim * inner + inner) + (inner * dim + dim) + norm
    feed_forward = 2 * dim * wide + wide + dim
    into = (2 * d.mel_dim + text) * dim + dim + 2 * (dim * (dim // 16) * 31 + dim)
    into += 2 * dim * dim if d.long_skip_connection else 0
    vocos_block = (
        (7 * v.dim + v.dim) + 2 * v.dim + 2 * v.dim * v.intermediate_dim + v.intermediate_dim + 2 * v.dim
    )
    vocos = 7 * config.mel.n_mels * v.dim + v.dim + 4 * v.dim + v.num_layers * vocos_block
    vocos += v.dim * (config.mel.n_fft + 2) + config.mel.n_fft + 2
    return [
        Part("text", "embedding", (d.text_num_embeds + 1) * text),
        Part("text", "ConvNeXt V2", d.conv_layers * per_text_block),
        Part("acoustic", "AdaLN and time", adaln),
        Part("acoustic", "attention", d.depth * attention),
        Part("acoustic", "feed-forward", d.depth * feed_forward),
        Part("acoustic", "input", into),
        Part("acoustic", "output", dim * d.mel_dim + d.mel_dim),
        Part("vocoder", "Vocos", vocos),
    ]


def counted(acoustic: Checkpoint, vocoder: Checkpoint | None = None) -> list[Part]:
    """Weights by stage and kind as the files' headers list them."""
    amounts: dict[tuple[str, str], int] = defaultdict(int)
    for checkpoint in filter(None, (acoustic, vocoder)):
        for name in checkpoint.names:
            size = 1
            for side in checkpoint.shape(name):
                size *= side
            amounts[kind_of(name)] += size
    order = {(stage, kind): i for i, (_, stage, kind) in enumerate(RULES)}
    return [Part(*key, amounts[key]) for key in sorted(amounts, key=lambda k: order.get(k, len(order)))]


def operations(config: ModelConfig, frames: int, steps: int = 32, guided: bool = True) -> list[Part]:
    """Floating-point operations (a multiply-add is two) of the products of one utterance of `frames` frames in all.

    The text stage runs once (twice if guided), the DiT at every step on the guided pair, the vocoder once.
    """
    d, v = config.dit, config.vocos
    dim, inner, wide, text = d.dim, d.heads * d.dim_head, d.dim * d.ff_mult, d.text_dim
    rows = frames * (2 if guided else 1)
    once, passes = rows, rows * steps
    vocos_frame = 7 * config.mel.n_mels * v.dim + v.num_layers * (7 * v.dim + 2 * v.dim * v.intermediate_dim)
    vocos_frame += v.dim * (config.mel.n_fft + 2)
    into = (2 * d.mel_dim + text) * dim + 2 * dim * (dim // 16) * 31
    modulation = d.depth * 6 * dim * dim + 2 * dim * dim + 256 * dim + dim * dim
    return [
        Part("text", "ConvNeXt V2", 2 * once * d.conv_layers * (7 * text + 4 * text * text)),
        Part("acoustic", "AdaLN and time", 2 * steps * (2 if guided else 1) * modulation),
        Part("acoustic", "attention", 2 * passes * d.depth * (4 * dim * inner + 2 * frames * inner)),
        Part("acoustic", "feed-forward", 2 * passes * d.depth * 2 * dim * wide),
        Part("acoustic", "input", 2 * passes * into),
        Part("acoustic", "output", 2 * passes * dim * d.mel_dim),
        Part("vocoder", "Vocos", 2 * frames * vocos_frame),
    ]


def total(parts: list[Part], stage: str | None = None, kind: str | None = None) -> int:
    """Sum of the amounts, of one stage or kind if named."""
    return sum(p.amount for p in parts if stage in (None, p.stage) and kind in (None, p.kind))
