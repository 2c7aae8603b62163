"""Ten requests with pauses: stages resident, stages on demand, and upstream's own way, in one table.

    python -m benchmarks.three_stages [--count 10] [--pause 1] [--blocks 22] [--json FILE]

Shape: F5TTS_v1_Base with seeded weights; figures over imports. Upstream's row needs `python -m tests.parity.environment`.
"""

from __future__ import annotations

import argparse
import json
import statistics
from typing import Any

from benchmarks import upstream_requests
from f5lite.evidence import residency, workload
from f5lite.evidence.residency import Way
from f5lite.machine import card
from f5lite.memory import meter
from f5lite.model.config import V1_BASE

COLUMNS = (
    "way",
    "average MB",
    "idle MB",
    "peak MB",
    "peak anonymous MB",
    "first request s",
    "later requests s",
)


def upstream(folder: str, count: int, pause: float, blocks: int) -> Way | None:
    """Upstream's row, or None where its package isn't there."""
    from tests.parity import environment

    if not environment.ready():
        return None
    measured = meter.measure(
        upstream_requests.requests,
        (folder, count, pause),
        {"depth": blocks},
        imports=("numpy", "torch"),
        paths=(str(environment.folder()), str(environment.ROOT)),
    )
    return residency.way("upstream", measured)


def measure(count: int = 10, pause: float = 1.0, blocks: int = 22) -> list[Way]:
    """The ways one after the other, each in a process of its own."""
    folder = str(workload.prepare(V1_BASE.with_blocks(blocks)))
    ways = [residency.serve(folder, name, count=count, pause=pause) for name in ("resident", "on-demand")]
    other = upstream(folder, count, pause, blocks)
    return [other, *ways] if other else ways


def row(way: Way) -> tuple[Any, ...]:
    """One line of the table."""
    memory = (way.average, way.idle, way.peak, way.peak_anonymous)
    later = statistics.median(way.first_sounds[1:] or way.first_sounds)
    return (way.name, *(round(value) for value in memory), round(way.first_sounds[0], 2), round(later, 2))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--pause", type=float, default=1.0)
    parser.add_argument("--blocks", type=int, default=22)
    parser.add_argument("--json")
    options = parser.parse_args()
    rows = [row(way) for way in measure(options.count, options.pause, options.blocks)]
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
