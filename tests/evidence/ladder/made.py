"""Made-up climbs: a model of a few kilobytes, records as a process would leave them, ladders with chosen figures."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from f5lite.evidence.ladder.jobs import Job, Settings
from f5lite.evidence.ladder.result import Ladder, Row
from f5lite.evidence.ladder.rungs import BY_KEY, CAPS, RUNGS
from f5lite.evidence.ladder.subject import Subject
from f5lite.model.config import V1_BASE
from tests.conftest import SMALL

FRAMES = 64
CARD = {
    "processor": "made up <&>",
    "cores": 2,
    "memory_limit_bytes": 8e9,
    "torch": "2",
    "instruction_sets": ["AVX2"],
}


def subject(folder: Path) -> Subject:
    return Subject(SMALL.name, SMALL, FRAMES, str(folder), "made", folder / "converted", True)


def record(
    passes: int, one: float = 2.0, rss: float = 300.0, anonymous: float = 40.0, loading: float = 10.0
) -> dict[str, Any]:
    """What a process leaves that made `passes` passes of `one` second."""
    parts = {"text": 0.1, "vocoder": 0.2, "loading": 0.5, "speaking": 0.3 + passes * one}
    return {
        "seconds": parts,
        "cpu": {name: 2 * value for name, value in parts.items()},
        "passes": [one] * passes,
        "cpu_passes": [2 * one] * passes,
        "peaks": {
            "loading": {"rss": loading, "anonymous": loading},
            "speaking": {"rss": rss, "anonymous": anonymous},
        },
        "average": rss / 2,
        "watts": None,
    }


class Climber:
    """Carries jobs out by making records up. broken: rung -> how it ends; dies_under: rung -> cap in MB; stop_at: Ctrl-C."""

    def __init__(
        self,
        broken: dict[str, str] | None = None,
        dies_under: dict[str, int] | None = None,
        stop_at: int | None = None,
    ) -> None:
        self.broken, self.dies_under, self.stop_at = broken or {}, dies_under or {}, stop_at
        self.seen: list[str] = []

    def __call__(self, job: Job, subject: Subject, settings: Settings) -> dict[str, Any]:
        if len(self.seen) == self.stop_at:
            raise KeyboardInterrupt
        self.seen.append(job.key)
        if job.kind == "prepare":
            Path(subject.path(job.form)).mkdir(parents=True, exist_ok=True)
        if job.rung is None:
            return {}
        if job.rung.key in self.broken:
            return {"failure": self.broken[job.rung.key]}
        if job.kind == "cap":
            dies = job.number < self.dies_under.get(job.rung.key, 0)
            return {"kind": "made up", "failure": "was killed" if dies else None}
        return record(job.passes or job.rung.steps)


def row(key: str, *, seconds: Any = 10.0, rss: Any = 500.0, passes: float = 1.0, **more: Any) -> Row:
    """A measured row; a number stands for three equal turns."""

    def three(value: Any) -> tuple[float, ...]:
        return tuple(value) if isinstance(value, (list, tuple)) else (value,) * 3

    values = {
        "passes": three(passes),
        "cpu": three(20.0),
        "loading": three(0.5),
        "loading_rss": three(5.0),
        "loading_anonymous": three(3.0),
        "speaking_rss": three(rss),
        "speaking_anonymous": three(60.0),
        "average": three(200.0),
        "file_mb": 350.0,
        "survives": dict.fromkeys(CAPS, True),
        "cap_kind": "made up",
    }
    return Row(BY_KEY[key], "measured", seconds=three(seconds), **{**values, **more})


def ladder(*rows: Row, published: bool = True, **card: Any) -> Ladder:
    """These rows; the others of the ladder are measured too, unless `rows` has them."""
    given = {one.rung.key: one for one in rows}
    every = tuple(given.get(rung.key) or row(rung.key) for rung in RUNGS)
    model = {
        "name": V1_BASE.name,
        "blocks": 22 if published else 4,
        "published": published,
        "frames": 512,
        "speech_seconds": 2.73,
        "weights": "seeded",
        "heard": "the bundled voice",
        "shape": f"F5TTS_v1_Base, {22 if published else 4} blocks, 512 frames",
        "note": "" if published else "This machine has a single core: 4 blocks.",
    }
    return Ladder(every, {**CARD, **card}, model)


def killed(*_: Any) -> None:
    """Work that the system ends."""
    os.kill(os.getpid(), signal.SIGKILL)


def raises(*_: Any) -> None:
    """Work that can't go on."""
    raise RuntimeError("not enough\nroom for it")
