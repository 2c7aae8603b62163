"""What the ladder measures: the model, its length, and the files that the rungs read, made once and kept in the cache."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from f5lite import machine
from f5lite.errors import F5liteError
from f5lite.evidence import workload
from f5lite.model.config import ModelConfig

SHORTEST, LONGEST = 32, 4096
USUAL_STEPS = 7
FORMS = {  # form of the file -> how it is converted
    "int8-kept": {"keep_modulation": True},
    "int8-32": {"steps": 32},
    "int8-7": {"steps": USUAL_STEPS},
}


@dataclass(frozen=True)
class Subject:
    """source: what `f5lite.load` takes; identity: the same for two runs that may share their results; note: what was left
    out on a small machine, or ""; seeded: weights without a sound of their own."""

    name: str
    config: ModelConfig
    frames: int
    source: str
    identity: str
    folder: Path
    seeded: bool
    note: str = ""

    @property
    def speech(self) -> float:
        """Seconds of new speech: the other half of the frames is the reference."""
        return (self.frames - self.frames // 2) / self.config.mel.frames_per_second

    @property
    def shape(self) -> str:
        blocks = f"{self.config.dit.depth} block{'s' if self.config.dit.depth != 1 else ''}"
        return f"{self.config.name}, {blocks}, {self.frames} frames"

    def path(self, form: str) -> str:
        """Where a form of the model is, or will be."""
        if form == "source":
            return self.source
        usual = form.removesuffix(f"-{USUAL_STEPS}")  # the same file that the lessons convert
        return str(self.folder / f"{self.identity}-{usual}")


def subject(model: str | None = None, frames: int | None = None) -> Subject:
    """The model by name, folder or file; without one the workload of this machine (v1 Base's shape, seeded weights)."""
    if frames is not None and not SHORTEST <= frames <= LONGEST:
        raise F5liteError(f"frames must be from {SHORTEST} to {LONGEST}, found {frames}")
    if model is None:
        here = workload.here()
        return seeded(here.config, frames or here.frames, here.note)
    from f5lite.evidence.quality.digests import digest
    from f5lite.model import library

    files = library.find(model)
    stat = os.stat(files.weights)
    identity = f"{files.config.name}-{digest([str(files.weights), stat.st_size, stat.st_mtime_ns])[:12]}"
    folder = machine.cache_folder() / "converted"
    return Subject(
        files.config.name, files.config, frames or workload.FRAMES, str(model), identity, folder, False
    )


def seeded(config: ModelConfig, frames: int, note: str = "") -> Subject:
    """A shape with seeded weights; the files are written by `prepare`."""
    folder = machine.cache_folder() / "synthetic"
    identity = f"{config.name}-{config.dit.depth}-0"
    return Subject(config.name, config, frames, str(folder / identity), identity, folder, True, note)


def prepare(subject: Subject, form: str) -> Path | str:
    """Write the weights or convert them, if that isn't done yet. Returns what `f5lite.load` takes."""
    from f5lite.evidence import int8_bytes

    if form == "source":
        return workload.prepare(subject.config, folder=subject.folder) if subject.seeded else subject.source
    subject.folder.mkdir(parents=True, exist_ok=True)
    source = prepare(subject, "source")
    return int8_bytes.converted(source, Path(subject.path(form)), **FORMS[form])


def file_mb(subject: Subject, form: str) -> float:
    """The weights of text and acoustic model on the disk, MB (10^6 bytes): the vocoder is a file of its own."""
    from f5lite.model import library

    return os.stat(library.find(subject.path(form)).weights).st_size / 1e6
