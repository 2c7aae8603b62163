"""What has to be measured, one process at a time, in which order, and about how long it will take. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal

from f5lite.evidence.ladder.rungs import CAPS, RUNGS, Rung
from f5lite.model import anatomy
from f5lite.model.config import ModelConfig

Kind = Literal["prepare", "calibrate", "turn", "whole", "cap"]
Records = Mapping[str, Mapping[str, Any]]  # a job's key -> what it found
START = 4.0  # seconds for a process to start and import
SLOWEST = 60e9  # operations a second of a slow processor, for a first guess


@dataclass(frozen=True)
class Settings:
    """repeats: turns of the rungs, each in a process of its own. passes: how many each turn makes; the first warms up.
    whole, capped: which rungs speak a whole utterance, and which are tried under caps ("ends", "all", "none").
    upstream: another interpreter that has f5-tts."""

    rungs: tuple[Rung, ...] = RUNGS
    repeats: int = 5
    passes: int = 2
    whole: str = "ends"
    capped: str = "all"
    caps: tuple[int, ...] = CAPS
    engine: str = "auto"
    upstream: str | None = None

    def speaks_whole(self, rung: Rung) -> bool:
        return self.whole == "all" or (self.whole == "ends" and rung.ends)

    def is_capped(self, rung: Rung) -> bool:
        return self.capped == "all" or (self.capped == "ends" and rung.ends)


@dataclass(frozen=True)
class Job:
    """One thing to measure. number: the turn, or the cap in MB."""

    kind: Kind
    rung: Rung | None = None
    number: int = 0
    form: str = ""
    passes: int | None = None
    frames: int = 0

    @property
    def key(self) -> str:
        """Under which its record is kept: everything that decides what it finds, beside the model and the machine."""
        if self.rung is None:
            return f"{self.kind}/{self.form}"
        made = "all" if self.passes is None else self.passes
        what = f"{self.kind}/{self.rung.key}/{self.number}/{made}/{self.frames}"
        return f"{what}/{self.form}" if self.form else what

    def __str__(self) -> str:
        title = self.rung.title if self.rung else self.form
        if self.kind == "cap":
            return f"{title} under {self.number} MB"
        if self.kind == "turn":
            return f"{title}, turn {self.number + 1}"
        return {"whole": f"{title}, a whole utterance", "prepare": f"writing {title}"}.get(
            self.kind, "calibrating"
        )


def _by(rung: Rung, settings: Settings) -> str:
    """Which package or engine carries it out, where that was chosen."""
    if rung.theirs:
        return settings.upstream or ""
    return "" if settings.engine == "auto" or rung.precision == "fp32" else settings.engine


def turn(rung: Rung, number: int, settings: Settings, frames: int) -> Job:
    return Job("turn", rung, number, _by(rung, settings), min(settings.passes, rung.steps), frames)


def whole(rung: Rung, settings: Settings, frames: int) -> Job:
    return Job("whole", rung, 0, _by(rung, settings), None, frames)


def cap(rung: Rung, megabytes: int, settings: Settings, frames: int) -> Job:
    return Job("cap", rung, megabytes, _by(rung, settings), 1, frames)


def failed(rung: Rung, records: Records, settings: Settings, frames: int) -> str:
    """Why a rung gives no figures: its first turn that failed. "" if none did."""
    for number in range(settings.repeats):
        record = records.get(turn(rung, number, settings, frames).key)
        if record and record.get("failure"):
            return str(record["failure"])
    return ""


def next_cap(rung: Rung, records: Records, settings: Settings, frames: int) -> int | None:
    """The next cap to try, by halving: what survives a cap survives a larger one. None when all is known."""
    caps = sorted(settings.caps)
    low, high = 0, len(caps)  # below `low` it died, from `high` on it lives
    for index, megabytes in enumerate(caps):
        record = records.get(cap(rung, megabytes, settings, frames).key)
        if record is not None and record.get("failure"):
            low = max(low, index + 1)
        elif record is not None:
            high = min(high, index)
    return caps[(low + high) // 2] if low < high else None


def survives(rung: Rung, records: Records, settings: Settings, frames: int) -> dict[int, bool]:
    """Cap -> whether a request finished under it; caps beyond a tried one follow from it."""
    tried = {
        megabytes: not records[key].get("failure")
        for megabytes in settings.caps
        if (key := cap(rung, megabytes, settings, frames).key) in records
    }
    found = {}
    for megabytes in settings.caps:
        if any(lived and at <= megabytes for at, lived in tried.items()):
            found[megabytes] = True
        elif any(not lived and at >= megabytes for at, lived in tried.items()):
            found[megabytes] = False
    return found


def following(records: Records, settings: Settings, frames: int) -> Job | None:
    """The next job that isn't done: files, turns, whole utterances, caps. None at the end."""
    waiting = remaining(records, settings, frames)
    return waiting[0] if waiting else None


def remaining(records: Records, settings: Settings, frames: int) -> list[Job]:
    """All that isn't done, in order. Of the caps only the next one of each rung: the rest depends on it."""
    rungs = settings.rungs
    forms = dict.fromkeys(["source", *(rung.form for rung in rungs)])
    jobs = [Job("prepare", form=form) for form in forms]
    jobs += [Job("calibrate", form=settings.engine)]
    turns = [turn(rung, number, settings, frames) for number in range(settings.repeats) for rung in rungs]
    wholes = [whole(rung, settings, frames) for rung in rungs if settings.speaks_whole(rung)]
    caps = [
        cap(rung, megabytes, settings, frames)
        for rung in rungs
        if settings.is_capped(rung) and (megabytes := next_cap(rung, records, settings, frames)) is not None
    ]
    out = {rung.key for rung in rungs if failed(rung, records, settings, frames)}
    missing = {rung.key for rung in rungs if any(r.get("missing") for r in _of(rung, records))}
    jobs += [job for job in turns + wholes if job.rung.key not in out]
    jobs += [job for job in caps if job.rung.key not in missing]
    return [job for job in jobs if job.key not in records]


def _of(rung: Rung, records: Records) -> list[Mapping[str, Any]]:
    return [record for key, record in records.items() if key.split("/")[1] == rung.key]


def guess(job: Job, config: ModelConfig, frames: int) -> float:
    """Seconds, before anything was measured."""
    work = anatomy.total(anatomy.operations(config, frames, 1), "acoustic")
    if job.kind == "prepare":
        return START + 4 * anatomy.total(anatomy.weights(config)) / 50e6
    if job.kind == "calibrate":
        return 3 * START
    share = 1.0 if job.rung.precision == "fp32" else 0.7
    return START + (job.passes or job.rung.steps) * share * work / SLOWEST


def seconds_left(records: Records, settings: Settings, config: ModelConfig, frames: int) -> float:
    """An estimate that gets better: from the same rung's earlier processes, else from how far off the guesses were."""
    rates = []
    for key, record in records.items():
        if key.startswith(("turn", "whole")) and record.get("guessed") and record.get("took"):
            rates.append(record["took"] / record["guessed"])
    rate = median(rates) if rates else 1.0
    total = 0.0
    for job in remaining(records, settings, frames):
        total += _expected(job, records, settings, frames) or rate * guess(job, config, frames)
        if job.kind == "cap":
            total += START  # about one more try of each rung
    return total


def _expected(job: Job, records: Records, settings: Settings, frames: int) -> float | None:
    if job.rung is None:
        return None
    one = records.get(turn(job.rung, 0, settings, frames).key)
    if not one or one.get("failure") or not one.get("passes"):
        return None
    more = (job.passes or job.rung.steps) - len(one["passes"])
    return max(1.0, one["took"] + more * one["passes"][-1])
