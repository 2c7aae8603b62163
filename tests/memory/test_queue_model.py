"""200 mixed requests to the real model under a cap, beside a hog, while allocations fail and the worker is killed."""

from __future__ import annotations

import os
import random
import shutil
import sys
import time
from collections import Counter
from concurrent.futures import CancelledError
from pathlib import Path

import numpy as np
import pytest

from f5lite.aloud import subject_of, ways_for
from f5lite.evidence import residency
from f5lite.memory import policy
from f5lite.memory.cap import Cap
from f5lite.memory.menu import Planned
from f5lite.memory.queue import Queue
from f5lite.memory.ticket import ENDED, Refused, Speech, Ticket
from f5lite.memory.worker import Worker
from f5lite.model import library
from f5lite.model.config import TINY
from f5lite.model.synthetic import synthetic
from f5lite.plan import Speeds, Wishes
from f5lite.shrink.int8.convert import convert
from tests.memory.pressure import Pressure, source

MB = 1_000_000
IMPORTS = 250 * MB  # a worker with torch
HIGHEST = 60 * MB  # what the hog takes away from the best plan, and not from the smallest
COUNT = 200
MACHINE = Speeds({("fp32", "float"): 1.0, ("int8", "reference"): 1.2})
TEXTS = (
    "go",
    "hi",
    "red",
    "no rain",
    "I am at home. The lamp is red, and it is in the kitchen with the old clock. Go.",
)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="caps are Linux only"),
]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Planned, Path]:
    """The bundled voice's shape with two blocks, so that it takes seconds, in two files; and a short clip to speak like."""
    folder = tmp_path_factory.mktemp("model")
    source = synthetic(TINY.with_blocks(2), folder / "fp32", seed=0)
    shutil.copy(library.BUNDLE / "tiny" / "vocab.txt", source / "vocab.txt")
    convert(library.find(source), folder / "int8", steps=1)
    subject = subject_of([str(source), str(folder / "int8")], reference_seconds=0.6)
    return Planned(subject, MACHINE, Wishes(steps=1, guidance=0.0)), residency.clip(folder)


def first_runs(queue: Queue) -> list[str]:
    """The requests in the order in which they first ran, of those that came after the last one was handed in."""
    log = list(queue.log)
    last = max(place for place, (_, _, what) in enumerate(log) if what == "submitted")
    early = {who for _, who, what in log[:last] if what.startswith("runs as")}
    return list(
        dict.fromkeys(who for _, who, what in log[last:] if what.startswith("runs as") and who not in early)
    )


@pytest.mark.parametrize(
    "chances",
    [{"allocation": 0.05}, {"allocation": 0.5}, {"kill": 0.05}],
    ids=["allocation 5 %", "allocation 50 %", "SIGKILL 5 %"],
)
def test_two_hundred_requests_each_end_once_and_by_name(
    chances: dict[str, float], files: tuple[Planned, Path]
) -> None:
    menu, clip = files
    voice = {"ref": str(clip), "ref_text": residency.REFERENCE_TEXT}
    smallest = menu.smallest().peak
    draw, began, own = random.Random(11), time.monotonic(), os.getpid()
    settings = {"ways": ways_for(menu, {}, {"guidance": 0.0}), "seed": 5, **chances}
    with Cap(int(1.1 * (smallest + IMPORTS)) + HIGHEST) as cap, Pressure(cap, HIGHEST) as pressure:
        worker = Worker("tests.memory.faults:Unlucky", settings, cap=cap)
        queue = Queue(worker, menu, source=source(cap, pressure, worker), import_bytes=IMPORTS, pause=0.005)
        queue.log = type(queue.log)(maxlen=20 * COUNT)
        with queue:
            tickets = [
                queue.submit(
                    Speech(TEXTS[-1] if number % 40 == 7 else draw.choice(TEXTS[:-1]), seed=number, **voice),
                    priority=draw.randint(0, 3),
                    deadline=0.0 if number % 50 == 20 else None,
                    id=f"r{number}",
                )
                for number in range(COUNT)
            ]
            cancelled = [ticket for ticket in tickets[::19] if queue.cancel(ticket)]
            for ticket in tickets:
                try:
                    ticket.result(300)
                except (CancelledError, Refused):
                    pass
        kind = cap.kind
    states = Counter(ticket.state for ticket in tickets)
    plans = Counter(name for ticket in tickets for name in ticket.offers)
    print(f"{kind}, {cap.size / MB:.0f} MB: {dict(states)}; failed allocations {queue.counts['allocation']}, "
          f"worker died {worker.deaths}; {dict(plans)}; {time.monotonic() - began:.0f} s")  # fmt: skip
    assert set(states) <= set(ENDED) and sum(states.values()) == COUNT and not states["failed"]
    assert sum(queue.counts[state] for state in ENDED) == queue.counts["submitted"] == COUNT, (
        "none lost or twice"
    )
    assert states["cancelled"] <= len(cancelled) and os.getpid() == own
    assert states["done"] >= (0.4 if chances.get("allocation") == 0.5 else 0.85) * COUNT
    assert len(plans) > 1, "more than one plan was used"
    for ticket in tickets:
        if ticket.state == "refused":
            assert ticket.reason and (ticket.needed > 0 or "deadline" in ticket.reason)
        if ticket.state == "done":
            check_wave(ticket)
    assert any("deadline" in ticket.reason for ticket in tickets)
    if "kill" in chances:
        assert worker.deaths >= 3 and queue.counts["died"] == worker.deaths
    else:
        assert queue.counts["allocation"] >= COUNT * chances["allocation"] / 3
    started = first_runs(queue)
    by_name = {ticket.id: ticket for ticket in tickets}
    ranked = policy.order([by_name[name].waiting() for name in started], queue.rules)
    assert started == [one.id for one in ranked], "the order is that of priority with ageing"


def check_wave(ticket: Ticket) -> None:
    """Every chunk is there, once, and is sound."""
    wave, rate = ticket.result()
    assert ticket.work.at == len(ticket.work.chunks) and rate == 24000
    assert len(wave) > 0.05 * rate and np.isfinite(wave).all()
