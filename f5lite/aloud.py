"""Speak under a budget: the ways that a model's file allows, their predicted peaks, and a queue that picks among them.

This is what `f5lite speak --budget 360MB` and `--file book.txt` run.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from f5lite.errors import F5liteError
from f5lite.memory.book import speak_to_file
from f5lite.memory.gauge import Gauge, Reading
from f5lite.memory.policy import Offer, Rules
from f5lite.memory.queue import Queue
from f5lite.memory.ticket import Ticket
from f5lite.memory.worker import Worker
from f5lite.model import library
from f5lite.model.checkpoint import Checkpoint
from f5lite.plan import MB, Plan, Subject, cost
from f5lite.shrink.int8.file import header_of

UNITS = {"": 1.0, "B": 1e-6, "KB": 1e-3, "MB": 1.0, "GB": 1e3}


def megabytes(text: str) -> float:
    """ "360MB", "1.5 GB" or "360" (MB) in MB of 10^6 bytes. Raises F5liteError for anything else."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMG]?B)?\s*", text, re.IGNORECASE)
    if not found or not math.isfinite(float(found[1])) or float(found[1]) <= 0:
        raise F5liteError(f"a budget is a size such as 360MB or 1.5GB, not {text!r}")
    return float(found[1]) * UNITS[(found[2] or "").upper()]


def offers_for(files: library.ModelFiles, steps: int | None, guidance: float) -> list[Offer]:
    """The residencies of this file with their predicted peaks, from the largest to the smallest; the sound is the same."""
    weights = Checkpoint(files.weights)
    header = header_of(weights.source.metadata, weights.path)
    dtypes = Counter(str(entry.dtype) for entry in getattr(weights.source, "entries", {}).values())
    kept = "BF16" if dtypes and dtypes.most_common(1)[0][0] == "torch.bfloat16" else "F32"
    plan = Plan(
        precision="fp32" if header is None else "int8",
        folded=header is not None and header.steps is not None,
        steps=steps or 32,
        guidance=guidance,
        chunk_seconds=files.config.chunk_seconds,
    )
    subject = Subject(files.config, kept)
    priced = [
        Offer(way, int(cost(subject, replace(plan, residency=way)).peak_rss_mb * MB))
        for way in ("resident", "on-demand", "streamed")
    ]
    return sorted(priced, key=lambda offer: -offer.peak)


def within(budget_mb: float | None, worker: Worker) -> Callable[[], Reading]:
    """Readings of this machine; with a budget, of the budget: what is left of it beside what the worker holds."""
    gauge = Gauge()

    def read() -> Reading:
        reading = gauge.read()
        if budget_mb is None:
            return reading
        budget = int(budget_mb * MB)
        left = min(reading.available, budget - worker.held)
        return replace(reading, limit=budget, limit_source="--budget", available=max(0, left), anonymous=0)

    return read


def speak_within(
    text: str,
    output: Path,
    *,
    budget_mb: float | None = None,
    load: dict[str, Any] | None = None,
    speak: dict[str, Any] | None = None,
    progress: Callable[[int, int], object] | None = None,
    seed: int = 0,
    **voice: Any,
) -> dict[str, Any]:
    """Speak `text` into `output` through the queue; what was made before an interruption isn't made again.

    load, speak: arguments of `f5lite.load` and `Pipeline.speak`; voice: voice, ref, ref_text, speed.
    Returns seconds of speech, chunks by plan, and the worker's deaths. Raises F5liteError when the budget is too small.
    """
    load, speak = dict(load or {}), dict(speak or {})
    model = load.get("model", "tiny")
    files = library.find(model, **{name: load.get(name) for name in ("vocab", "vocoder", "config")})
    files.vocabulary.check(text)
    offers = offers_for(files, speak.get("steps"), speak.get("guidance", 2.0))
    ways = {
        offer.name: {"load": {**load, "model": model, "residency": offer.name}, "speak": speak}
        for offer in offers
    }
    worker = Worker("f5lite.memory.speaker:Speaker", ways)
    rules = Rules() if budget_mb is None else Rules(tight_below=0, critical_below=0, reserve=0)
    source = within(budget_mb, worker)
    tickets: list[Ticket] = []
    imports = 0 if budget_mb is not None else 250_000_000
    with Queue(worker, offers, rules=rules, source=source, import_bytes=imports) as queue:
        seconds = speak_to_file(
            queue, text, Path(output), seed=seed, progress=progress, started=tickets.append, **voice
        )
    return {
        "duration_s": round(seconds, 4),
        "plans": dict(Counter(tickets[0].offers[1:])),
        "worker_deaths": worker.deaths,
        "predicted_mb": {offer.name: round(offer.peak / MB) for offer in offers},
    }
