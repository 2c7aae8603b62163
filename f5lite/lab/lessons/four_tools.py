"""The tools of lesson 02: three popular ways to measure memory, the meter, and pictures of what they say."""

from __future__ import annotations

import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

from f5lite.evidence import heat
from f5lite.evidence.measurement import Measurement
from f5lite.lab.charts import memory_timeline
from f5lite.lab.figure import Figure
from f5lite.machine import quick
from f5lite.memory import meter, procfs
from f5lite.memory.measured import MB, Measured
from f5lite.memory.selfcheck import SelfCheck, selfcheck

Work = Callable[[], object]


def before_and_after(work: Work) -> float:
    """The popular way: this process's RSS after the work, less the RSS before it. MB."""
    with procfs.Probe() as probe:
        before = probe.read().rss
        work()
        return (probe.read().rss - before) / MB


def python_only(work: Work) -> float:
    """The peak of what Python's own allocator handed out, from the standard library's tracemalloc. MB."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1] / MB
    finally:
        tracemalloc.stop()


def since_the_start() -> float:
    """The highest RSS of this process since it began, which `top` and `getrusage` report. MB."""
    try:
        import resource
    except ImportError:
        return procfs.Probe().read().peak_rss / MB
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MB


def in_mb(name: str, value: float) -> Measurement:
    """One reading of a tool."""
    return Measurement.of(name, max(0.0, value), "MB")


def labelled(answers: dict[str, Measurement]) -> dict[str, Measurement]:
    """The four answers under the names that people know the tools by."""
    names = {
        "python": "Python's tracemalloc",
        "difference": "after less before",
        "since_start": "peak since the start",
        "meter": "the meter",
    }
    return {names[name]: measurement for name, measurement in answers.items()}


def of_runs(runs: list[Measured], name: str, metric: str) -> Measurement:
    """One figure of several runs, in MB: `peak_rss_mb`, `peak_anonymous_mb`, …"""
    return Measurement.of(name, (getattr(run, metric) for run in runs), "MB")


def spike(megabytes: int = 120, milliseconds: int = 20) -> None:
    """Hold memory for a moment only, with quiet before and after."""
    time.sleep(0.25)
    block = bytearray(int(megabytes * MB))
    block[::4096] = b"\1" * len(block[::4096])
    time.sleep(milliseconds / 1000)
    del block
    time.sleep(0.25)


def picture(measured: Measured, title: str, points: int = 240) -> Figure:
    """The samples of one run: anonymous memory below, file-backed above, over the process with its imports."""
    step = max(1, len(measured.samples) // points)
    samples = measured.samples[::step]
    first = measured.samples[0]
    parts = {
        "anonymous": [max(0.0, (s.anonymous - first.anonymous) / MB) for s in samples],
        "file-backed": [max(0.0, (s.file_backed - first.file_backed) / MB) for s in samples],
    }
    return memory_timeline([s.seconds for s in samples], parts, title=title)


def known_bytes(megabytes: int = 100) -> tuple[SelfCheck, Measurement]:
    """The meter on a process that touches a known number of bytes, and its largest error in percent."""
    found = selfcheck(megabytes)
    return found, Measurement.of("error", 100 * found.worst_error, "%", exact=True)


def energy(measured: Measured) -> tuple[Measurement, Measurement]:
    """Processor seconds of the process; joules of the whole processor, where this machine has a counter for them."""
    joules = (
        Measurement.none("joules", measured.joules_source, "J")
        if measured.joules is None
        else Measurement.of("joules", measured.joules, "J")
    )
    return Measurement.of("processor", measured.cpu_seconds, "s"), joules


def short_watch(folder: Path, frames: int) -> heat.Sustained:
    """Passes one after another for ten seconds (one in quick mode), in a process of its own."""
    seconds = 1.0 if quick() else 10.0
    return meter.isolated(heat.sustain, str(folder), frames, seconds).result
