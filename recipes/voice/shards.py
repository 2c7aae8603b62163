"""The corpus on disk: FLAC files of many utterances end to end, and beside each a list of texts, speakers, lengths."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import torch

from f5lite.errors import F5liteError
from f5lite.files import atomic, write_atomically

RATE = 24_000


@dataclass(frozen=True)
class Said:
    """An utterance. wave: (samples,) int16 at 24 kHz; speaker: two style names and the share of the second."""

    text: str
    speaker: tuple
    wave: np.ndarray

    def as_float(self) -> torch.Tensor:
        """(samples,) float32 in [-1, 1]."""
        return torch.from_numpy(self.wave.astype(np.float32) / 32767)


def write(folder: Path, name: str, said: Sequence[tuple[str, tuple, np.ndarray]]) -> None:
    """One shard; the list is written last, so a shard without a list is no shard."""
    with atomic(folder / f"{name}.flac") as temporary:
        soundfile.write(temporary, np.concatenate([wave for _, _, wave in said]), RATE)
    listed = {
        "texts": [text for text, _, _ in said],
        "speakers": [speaker for _, speaker, _ in said],
        "samples": [len(wave) for _, _, wave in said],
    }
    write_atomically(folder / f"{name}.json", json.dumps(listed))


def read(folders: Iterable[str | Path]) -> Iterator[Said]:
    """Every utterance, in the order of the file names."""
    paths = sorted(path for folder in folders for path in Path(folder).glob("*.json"))
    if not paths:
        raise F5liteError(
            f"no shards in {', '.join(map(str, folders))}; make some: python -m recipes.voice.corpus"
        )
    for path in paths:
        listed = json.loads(path.read_text(encoding="utf-8"))
        wave, rate = soundfile.read(path.with_suffix(".flac"), dtype="int16")
        if rate != RATE or len(wave) != sum(listed["samples"]):
            raise F5liteError(
                f"{path.with_suffix('.flac')} doesn't fit its list; delete both and make them again"
            )
        start = 0
        for text, speaker, samples in zip(
            listed["texts"], listed["speakers"], listed["samples"], strict=True
        ):
            yield Said(text, voice_of(speaker), wave[start : start + samples])
            start += samples


def voice_of(speaker: Sequence) -> tuple:
    """One name for one voice: a share of nothing, or a style mixed with itself, is the style alone."""
    first, second, share = speaker
    return (first, first, 0.0) if share == 0 or first == second else (first, second, share)


def split(said: Sequence[Said], count: int, seed: int = 0) -> tuple[list[Said], list[Said]]:
    """(kept for training, held out): `count` utterances that the vocoder never hears, the same every time."""
    import random

    order = list(range(len(said)))
    random.Random(seed).shuffle(order)
    return [said[i] for i in order[count:]], [said[i] for i in order[:count]]
