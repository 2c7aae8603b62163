"""Speak under a budget: the ways that a model's file allows, their predicted peaks, and a queue that picks among them.

This is what `f5lite speak --budget 360MB` and `--file book.txt` run.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from f5lite.errors import F5liteError
from f5lite.memory.book import speak_to_file
from f5lite.memory.gauge import Gauge, Reading
from f5lite.memory.menu import Planned, peak_of
from f5lite.memory.policy import Rules
from f5lite.memory.queue import Queue
from f5lite.memory.ticket import Ticket
from f5lite.memory.worker import Worker
from f5lite.model import library
from f5lite.model.checkpoint import Checkpoint
from f5lite.plan import MB, Speeds, Subject, Variant, Wishes
from f5lite.plan.speeds import measured
from f5lite.shrink.int8.file import header_of

NAMES_OF = {"torch.bfloat16": "BF16", "torch.float16": "F16"}
UNITS = {"": 1.0, "B": 1e-6, "KB": 1e-3, "MB": 1.0, "GB": 1e3}


def megabytes(text: str) -> float:
    """ "360MB", "1.5 GB" or "360" (MB) in MB of 10^6 bytes. Raises F5liteError for anything else."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMG]?B)?\s*", text, re.IGNORECASE)
    if not found or not math.isfinite(float(found[1])) or float(found[1]) <= 0:
        raise F5liteError(f"a budget is a size such as 360MB or 1.5GB, not {text!r}")
    return float(found[1]) * UNITS[(found[2] or "").upper()]


def variant(files: library.ModelFiles, path: str) -> Variant:
    """What kind of file a model's weights are in, and so which plans it allows."""
    weights = Checkpoint(files.weights)
    header = header_of(weights.source.metadata, weights.path)
    entries = getattr(weights.source, "entries", {})
    dtypes = Counter(str(entry.dtype) for entry in entries.values()).most_common(1)
    kept = NAMES_OF.get(dtypes[0][0] if dtypes else "", "F32")
    if header is None:
        return Variant(path, source_dtype=kept, mapped=bool(entries))
    return Variant(path, header.precision, header.steps is not None, header.steps)


def subject_of(
    models: Sequence[str],
    sound: Mapping[str, float] | None = None,
    reference_seconds: float = 3.0,
    **finding: Any,
) -> Subject:
    """A model that lies in one or several files (fp32, int8, bf16), as `plan_for` wants it.

    finding: vocab, vocoder, config, as `f5lite.load` takes them. Raises F5liteError when the files are of two shapes.
    """
    found = [(str(name), library.find(name, **finding)) for name in models]
    first = found[0][1]
    for name, files in found[1:]:
        if files.config.dit != first.config.dit or files.config.mel != first.config.mel:
            raise F5liteError(f"{name} is not the same model as {found[0][0]}: its shape is another")
    variants = tuple(variant(files, name) for name, files in found)
    return Subject(first.config, variants[0].source_dtype, reference_seconds, sound or {}, variants)


def ways_for(menu: Planned, load: Mapping[str, Any], speak: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What the worker's speaker does for each plan of a menu: its file, residency, engine, steps, length of a chunk."""
    ways = {}
    for plan in menu.plans:
        one = menu.subject.variant(plan)
        loading = {**load, "residency": plan.residency}
        if one is not None:
            loading["model"] = one.path
        if plan.precision == "int8":
            loading["engine"] = plan.engine
        saying = {**speak, "steps": plan.steps}
        ways[plan.name] = {"load": loading, "speak": saying, "chunk_seconds": plan.chunk_seconds}
    return ways


def speeds_for(subject: Subject) -> Speeds:
    """This machine's measured speeds where they decide anything: where one of the files is not plain fp32."""
    if all(one.precision == "fp32" for one in subject.variants):
        return Speeds()
    return measured(subject.config)


def within(budget_mb: float | None, worker: Worker) -> Callable[[], Reading]:
    """Readings of this machine; with a budget, of the budget: what is left of it beside what the worker holds."""
    gauge = Gauge()

    def read() -> Reading:
        reading = gauge.read()
        if budget_mb is None:
            return reading
        budget = int(budget_mb * MB)
        left = min(reading.available, budget - worker.held)
        return replace(reading, limit=budget, limit_source="--budget", available=left, anonymous=0)

    return read


def speak_within(
    text: str,
    output: Path,
    *,
    budget_mb: float | None = None,
    load: dict[str, Any] | None = None,
    speak: dict[str, Any] | None = None,
    also: Sequence[str] = (),
    sound: Mapping[str, float] | None = None,
    speeds: Speeds | None = None,
    progress: Callable[[int, int], object] | None = None,
    decided: Callable[[str, str], object] | None = None,
    seed: int = 0,
    **voice: Any,
) -> dict[str, Any]:
    """Speak `text` into `output` through the queue; what was made before an interruption isn't made again.

    load, speak: arguments of `f5lite.load` and `Pipeline.speak`; voice: voice, ref, ref_text, speed. also: further files of
    the same model, say its int8 conversion. sound: measured word error rates (`Plan.sounds_like`). speeds: of this machine,
    measured where not given. decided: gets a plan's name and the reason, whenever a chunk's plan is another than the last one's.
    Returns seconds of speech, chunks by plan, predicted peaks, and the worker's deaths. Raises F5liteError when the budget
    is too small, or when no file allows what was asked for.
    """
    load, speak = dict(load or {}), dict(speak or {})
    model = str(load.get("model", "tiny"))
    finding = {name: load.get(name) for name in ("vocab", "vocoder", "config")}
    library.find(model, **finding).vocabulary.check(text)
    subject = subject_of([model, *map(str, also)], sound, **finding)
    speak.setdefault("guidance", getattr(subject.config, "guidance", 2.0))
    wishes = Wishes(steps=speak.get("steps"), engine=load.get("engine"), guidance=speak["guidance"])
    try:
        menu = Planned(subject, speeds or speeds_for(subject), wishes)
    except ValueError as error:
        raise F5liteError(_nothing_to_plan(subject, wishes, error)) from None
    worker = Worker("f5lite.memory.speaker:Speaker", ways_for(menu, load, speak))
    rules = Rules() if budget_mb is None else Rules(tight_below=0, critical_below=0, reserve=0)
    tickets: list[Ticket] = []
    imports = 0 if budget_mb is not None else 250_000_000
    with Queue(
        worker,
        menu,
        rules=rules,
        source=within(budget_mb, worker),
        import_bytes=imports,
        decided=decided,
    ) as queue:
        seconds = speak_to_file(
            queue, text, Path(output), seed=seed, progress=progress, started=tickets.append, **voice
        )
    taken = Counter(tickets[0].offers[1:])
    peaks = {plan.name: peak_of(cost) / MB for plan, cost in menu.priced}
    return {
        "duration_s": round(seconds, 4),
        "plans": dict(taken),
        "worker_deaths": worker.deaths,
        "predicted_mb": {name: round(peaks[name]) for name in taken},
    }


def _nothing_to_plan(subject: Subject, wishes: Wishes, error: ValueError) -> str:
    tables = sorted({one.steps for one in subject.variants if one.steps is not None})
    if wishes.steps is not None and tables:
        made = " or ".join(map(str, tables))
        return f"the model was converted for {made} steps, not for {wishes.steps}; ask for {made}, or convert it again"
    return str(error)
