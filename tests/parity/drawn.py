"""Random models, inputs and texts for the live comparison, the same on both sides for the same seed. No torch in here."""

from __future__ import annotations

from typing import Any

from tests.golden import cases
from tests.golden.seeded import stream

MODELS = 8
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
SIGNS = "0123456789 .,;:!?'\"-_()[]{}%$#&+*/=<>@^~`|\\\t\n“”‘’…—"
ABROAD = "éèüñçøåßЖшбяαβγ今天气很好我们去公园吧行长乐不一了着的中文。，！？：；「」、ひらカナ한국어😀👋"


def model(seed: int, index: int) -> dict[str, Any]:
    """Arguments of upstream's `DiT`: every option thrown like a die."""
    draw = stream("model", seed, index)
    heads = int(draw.randint(1, 4))
    average = bool(draw.rand() < 0.4)
    return dict(
        dim=16 * int(draw.randint(2, 9)),
        depth=int(draw.randint(1, 4)),
        heads=heads,
        dim_head=2 * int(draw.randint(8, 33)),
        ff_mult=int(draw.randint(1, 5)),
        mel_dim=cases.MELS,
        text_num_embeds=int(draw.randint(20, 200)),
        text_dim=2 * int(draw.randint(8, 40)),
        text_mask_padding=average or bool(draw.rand() < 0.5),
        text_embedding_average_upsampling=average,
        qk_norm="rms_norm" if draw.rand() < 0.4 else None,
        conv_layers=int(draw.randint(0, 4)),
        pe_attn_head=int(draw.randint(1, heads + 1)) if draw.rand() < 0.4 else None,
        attn_mask_enabled=bool(draw.rand() < 0.5),
        long_skip_connection=bool(draw.rand() < 0.3),
    )


def one_pass(seed: int, index: int) -> tuple[dict[str, Any], int]:
    """A case as in `cases.PASSES`, and its number of frames."""
    draw = stream("pass", seed, index)
    frames, batch = int(draw.randint(14, 70)), int(draw.randint(1, 4))
    case: dict[str, Any] = dict(batch=batch)
    if batch > 1 and draw.rand() < 0.7:
        lengths = draw.randint(12, frames + 1, batch)
        lengths[draw.randint(batch)] = frames
        case["lengths"] = lengths.tolist()
    if draw.rand() < 0.5:
        case["packed"] = True
    else:
        case["drop"] = [None, "audio", "text", "both"][draw.randint(4)]
    return case, frames


def one_sample(seed: int, index: int) -> dict[str, Any]:
    """A case as in `cases.SAMPLES`, without its shape."""
    draw = stream("whole", seed, index)
    batch, reference = int(draw.randint(1, 4)), int(draw.randint(10, 25))
    case: dict[str, Any] = dict(
        steps=int(draw.choice([1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16])),
        sway=[None, -1.0, float(draw.uniform(-1, 1))][draw.randint(3)],
        epss=bool(draw.rand() < 0.6),
        guidance=[0.0, 2.0, float(draw.uniform(0.5, 4))][draw.randint(3)],
        method=["euler", "midpoint"][draw.randint(2)],
        reference=reference,
        seed=int(draw.randint(2**31)),
        lens=[reference, *draw.randint(6, reference + 1, batch - 1).tolist()],
    )
    case["duration"] = (
        draw.randint(reference + 1, 80, batch).tolist() if batch > 1 else int(draw.randint(reference + 1, 80))
    )
    if draw.rand() < 0.3:
        case["edit"] = [2, int(draw.randint(3, reference))]
    return case


def vocos(seed: int, index: int) -> dict[str, int]:
    draw = stream("vocoder", seed, index)
    dim = 8 * int(draw.randint(2, 9))
    return dict(dim=dim, intermediate_dim=3 * dim, num_layers=int(draw.randint(1, 5)))


def texts(seed: int) -> list[str]:
    """Strings of letters, signs and foreign symbols, from mostly letters to a wild mixture."""
    draw = stream("texts", seed)
    found = []
    for number in range(300):
        alphabet = [LETTERS * 3 + " " * 20, LETTERS + SIGNS, LETTERS + SIGNS + ABROAD, ABROAD + "  ,."][
            number % 4
        ]
        found.append("".join(alphabet[i] for i in draw.randint(0, len(alphabet), draw.randint(1, 60))))
    return found


def chunk_bytes(seed: int) -> list[int]:
    return [int(n) for n in stream("chunk bytes", seed).randint(5, 200, 5)]
