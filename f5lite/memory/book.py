"""Speak a long text into a file through the queue: chunk after chunk, in flat memory, and on from where it stopped.

Each finished chunk is kept beside the output (`OUT.parts/`) until the whole file is written; a second run with the same text
and settings makes only what is missing, and the wave is the same.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from f5lite.errors import F5liteError
from f5lite.files import atomic, write_atomically
from f5lite.memory.queue import Queue
from f5lite.memory.ticket import Speech, Ticket
from f5lite.model.audio import CROSS_FADE, cross_fade

SUBTYPES = {"WAV": "PCM_16", "FLAC": "PCM_16", "OGG": "VORBIS"}


class Parts:
    """The chunks of one output that are made already. key: the text and every setting that changes the wave."""

    def __init__(self, output: Path, key: dict[str, Any]) -> None:
        self.output, self.folder = output, output.with_name(output.name + ".parts")
        self.key = hashlib.sha256(json.dumps(key, sort_keys=True, default=str).encode()).hexdigest()
        self.total, self.rate = 0, 0
        about = self._about()
        if about.get("key") == self.key:
            self.total, self.rate = int(about["total"]), int(about["rate"])
        elif self.folder.exists():
            raise F5liteError(
                f"{self.folder} belongs to another text or other settings; finish that one, or remove the folder"
            )

    def _about(self) -> dict[str, Any]:
        try:
            return json.loads((self.folder / "about.json").read_text())
        except (OSError, ValueError):
            return {}

    def file(self, number: int) -> Path:
        return self.folder / f"{number:05d}.npy"

    def has(self, number: int) -> bool:
        return self.rate > 0 and self.file(number).is_file()

    @property
    def made(self) -> int:
        return sum(self.has(number) for number in range(self.total))

    def put(self, number: int, of: int, wave: np.ndarray, rate: int) -> None:
        """Keep one chunk, whole or not at all."""
        self.folder.mkdir(exist_ok=True)
        if (self.total, self.rate) != (of, rate):
            self.total, self.rate = of, rate
            about = {"key": self.key, "total": of, "rate": rate}
            write_atomically(self.folder / "about.json", json.dumps(about))
        with atomic(self.file(number)) as partial, open(partial, "wb") as file:
            np.save(file, np.asarray(wave, np.float32))

    def waves(self) -> Iterator[np.ndarray]:
        """The cross-faded whole, piece by piece: no more than one chunk and a fade are in memory."""
        fade = int(CROSS_FADE * self.rate)
        tail: np.ndarray | None = None
        for number in range(self.total):
            wave = np.load(self.file(number), allow_pickle=False)
            joined = wave if tail is None else cross_fade(tail, wave, self.rate)
            keep = min(fade, len(joined))
            yield joined[: len(joined) - keep]
            tail = joined[len(joined) - keep :]
        if tail is not None:
            yield tail

    def write(self) -> float:
        """Write the output whole and remove the parts. Returns its seconds."""
        import soundfile

        kind = self.output.suffix.lower().lstrip(".").upper() or "WAV"
        if kind not in SUBTYPES:
            raise F5liteError(
                f"can't write {self.output.suffix!r} files; name the output .wav, .flac or .ogg"
            )
        frames = 0
        with atomic(self.output) as partial:
            with soundfile.SoundFile(
                partial, "w", samplerate=self.rate, channels=1, format=kind, subtype=SUBTYPES[kind]
            ) as file:
                for wave in self.waves():
                    file.write(wave)
                    frames += len(wave)
        shutil.rmtree(self.folder)
        return frames / self.rate


def speak_to_file(
    queue: Queue,
    text: str,
    output: Path,
    *,
    seed: int = 0,
    priority: float = 0.0,
    progress: Callable[[int, int], object] | None = None,
    started: Callable[[Ticket], object] | None = None,
    **voice: Any,
) -> float:
    """Speak `text` into `output`; returns its seconds. progress gets (chunks done, chunks). started gets the ticket.

    Raises what the ticket raises; finished chunks stay, and the next call with the same arguments goes on from there.
    """
    parts = Parts(output, {"text": text, "seed": seed, **voice})

    def keep(number: int, of: int, wave: np.ndarray, rate: int) -> None:
        parts.put(number, of, wave, rate)
        if progress is not None:
            progress(parts.made, of)

    speech = Speech(text, seed, on_part=keep, have=parts.has, **voice)
    ticket = queue.submit(speech, priority=priority, id=output.name)
    if started is not None:
        started(ticket)
    ticket.result()
    return parts.write()
