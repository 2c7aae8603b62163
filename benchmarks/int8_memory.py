"""One request of 512 frames, text to wave, loading included: upstream, fp32, int8 three ways, and int8 by libraries.

    python -m benchmarks.int8_memory [--blocks 22] [--repeats 1] [--json FILE]

Shape: F5TTS_v1_Base with seeded weights; MB over imports; one pass a request. The libraries' rows are the acoustic stage alone,
at 16 frames: their peak is in the conversion.
Upstream's row needs `python -m tests.parity.environment`.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import upstream_requests
from f5lite.evidence import int8_bytes, residency, workload
from f5lite.machine import card
from f5lite.memory import meter
from f5lite.memory.measured import Measured
from f5lite.model.config import V1_BASE

FRAMES = 512
TEXT = "x" * 122  # with the clip before it 511 frames
COLUMNS = ("way", "peak RSS MB", "peak anonymous MB", "first sound s", "second sound s")


def upstream(folder: Path, blocks: int) -> Measured | str:
    from tests.parity import environment

    if not environment.ready():
        return "unavailable: its environment isn't built"
    return meter.measure(
        upstream_requests.requests,
        (str(folder), 2, 0.0, FRAMES),
        {"depth": blocks},
        imports=("numpy", "torch"),
        paths=(str(environment.folder()), str(environment.ROOT)),
        check=False,
    )


def ways(blocks: int) -> dict[str, Callable[[], Measured | str]]:
    """Name -> one measurement, in a process of its own."""
    source = workload.prepare(V1_BASE.with_blocks(blocks) if blocks != V1_BASE.dit.depth else V1_BASE)
    small = int8_bytes.converted(source, int8_bytes.beside(source))

    def ours(folder: Path, way: str) -> Callable[[], Measured]:
        return lambda: residency.serve(folder, way, count=2, pause=0.0, text=TEXT).measured

    return {
        "upstream": lambda: upstream(source, blocks),
        "fp32, kept": ours(source, "resident"),
        "fp32, on demand": ours(source, "on-demand"),
        "fp32, streamed": ours(source, "streamed"),
        "int8, kept mapped": ours(small, "resident"),
        "int8, mapped": ours(small, "on-demand"),
        "int8, streamed": ours(small, "streamed"),
        **{
            f"{name} (acoustic stage)": lambda name=name: int8_bytes.peer(name, source, timeout=300)
            for name in int8_bytes.LIBRARIES
        },
    }


def row(name: str, runs: list[Measured | str]) -> tuple[Any, ...]:
    """Medians of the runs; a reason instead of figures where there are none."""
    found = [run for run in runs if isinstance(run, Measured) and run.ok]
    if not found:
        return (name, next((str(run) for run in runs if isinstance(run, str)), "failed"), "", "", "")
    waits = [run.result["first_sounds"] for run in found if run.result]
    times = [round(statistics.median(each), 2) for each in zip(*waits, strict=True)] or ["–", "–"]
    peaks = (
        statistics.median(getattr(run, kind) for run in found)
        for kind in ("peak_rss_mb", "peak_anonymous_mb")
    )
    return (name, *(round(peak) for peak in peaks), *times)


def measure(blocks: int, repeats: int) -> list[tuple[Any, ...]]:
    """The ways take turns, so that a busy minute doesn't fall on one of them."""
    runs: dict[str, list[Measured | str]] = {}
    for _ in range(repeats):
        for name, run in ways(blocks).items():
            runs.setdefault(name, []).append(run())
    return [row(name, found) for name, found in runs.items()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--blocks", type=int, default=V1_BASE.dit.depth)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--json")
    options = parser.parse_args()
    rows = measure(options.blocks, options.repeats)
    widths = [max(len(str(line[i])) for line in (COLUMNS, *rows)) for i in range(len(COLUMNS))]
    print(card())
    for line in (COLUMNS, *rows):
        print("  ".join(str(cell).rjust(width) for cell, width in zip(line, widths, strict=True)))
    if options.json:
        from f5lite.files import write_atomically

        found = [dict(zip(COLUMNS, line, strict=True)) for line in rows]
        write_atomically(options.json, json.dumps({"machine": card().to_dict(), "rows": found}, indent=1))


if __name__ == "__main__":
    main()
