"""The instruments together: each loads when first used, and says by name and version what it is.

Figures are kept beside the rendering under that name, so a second run reads them and another recogniser measures anew.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from f5lite.evidence.quality import opinion, similarity
from f5lite.evidence.quality.rendering import Shelf
from f5lite.evidence.quality.spectral import cepstral_distance, log_spectral_distance
from f5lite.evidence.quality.words import errors


class Instruments:
    """`missing`: what can't be measured here, and the command that changes it."""

    def __init__(self, threads: int | None = None):
        self.threads = threads
        self.missing = {}
        if not similarity.available():
            self.missing["similarity"] = self.missing["same_voice"] = similarity.INSTALL
        if not opinion.available():
            self.missing["opinion"] = opinion.INSTALL

    @cached_property
    def recogniser(self):
        from f5lite.evidence.quality.transcribe import Recogniser

        return Recogniser(self.threads)

    @cached_property
    def voices(self):
        return similarity.Voices()

    @cached_property
    def listener(self):
        return opinion.Listener(self.threads or 1)

    @cached_property
    def references(self) -> dict[str, np.ndarray]:
        from f5lite.model.audio import load_reference
        from f5lite.model.library import bundled_voices

        return {
            name: self.voices.embed(load_reference(voice.path, 24_000)[0], 24_000)
            for name, voice in bundled_voices().items()
        }

    def one(self, shelf: Shelf, key: str, text: str, voice: str) -> dict:
        """A rendering's own figures: heard, wrong, words, similarity, opinion."""
        known, new = shelf.note(key), {}
        if known.get("recogniser") != self.recogniser.name or known.get("said") != text:
            heard = self.recogniser.hear(*shelf.wave(key))
            wrong, words = errors(text, heard)
            new |= {
                "recogniser": self.recogniser.name,
                "said": text,
                "heard": heard,
                "wrong": wrong,
                "words": words,
            }
        if "similarity" not in self.missing and "similarity" not in known:
            new["embedding"] = [round(float(x), 6) for x in self._embed(shelf, key)]
            new["similarity"] = similarity.cosine(np.array(new["embedding"]), self.references[voice])
        if "opinion" not in self.missing and "opinion" not in known:
            new["opinion"] = self.listener.score(*shelf.wave(key))
        return shelf.note(key, new) if new else known

    def _embed(self, shelf: Shelf, key: str) -> np.ndarray:
        try:
            return self.voices.embed(*shelf.wave(key))
        except ValueError:
            return np.full(256, 1 / 16)  # silence: like nobody in particular

    def pair(self, shelf: Shelf, a: str, b: str) -> dict:
        """Two renderings of one seed: same_voice, cepstral, spectral. Empty where there is nothing to compare."""
        (first, _), (second, _) = shelf.wave(a), shelf.wave(b)
        if abs(len(first) - len(second)) > 2400 or min(len(first), len(second)) < 2048:
            return {}
        figures = {
            "cepstral": cepstral_distance(first, second),
            "spectral": log_spectral_distance(first, second),
        }
        if "same_voice" not in self.missing:
            one, two = (np.array(shelf.note(key)["embedding"]) for key in (a, b))
            figures["same_voice"] = similarity.cosine(one, two)
        return figures
