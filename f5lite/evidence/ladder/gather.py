"""From the store to a `Ladder`: the rows with their files and their sound."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from f5lite import machine
from f5lite.errors import F5liteError
from f5lite.evidence.ladder import jobs as planning
from f5lite.evidence.ladder import sound
from f5lite.evidence.ladder.jobs import Settings
from f5lite.evidence.ladder.result import Ladder, row
from f5lite.evidence.ladder.rungs import RUNGS, Rung
from f5lite.evidence.ladder.store import Store, folder, read
from f5lite.evidence.ladder.subject import Subject, file_mb
from f5lite.evidence.quality.result import Result
from f5lite.model.config import TINY, V1_BASE

LEAST_TURNS = 3


def gather(
    subject: Subject, settings: Settings, store: Store, results: Mapping[str, Result] | None = None
) -> Ladder:
    """The ladder as far as it was climbed. results: of `f5lite quality`; by default those that ship."""
    rows = []
    for rung in settings.rungs:
        size = _size(subject, rung.form)
        heard = sound.heard(rung, results) if bundled(subject) else None
        rows.append(row(rung, store.records, settings, subject.frames, size, heard))
    left = planning.following(store.records, settings, subject.frames)
    kept = read(store.path) or {"about": {}}
    return Ladder(
        tuple(rows),
        machine.card().to_dict(),
        described(subject),
        left is None,
        str(kept["about"].get("when", "")),
    )


def bundled(subject: Subject) -> bool:
    """Whether the bundled voice stands for how the rungs sound: for itself, and for weights that have no sound."""
    return subject.seeded or subject.config.name == TINY.name


def described(subject: Subject) -> dict[str, Any]:
    """The model as `--json` prints it."""
    return {
        "name": subject.name,
        "blocks": subject.config.dit.depth,
        "published": subject.config.dit == V1_BASE.dit,
        "frames": subject.frames,
        "speech_seconds": round(subject.speech, 4),
        "weights": "seeded: same bytes, same arithmetic, no sound" if subject.seeded else "trained",
        "heard": "the bundled voice" if bundled(subject) else "",
        "shape": subject.shape,
        "note": subject.note,
    }


def _size(subject: Subject, form: str) -> float | None:
    try:
        return file_mb(subject, form)
    except (F5liteError, OSError):
        return None


def last_full(subject: Subject, place: Path | None = None) -> Ladder | None:
    """The newest climb of this model on this machine with three turns of every rung, whatever the state of the code."""
    if subject.config.dit != V1_BASE.dit:
        return None
    here = machine.card().fingerprint
    found = []
    for path in (place or folder()).glob(f"{here}-*.json"):
        kept = read(path)
        about = kept["about"] if kept else {}
        if about.get("model") == subject.identity and not about.get("quick"):
            found.append((str(about.get("when", "")), path, about))
    for _, path, about in sorted(found, reverse=True, key=lambda one: one[0]):
        store = Store(path, about)
        turns = [_turns(rung, store, subject.frames) for rung in RUNGS]
        least = min((count for count in turns if count is not None), default=0)
        if least >= LEAST_TURNS:
            return gather(subject, Settings(repeats=least), store)
    return None


def _turns(rung: Rung, store: Store, frames: int) -> int | None:
    """How many turns of a rung there are; None for one that failed."""
    settings, count = Settings(), 0
    if planning.failed(rung, store.records, settings, frames):
        return None
    while planning.turn(rung, count, settings, frames).key in store.records:
        count += 1
    return count
