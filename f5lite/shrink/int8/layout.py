"""What is kept in which precision, and why: one table. Figures are v1 Base's; the rules hold for every shape.

Names are upstream's without prefix. Everything of one dimension (biases, norms' and layer scales) stays float32.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from f5lite.errors import F5liteError

INT8, BF16, FP32, FOLDED = "int8", "bf16", "fp32", "folded"
PRECISIONS = (INT8, BF16)


@dataclass(frozen=True)
class Rule:
    """Weights whose name matches `pattern` are kept as `kind`; `millions` of them in v1 Base."""

    what: str
    pattern: str
    kind: str
    millions: float
    reason: str

    def matches(self, name: str) -> bool:
        return re.fullmatch(self.pattern, name) is not None


ACOUSTIC = (
    Rule(
        "attention",
        r"transformer_blocks\.\d+\.attn\.(to_[qkv]|to_out\.0)\.weight",
        INT8,
        92.3,
        "27 % of the weights, read at every pass",
    ),
    Rule(
        "feed-forward",
        r"transformer_blocks\.\d+\.ff\.ff\.(0\.0|2)\.weight",
        INT8,
        92.3,
        "27 % of the weights, read at every pass",
    ),
    Rule(
        "AdaLN",
        r"(transformer_blocks\.\d+\.attn_norm|norm_out)\.linear\.weight",
        FOLDED,
        140.5,
        "depends on the time alone: a table of a few MB; int8 if it is to be kept",
    ),
    Rule(
        "time embedding",
        r"time_embed\.time_mlp\.\d\.weight",
        FOLDED,
        1.3,
        "needed only to make the table; bf16 if it is kept, since its error reaches every block (lesson 06 shows how far)",
    ),
    Rule(
        "long skip connection",
        r"long_skip_connection\.weight",
        INT8,
        0.0,
        "as large as a block's layers, where a model has it",
    ),
    Rule(
        "input projection",
        r"input_embed\.proj\.weight",
        BF16,
        0.7,
        "sees log mels beside embeddings, of quite different sizes: 0.7 MB isn't worth the error",
    ),
    Rule(
        "position convolutions",
        r"input_embed\.conv_pos_embed\.conv1d\.\d\.weight",
        BF16,
        4.1,
        "a convolution has no int8 engine here, and it tells the frames where they stand",
    ),
    Rule(
        "output projection",
        r"proj_out\.weight",
        FP32,
        0.1,
        "the last layer: its error would be heard as it is, for 0.4 MB",
    ),
    Rule("text: depthwise convolutions", r"text_embed\..*\.dwconv\.weight", FP32, 0.0, "7 numbers a channel"),
    Rule("text: response normalisation", r"text_embed\..*\.(gamma|beta)", FP32, 0.0, "scales"),
    Rule(
        "text: embedding and blocks",
        r"text_embed\..*\.weight",
        BF16,
        5.5,
        "1.6 % of the weights, run once an utterance, and all that the model knows of the text",
    ),
)
VOCODER = (
    Rule(
        "vocoder: blocks",
        r"backbone\.convnext\.\d+\.pwconv[12]\.weight",
        BF16,
        12.6,
        "run once; its error is heard directly",
    ),
    Rule("vocoder: output", r"head\.out\.weight", BF16, 0.5, "run once; its error is heard directly"),
    Rule(
        "vocoder: convolutions",
        r"backbone\.(embed|convnext\.\d+\.dwconv)\.weight",
        FP32,
        0.4,
        "convolutions with few numbers a channel",
    ),
)
SMALLEST = 16  # rows or columns below which a matrix isn't worth a scale a row


def kind_of(
    name: str,
    shape: tuple[int, ...],
    *,
    precision: str = INT8,
    keep_modulation: bool = False,
    vocoder: bool = False,
) -> str:
    """How a tensor is kept: "int8", "bf16", "fp32", or "folded" (not at all, but for the table)."""
    if precision not in PRECISIONS:
        raise F5liteError(f"precision must be one of {', '.join(PRECISIONS)}, found {precision!r}")
    if not vocoder and re.fullmatch(
        r"(transformer_blocks\.\d+\.attn_norm|norm_out|time_embed)\..*", name
    ):  # their biases go with them
        if not keep_modulation:
            return FOLDED
        kind = BF16 if name.startswith("time_embed") else INT8
    else:
        kind = next((rule.kind for rule in (VOCODER if vocoder else ACOUSTIC) if rule.matches(name)), FP32)
    if len(shape) < 2:
        return FP32
    if kind == INT8 and (precision == BF16 or len(shape) != 2 or min(shape) < SMALLEST):
        return BF16
    return kind


def group_of(name: str, vocoder: bool = False) -> str:
    """Which part of the file a tensor goes to: what is used together lies together, so that it can be read and dropped alone."""
    pattern = (
        r"(backbone\.convnext\.\d+)\."
        if vocoder
        else r"(transformer_blocks\.\d+|text_embed\.text_blocks\.\d+)\."
    )
    found = re.match(pattern, name)
    return found[1] if found else ("text_embed" if name.startswith("text_embed.") else "")
