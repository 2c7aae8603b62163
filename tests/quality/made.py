"""Made-up speakers and listeners: everything around the instruments can be tested in milliseconds with them."""

from __future__ import annotations

import zlib
from types import SimpleNamespace

import numpy as np

from f5lite.evidence.quality.rendering import Shelf
from f5lite.evidence.quality.spectral import cepstral_distance, log_spectral_distance
from f5lite.evidence.quality.systems import System

RATE = 24_000
TEXTS = [f"this is sentence number {i} of the test" for i in range(30)]


class Speaker:
    """Speaks tones that depend on text, voice and seed. `stop_at`: the call at which the user presses Ctrl-C."""

    def __init__(self, stop_at: int | None = None, noise: float = 0.0):
        self.calls, self.stop_at, self.noise = 0, stop_at, noise

    def speak(self, text: str, voice: str, *, seed: int, **_options) -> SimpleNamespace:
        self.calls += 1
        if self.calls == self.stop_at:
            raise KeyboardInterrupt
        rng = np.random.default_rng(zlib.crc32(f"{text}{voice}{seed}".encode()))
        time = np.arange(RATE // 2) / RATE
        wave = 0.2 * np.sin(2 * np.pi * rng.uniform(100, 1000) * time) + self.noise * rng.normal(
            size=len(time)
        )
        return SimpleNamespace(wave=wave.astype(np.float32), sample_rate=RATE)


def made_system(name: str, speaker: Speaker | None = None, seeds: int = 0, **what) -> System:
    return System(name, lambda: speaker or Speaker(), {"weights": "made", **what}, {}, seeds)


class Listener:
    """Wrong words from the key alone; with `worse`, a noisy rendering loses two more."""

    recogniser = SimpleNamespace(name="made-up listener")

    def __init__(self, worse: str = "", missing: dict | None = None):
        self.worse, self.missing, self.calls = worse, missing or {}, 0

    def one(self, shelf: Shelf, key: str, text: str, voice: str) -> dict:
        self.calls += 1
        loudness = float(np.abs(shelf.wave(key)[0]).mean())
        wrong = int(key, 16) % 3 + (2 if self.worse and loudness > 0.15 else 0)
        return {"wrong": wrong, "words": len(text.split()), "heard": text, "similarity": 0.8, "opinion": 3.0}

    def pair(self, shelf: Shelf, a: str, b: str) -> dict:
        first, second = shelf.wave(a)[0], shelf.wave(b)[0]
        return {
            "cepstral": cepstral_distance(first, second),
            "spectral": log_spectral_distance(first, second),
            "same_voice": 1.0,
        }
