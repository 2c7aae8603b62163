"""Renderings, kept by what made them: the same system, text, voice and seed are never spoken twice.

A rendering is a 16-bit FLAC file; figures are always taken from the file, so a kept one and a new one agree.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from f5lite.evidence.quality.digests import digest, file_digest
from f5lite.evidence.quality.systems import System
from f5lite.files import atomic, write_atomically

PEAK = 0.99


@dataclass(frozen=True)
class Job:
    """One thing to say. `seed` before the system's own offset is added."""

    text: str
    voice: str
    seed: int


class Shelf:
    """A folder of renderings and of the figures taken from them."""

    def __init__(self, folder: Path):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._voices: dict[str, str] = {}

    def key(self, system: System, job: Job) -> str:
        """What made it: model, settings, code, machine, text, the reference clip itself, seed."""
        return digest([system.key, job.text, self._voice(job.voice), job.seed + system.seeds])

    def path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.flac"

    def has(self, key: str) -> bool:
        return self.path(key).is_file()

    def render(self, system: System, job: Job) -> str:
        """Speak it unless it is kept; returns its key."""
        key = self.key(system, job)
        if not self.has(key):
            import soundfile

            made = system.pipeline.speak(job.text, job.voice, seed=job.seed + system.seeds, **system.speak)
            wave = np.nan_to_num(np.asarray(made.wave, np.float32))
            wave = wave * min(1.0, PEAK / max(1e-9, float(np.abs(wave).max())))
            self.path(key).parent.mkdir(exist_ok=True)
            with atomic(self.path(key)) as temporary:
                soundfile.write(temporary, wave, made.sample_rate, subtype="PCM_16")
        return key

    def wave(self, key: str) -> tuple[np.ndarray, int]:
        """(samples,) float32 and the rate."""
        import soundfile

        return soundfile.read(self.path(key), dtype="float32")

    def note(self, key: str, figures: dict | None = None) -> dict:
        """What is known of a rendering (or a pair of them); with `figures`, add to it and keep it."""
        path = self.folder / key[:2] / f"{key}.json"
        try:
            known = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            known = {}
        if figures:
            known |= figures
            path.parent.mkdir(exist_ok=True)
            write_atomically(path, json.dumps(known))
        return known

    def _voice(self, name: str) -> str:
        if name not in self._voices:
            from f5lite.model.library import bundled_voices

            voice = bundled_voices()[name]
            self._voices[name] = digest([file_digest(voice.path), voice.text])
        return self._voices[name]
