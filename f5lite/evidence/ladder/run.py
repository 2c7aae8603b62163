"""Climbing: job after job, each in a process of its own, every record kept before the next begins."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from f5lite.errors import F5liteError
from f5lite.evidence.ladder import jobs as planning
from f5lite.evidence.ladder import request, upstream
from f5lite.evidence.ladder.jobs import Job, Settings
from f5lite.evidence.ladder.store import Store
from f5lite.evidence.ladder.subject import Subject, prepare
from f5lite.memory import meter
from f5lite.memory.cap import Cap
from f5lite.memory.measured import MB, Measured

Record = dict[str, Any]
Progress = Callable[[str, int, int, float], None]  # what begins, done, all, seconds left
PATIENCE = 600.0  # seconds for a process of which nothing is known yet
OURS, THEIRS = ("numpy", "torch", "f5lite.pipeline"), ("numpy", "torch")


def climb(
    subject: Subject,
    settings: Settings,
    store: Store,
    progress: Progress | None = None,
    carry_out: Callable[[Job, Subject, Settings], Record] | None = None,
) -> Store:
    """Do what isn't done. A job that fails is a record too. Stopping it loses the running process and nothing else."""
    carry_out = carry_out or globals()["carry_out"]
    _forget_lost_files(subject, store)
    done = 0
    while (job := planning.following(store.records, settings, subject.frames)) is not None:
        if progress:
            left = planning.seconds_left(store.records, settings, subject.config, subject.frames)
            waiting = len(planning.remaining(store.records, settings, subject.frames))
            progress(str(job), done, done + waiting, left)
        begin = time.monotonic()
        record = carry_out(job, subject, settings)
        guessed = planning.guess(job, subject.config, subject.frames)
        store.keep(job.key, {**record, "took": time.monotonic() - begin, "guessed": guessed})
        done += 1
    if progress and done:
        progress("done", done, done, 0.0)
    return store


def _forget_lost_files(subject: Subject, store: Store) -> None:
    """A file that was written for an earlier run and is gone is written again."""
    for key in [key for key in store.records if key.startswith("prepare/")]:
        form = key.split("/")[1]
        if (form != "source" or subject.seeded) and not Path(subject.path(form)).exists():
            del store.records[key]


def carry_out(
    job: Job,
    subject: Subject,
    settings: Settings,
    ours: Callable[..., Any] = request.ours,
    theirs: Callable[..., Any] = request.theirs,
) -> Record:
    """Measure one job. ours, theirs: the work, for tests."""
    if job.kind == "prepare":
        prepare(subject, job.form)
        return {}
    if job.kind == "calibrate":
        return _calibrate(subject, settings)
    rung = job.rung
    model = subject.path(rung.form)
    if rung.theirs:
        place = settings.upstream or upstream.find() or upstream.build()
        if isinstance(place, str) and settings.upstream is None:
            return {"failure": f"is not available here: {place}", "missing": True}
        work: Callable[..., Any] = theirs
        args: tuple[Any, ...] = (model, subject.frames, rung.steps, job.passes, settings.upstream is None)
        python = settings.upstream
        paths = () if settings.upstream else (str(place),)
    else:
        work, python, paths = ours, None, ()
        args = (
            model,
            subject.frames,
            rung.steps,
            job.passes,
            rung.residency,
            rung.attention,
            settings.engine,
        )
    imports = THEIRS if rung.theirs else OURS
    slow = 6 * planning.guess(job, subject.config, subject.frames)
    patience = max(60.0, slow) if job.kind == "cap" else max(PATIENCE, slow)
    more = {"imports": imports, "paths": paths, "timeout": patience, "check": False}
    if python:
        more["python"] = python
    if job.kind == "cap":
        return _under(job.number, work, args, more, model)
    return figures(meter.measure(work, args, **more))


def figures(run: Measured) -> Record:
    """A record from a measured request: MB over the process with its imports done, seconds by part and pass."""
    if not run.ok or not run.result:
        reached = None if math.isnan(run.peak_rss_mb) else run.peak_rss_mb
        return {"failure": last_words(run), "reached_mb": reached}
    found, base = run.result, run.result["base"]
    peaks = {}
    for phase in run.phases:
        inside = [s for s in run.samples if phase.start <= s.seconds <= phase.end]
        rss = max([found["peaks"][phase.name], *(s.rss / MB for s in inside)])
        anonymous = max((s.anonymous / MB for s in inside), default=base["anonymous"])
        peaks[phase.name] = {
            "rss": max(0.0, rss - base["rss"]),
            "anonymous": max(0.0, anonymous - base["anonymous"]),
        }
    average = run.phase_mean_mb("speaking") + run.baseline_mb - base["rss"]
    kept = {name: found[name] for name in ("seconds", "cpu", "passes", "cpu_passes")}
    watts = None if run.joules is None or not run.wall_seconds else run.joules / run.wall_seconds
    return {
        **kept,
        "peaks": peaks,
        "average": None if math.isnan(average) else average,
        "watts": watts,
        "watts_source": run.joules_source,
        "source": run.source,
        "taken": found.get("taken", {}),
    }


def last_words(run: Measured) -> str:
    """How it ended, in a line: "was killed by SIGKILL", "raised RuntimeError: …"."""
    text = " ".join((run.failure or "returned nothing").split())
    return text if len(text) <= 200 else f"{text[:199]}…"


def _under(
    megabytes: int, work: Callable[..., Any], args: Sequence[Any], more: dict[str, Any], model: str
) -> Record:
    """The request under a real cap on what it takes over its imports."""
    try:
        cap = Cap(megabytes * 10**6)
    except F5liteError as problem:
        return {"failure": str(problem), "kind": "none"}
    with cap:
        if cap.folder is not None:
            drop_cached(model)
        group = None if cap.folder is None else str(cap.folder)
        run = meter.measure(request.capped, (megabytes, group, work, *args), **more)
        slow = sum(run.result["seconds"][part] for part in ("loading", "speaking")) if run.ok else None
        return {"kind": cap.kind, "failure": None if run.ok else last_words(run), "seconds": slow}


def drop_cached(model: str) -> None:
    """Ask the system to forget a model's cached pages: those that an earlier process read wouldn't count in the group."""
    import os

    from f5lite.model import library

    files = library.find(model)
    for path in filter(None, (files.weights, files.vocoder)):
        with open(path, "rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _calibrate(subject: Subject, settings: Settings) -> Record:
    """Let attention and engine choose on this machine first, so that no measured request pays for it."""
    choosing = [rung for rung in settings.rungs if rung.precision == "int8" or rung.attention == "auto"]
    if not choosing:
        return {}
    rung = choosing[-1]
    args = (
        subject.path(rung.form),
        subject.frames,
        rung.steps,
        1,
        rung.residency,
        rung.attention,
        settings.engine,
    )
    run = meter.measure(request.ours, args, timeout=PATIENCE, check=False)
    return {"said": None if run.ok else last_words(run)}
