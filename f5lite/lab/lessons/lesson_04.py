"""The measurements, pictures, texts and exercise of lesson 04, "Watch memory, queue requests"."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from f5lite.evidence import explain
from f5lite.evidence.exercises import exercise, expect
from f5lite.evidence.measurement import Measurement
from f5lite.lab.charts import bars, memory_timeline
from f5lite.lab.figure import Figure
from f5lite.machine import quick
from f5lite.memory import meter, trace
from f5lite.memory.cap import Cap, data_bytes
from f5lite.memory.gauge import Gauge, Reading
from f5lite.memory.menu import Offer
from f5lite.memory.monitor import Monitor
from f5lite.memory.policy import Rules, Waiting, next_level, order
from f5lite.memory.queue import Queue
from f5lite.memory.stand_in import Holding, all_at_once
from f5lite.memory.ticket import Speech
from f5lite.memory.worker import Worker

MB = 1e6
REPEATS = 5


def reading() -> Figure:
    """What the gauge says now, as a picture with its sources."""
    gauge = Gauge()
    now = gauge.read()
    gauge.close()
    values = {
        "limit": now.limit / MB,
        "available": now.available / MB,
        "this notebook, anonymous": now.anonymous / MB,
        "this notebook, file-backed": now.file_backed / MB,
    }
    pressure = "not told" if now.pressure is None else f"{100 * now.pressure:.1f} % of the last ten seconds"
    note = f"The limit comes from: {now.limit_source}. Pressure: {pressure} ({now.pressure_source})."
    return bars(values, title="Memory now", unit="MB", note=note)


def cost() -> Measurement:
    """Percent of one core that five readings a second cost."""
    shares = []
    for number in range(REPEATS):
        with Monitor(hz=25, name=f"cost {number}") as monitor:
            time.sleep(0.4)
        shares.append(100 * 5 * monitor.cpu_seconds / len(monitor.history))
    return Measurement.of("monitor_cost", shares, "%")


def error() -> Measurement:
    """Percent between the gauge's anonymous memory and the kernel's own page by page count, the larger of each try."""
    path = Path("/proc/self/smaps_rollup")
    if not path.exists():
        return Measurement.none("reading_error", "this system has no second count to compare with", "%")
    gauge, errors = Gauge(), []
    for number in range(REPEATS):
        block = bytearray(20_000_000 * (number + 1))
        block[::4096] = b"\1" * len(block[::4096])
        counted = int(re.search(r"^Anonymous:\s+(\d+)", path.read_text(), re.MULTILINE)[1]) * 1024
        errors.append(100 * abs(gauge.read().anonymous - counted) / counted)
        del block
    gauge.close()
    return Measurement.of("reading_error", errors, "%")


def squeeze() -> list[Reading]:
    """The recorded trace: a hog grows and shrinks under a cap."""
    return trace.shipped("squeeze")


def levels(tight: int = 35, critical: int = 15, margin: int = 5) -> Figure:
    """The recorded trace, and where the policy would change its level with these thresholds, in percent of the limit."""
    rules = Rules(tight_below=max(tight, critical) / 100, critical_below=critical / 100, margin=margin / 100)
    readings, level, marks = squeeze(), "ample", []
    first = readings[0].seconds
    for one in readings:
        new = next_level(level, one, rules)
        if new != level:
            marks.append((one.seconds - first, new))
        level = new
    seconds = [one.seconds - first for one in readings]
    used = [(one.limit - one.available) / MB for one in readings]
    return memory_timeline(
        seconds,
        {"in use": used},
        title="A recorded squeeze, and the policy's level",
        limit=readings[0].limit / MB,
        marks=marks,
        note=f"{len(marks)} changes of level.",
    )


def capped(worker: Worker, size: int) -> None:
    """From now on the worker's process may have `size` bytes more than it has, and one that takes its place no more either."""
    worker.start()
    worker.cap = Cap(data_bytes(worker.pid) + size, groups=False)
    worker.cap.join(worker.pid)


def under_a_cap(count: int = 8, size: int = 60_000_000, cap: int = 150_000_000) -> dict[str, int]:
    """Requests that need more together than the cap: all at once in threads, and through the queue. Counts."""
    if not sys.platform.startswith("linux"):
        return {}
    seconds = 0.3
    at_once = meter.measure(all_at_once, (count, size, cap, seconds), imports=())
    offers = [Offer("large", size), Offer("small", size // 4)]
    worker = Worker("f5lite.memory.stand_in:Holder", {"small": 0.25})

    def source() -> Reading:
        return Reading(time.monotonic(), cap, "made up", max(0, cap - worker.held), 0, 0, None, "none", 0)

    rules = Rules(reserve=0, tight_below=0, critical_below=0)
    with Queue(worker, offers, rules=rules, source=source, import_bytes=0) as queue:
        capped(worker, cap)
        tickets = [queue.submit(Holding(size, seconds)) for _ in range(count)]
        for ticket in tickets:
            ticket._future.exception(120)
    return {
        "asked": count,
        "finished_without": at_once.result,
        "finished_with": sum(ticket.state == "done" for ticket in tickets),
        "lost": sum(not ticket.ended for ticket in tickets),
        "killed": worker.deaths,
    }


def survival() -> tuple[Measurement, ...]:
    """The claim's four figures: requests finished with and without a queue, lost, and times the queue's process died."""
    repeats = 1 if quick() else REPEATS
    runs = [under_a_cap() for _ in range(repeats)]
    names = ("finished_without", "finished_with", "lost", "killed")
    if not runs[0]:
        return tuple(
            Measurement.none(name, f"memory can't be capped on {sys.platform}", "requests") for name in names
        )
    figures = [Measurement.of(name, [run[name] for run in runs], "requests") for name in names[:2]]
    return (*figures, *(Measurement.count(name, sum(run[name] for run in runs)) for name in names[2:]))


def experience(sentence: str = "turn off the lights in the kitchen") -> tuple[Measurement, Measurement]:
    """The bundled voice through the queue: how often it was ended under a cap, and seconds of work for a second of speech.

    The cap is what its plan promises, over what the process holds after a first request, which also waits for the imports.
    """
    worker, promised = (
        Worker("f5lite.memory.speaker:Speaker", {"resident": {"speak": {"steps": 7}}}),
        100_000_000,
    )
    can_cap, ended, factors = sys.platform.startswith("linux"), 0, []
    with Queue(worker, [Offer("resident", promised)]) as queue:
        queue.submit(Speech(sentence, seed=0)).result(600)
        if can_cap:
            capped(worker, promised)
        for number in range(2 if quick() else REPEATS):
            begin = time.perf_counter()
            try:
                wave, rate = queue.submit(Speech(sentence, seed=1 + number)).result(600)
            except Exception:  # out of memory under the cap, in whichever way it ended
                ended += 1
                continue
            factors.append((time.perf_counter() - begin) * rate / len(wave))
    killed = (
        Measurement.count("killed", ended)
        if can_cap
        else Measurement.none("killed", f"memory can't be capped on {sys.platform}")
    )
    if not factors:
        return killed, Measurement.none("real_time_factor", "no request lived under the cap", "s")
    return killed, Measurement.of("real_time_factor", factors, "s")


watch = explain.text(
    "04/monitor",
    outcomes=("cheap", "costly"),
    decide=lambda f: "cheap" if f["monitor_cost"].median <= 1 else "costly",
    examples={
        "cheap": (Measurement.of("monitor_cost", [0.2, 0.21, 0.22, 0.2, 0.2], "%"),),
        "costly": (Measurement.of("monitor_cost", [3.2, 3.1, 3.3, 3.2, 3.2], "%"),),
    },
)


@watch.when("cheap")
def _(f: explain.Figures) -> str:
    return (
        f"Five readings a second cost {f.of('monitor_cost')} of one core: a monitor can run all the time. It reads a few "
        "small files, keeps a bounded history, and ends by itself."
    )


@watch.when("costly")
def _(f: explain.Figures) -> str:
    return (
        f"Five readings a second cost {f.of('monitor_cost')} of one core here, more than a monitor should. Read less often, or "
        "only before a request starts."
    )


@exercise(
    "next_up", lesson="04", praise="urgent ones go first, and those that waited long enough overtake them."
)
def next_up(attempt: Callable[..., Any]) -> None:
    """A function from (waiting, now, ageing) to the name that goes next; waiting: (name, priority, since) each."""
    now, ageing = 100.0, 10.0
    got = attempt([("low", 0, 99.0), ("high", 2, 99.5)], now, ageing)
    expect(isinstance(got, str), f"return a name, not {got!r}")
    expect(got == "high", f"both came just now, so the more urgent goes first; yours took {got!r}")
    got = attempt([("patient", 0, 70.0), ("urgent", 2, 99.0)], now, ageing)
    expect(
        got == "patient",
        "`patient` has waited 29 s longer, and 10 s count as one priority: it goes before `urgent`",
    )
    got = attempt([("patient", 0, 85.0), ("urgent", 2, 99.0)], now, ageing)
    expect(got == "urgent", "14 s more of waiting are not yet worth two priorities: `urgent` goes first")
    for low, since in ((0, 50.0), (1, 81.0), (1, 95.0)):
        mine = [("a", low, since), ("b", 3, 98.0)]
        wanted = order([Waiting(name, priority, at) for name, priority, at in mine], Rules(ageing=ageing))[
            0
        ].id
        expect(attempt(mine, now, ageing) == wanted, f"of {mine} the queue itself takes {wanted!r}")
