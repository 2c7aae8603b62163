"""What every variant is given: seeded noise, a reference, two text embeddings, one flow time; and the error of an answer.

Made once a length and kept as .npy files, so that all environments read the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

NAMES = ("x", "cond", "text", "no_text", "tokens", "time", "fp32")
TEXT = "the old clock on the wall has not been right for many years, and nobody minds " * 40
STEP = 3  # which of the 7 steps' times: a converted model's table knows these and no others


def sentence(frames: int) -> str:
    """A text about as long as that many frames of speech want."""
    return TEXT[: max(8, frames // 4)]


def prepare(model: Path, frames: int, folder: Path) -> Path:
    """The folder with the inputs of one length, written if it isn't there. `model` is the fp32 one."""
    target = folder / f"{model.name}-{frames}"
    if (target / "time.npy").is_file():
        return target
    import torch

    import f5lite
    from f5lite.model import flow

    pipeline = f5lite.load(model)
    generator = np.random.default_rng(0)
    mels = pipeline.config.mel.n_mels
    cond = generator.standard_normal((1, frames, mels)).astype(np.float32) - 5
    cond[:, frames // 2 :] = 0  # the second half is to be spoken
    tokens = pipeline.files.vocabulary.encode([sentence(frames)])
    with torch.inference_mode(), pipeline.text as embed:
        text, no_text = embed(tokens, frames), embed(tokens, frames, drop_text=True)
    target.mkdir(parents=True, exist_ok=True)
    made = {
        "x": generator.standard_normal((1, frames, mels)).astype(np.float32),
        "cond": cond,
        "text": text.numpy(),
        "no_text": no_text.numpy(),
        "tokens": tokens.numpy(),
        "time": flow.time_grid(7)[STEP].numpy(),  # last: its presence says that all are there
    }
    for name, value in made.items():
        np.save(target / f"{name}.npy", value)
    return target


def read(folder: Path, names: Sequence[str] = NAMES[:-1]) -> dict[str, np.ndarray]:
    """The arrays by name."""
    return {name: np.load(folder / f"{name}.npy") for name in names}


def error(answer: np.ndarray, reference: np.ndarray) -> float:
    """‖answer − reference‖ / ‖reference‖."""
    wide = reference.astype(np.float64)
    return float(np.linalg.norm(answer.astype(np.float64) - wide) / np.linalg.norm(wide))
