"""What is asked of upstream and of f5lite: model shapes, single passes, whole trajectories. No torch in here."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.golden.seeded import normal, stream

FRAMES, MELS, SYMBOLS = 24, 100, 40
KEPT = 4  # of the mel channels every fourth is stored: all of them come from the same hidden vector

BASE: dict[str, Any] = dict(
    dim=128, depth=2, heads=2, dim_head=64, ff_mult=2, mel_dim=MELS, text_num_embeds=SYMBOLS, text_dim=64,
    text_mask_padding=True, text_embedding_average_upsampling=False, qk_norm=None, conv_layers=2, pe_attn_head=None,
    attn_mask_enabled=False, long_skip_connection=False,
)  # fmt: skip

SHAPES: dict[str, dict[str, Any]] = {
    "v1": {},
    "v0": dict(text_mask_padding=False, pe_attn_head=1),
    "masked": dict(attn_mask_enabled=True),
    "average": dict(text_embedding_average_upsampling=True, attn_mask_enabled=True),
    "average-open": dict(text_embedding_average_upsampling=True),
    "plain": dict(conv_layers=0),
    "plain-unmasked": dict(conv_layers=0, text_mask_padding=False, attn_mask_enabled=True),
    "plain-average": dict(conv_layers=0, text_embedding_average_upsampling=True),
    "qk": dict(qk_norm="rms_norm"),
    "qk-partial": dict(qk_norm="rms_norm", pe_attn_head=1, attn_mask_enabled=True),
    "skip": dict(long_skip_connection=True),
    "narrow": dict(dim=64, heads=2, dim_head=32, ff_mult=4, text_dim=32, depth=3),
    "everything": dict(
        long_skip_connection=True, qk_norm="rms_norm", pe_attn_head=1, attn_mask_enabled=True,
        text_embedding_average_upsampling=True, text_dim=32,
    ),
}  # fmt: skip


def shape(name: str) -> dict[str, Any]:
    """Arguments of upstream's `DiT` for one of SHAPES."""
    return {**BASE, **SHAPES[name]}


# One evaluation of the network. `lengths` gives a mask, `drop` what guidance leaves out, `packed` is the guided pair.
PASSES: dict[str, dict[str, Any]] = {
    "two": dict(batch=2),
    "scalar-time": dict(batch=1, scalar=True),
    "masked": dict(batch=3, lengths=[24, 17, 9]),
    "without-audio": dict(batch=1, drop="audio"),
    "without-text": dict(batch=1, drop="text"),
    "without-both": dict(batch=3, lengths=[13, 24, 20], drop="both"),
    "pair": dict(batch=1, packed=True),
    "pair-masked": dict(batch=3, lengths=[11, 24, 18], packed=True),
    "long-text": dict(batch=1, text_lengths=[31]),
}


def pass_inputs(
    name: str, case: dict[str, Any], frames: int = FRAMES, symbols: int = SYMBOLS
) -> dict[str, Any]:
    """Noised mel, reference mel, token ids (-1 is padding), time and mask for one of PASSES."""
    batch = case["batch"]
    lengths = case.get("lengths")
    x, cond = normal((batch, frames, MELS), "x", name), normal((batch, frames, MELS), "cond", name)
    cond[:, frames // 3 :] = 0
    draw = stream("text", name)
    # A text longer than its own frames is cut by upstream; with average upsampling it needs one frame a symbol at least.
    text_lengths = case.get("text_lengths") or [
        min(9, n) - i for i, n in enumerate(lengths or [frames] * batch)
    ]
    text = np.full((batch, max(text_lengths)), -1, dtype=np.int64)
    for row, length in enumerate(text_lengths):
        text[row, :length] = draw.randint(0, symbols, length)
    time = draw.uniform(0, 1, batch).astype(np.float32)
    mask = None if lengths is None else np.arange(frames)[None] < np.array(lengths)[:, None]
    return dict(x=x, cond=cond, text=text, time=time[0] if case.get("scalar") else time, mask=mask)


GUIDED: dict[str, Any] = dict(sway=-1.0, guidance=2.0)
THREE: dict[str, Any] = dict(reference=12, lens=[12, 7, 10])

# Whole calls of `CFM.sample`. reference: frames of the reference; duration: frames in all; text: symbols.
SAMPLES: dict[str, dict[str, Any]] = {
    "linear-32": dict(shape="v1", steps=32, sway=None, epss=False),
    "linear-9-guided": dict(shape="v1", steps=9, sway=None, epss=False, guidance=2.0),
    "sway-32-guided": dict(shape="v1", steps=32, **GUIDED),
    "sway-32-average": dict(shape="average", steps=32, **GUIDED),
    "sway-positive": dict(shape="v1", steps=8, sway=0.4, guidance=2.0),
    "sway-without-epss": dict(shape="v1", steps=7, sway=-1.0, epss=False, guidance=2.0),
    **{f"epss-{n}": dict(shape="v1", steps=n, sway=None) for n in (5, 6, 7, 10, 12, 16)},
    **{f"epss-{n}-sway-guided": dict(shape="everything", steps=n, **GUIDED) for n in (5, 7, 16)},
    "one-step": dict(shape="v1", steps=1, sway=None),
    "batch": dict(shape="v1", steps=7, **GUIDED, **THREE, duration=[40, 21, 33]),
    "batch-masked": dict(shape="masked", steps=7, **GUIDED, **THREE, duration=[40, 21, 33]),
    "batch-average": dict(shape="average", steps=5, **GUIDED, **THREE, duration=[25, 40, 31]),
    "batch-unguided": dict(shape="v0", steps=16, sway=-1.0, **THREE, duration=[40, 21, 33]),
    "batch-linear": dict(shape="v1", steps=6, sway=None, epss=False, guidance=1.0, reference=12, duration=[20, 30, 40]),
    "midpoint": dict(shape="v1", steps=7, **GUIDED, method="midpoint"),
    "midpoint-linear": dict(shape="v0", steps=6, sway=None, epss=False, method="midpoint"),
    "midpoint-batch": dict(
        shape="average", steps=5, **GUIDED, method="midpoint", reference=12, lens=[12, 9, 6], duration=[40, 30, 20]
    ),
    "too-short": dict(shape="v1", steps=5, **GUIDED, duration=4),  # stretched to what text and reference need
    "capped": dict(shape="v1", steps=5, **GUIDED, duration=90, max_duration=50),
    "part-of-reference": dict(shape="v1", steps=5, **GUIDED, lens=[8]),
    "edit": dict(shape="v1", steps=7, **GUIDED, edit=[4, 9]),
    "no-reference": dict(shape="v1", steps=5, **GUIDED, no_ref_audio=True),
}  # fmt: skip


def sample_inputs(name: str, case: dict[str, Any], symbols: int = SYMBOLS) -> dict[str, Any]:
    """Arguments of `CFM.sample`, every default spelled out."""
    duration = case.get("duration", 40)
    batch = len(duration) if isinstance(duration, list) else 1
    reference = case.get("reference", 14)
    draw = stream("sample", name)
    text = np.full((batch, 9), -1, dtype=np.int64)
    for row in range(batch):
        length = 9 - 2 * row
        text[row, :length] = draw.randint(0, symbols, length)
    edit = None
    if "edit" in case:  # False marks the frames that are spoken anew
        edit = np.ones((batch, reference), dtype=bool)
        edit[:, case["edit"][0] : case["edit"][1]] = False
    return dict(
        cond=normal((batch, reference, MELS), "reference", name),
        text=text,
        duration=duration,
        lens=case.get("lens"),
        steps=case["steps"],
        guidance=case.get("guidance", 0.0),
        sway=case["sway"],
        epss=case.get("epss", True),
        method=case.get("method", "euler"),
        max_duration=case.get("max_duration", 65536),
        no_ref_audio=case.get("no_ref_audio", False),
        edit=edit,
        seed=case.get("seed", 11),
    )


# A Vocos of the published form (config.yaml of charactr/vocos-mel-24khz), made small.
VOCOS: dict[str, dict[str, int]] = {
    "wide": dict(dim=64, intermediate_dim=192, num_layers=3),
    "thin": dict(dim=32, intermediate_dim=64, num_layers=1),
}
VOCOS_FRAMES = 20


def vocos_mel(batch: int = 1, frames: int = VOCOS_FRAMES) -> np.ndarray:
    """(batch, mels, frames), in the range of log mels."""
    return 2 * normal((batch, MELS, frames), "vocos mel") - 4


def waves() -> dict[str, np.ndarray]:
    """Sounds for the mel analysis, 24 kHz: a chord with vibrato, noise, a click, near silence, an odd length."""
    seconds = np.arange(9000) / 24000
    chord = sum(0.2 * np.sin(2 * np.pi * f * seconds + np.sin(30 * seconds)) for f in (110, 440, 1760, 7040))
    click = np.zeros(4096)
    click[2000] = 1.0
    return {
        "chord": chord.astype(np.float32),
        "noise": 0.3 * normal((7777,), "noise"),
        "click": click.astype(np.float32),
        "near-silence": 1e-5 * normal((5000,), "near silence"),
        "shortest": 0.1 * normal((1024,), "shortest"),
    }
