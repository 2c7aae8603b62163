"""One block of v1 Base with every engine, timed once for the record: the table stands at the end of the suite's output.

Nothing is asserted about time: which engine wins is the processor's business.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from f5lite import machine
from f5lite.shrink.int8.engines import ENGINES, FUSED

ROOT = Path(__file__).resolve().parents[3]
LINES: list[str] = []


@pytest.mark.slow
def test_every_engine_is_timed(request: pytest.FixtureRequest) -> None:
    here = {"fp32", *(name for name, engine in ENGINES.items() if engine.problem() is None)}
    if machine.card().compiler is not None:
        request.getfixturevalue("compiled_set")
        here.add(FUSED)
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.int8_engines", "--only-block"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": str(min(2, machine.cores()))},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    sets = ", ".join(machine.card().instruction_sets)
    LINES.extend([f"instruction sets: {sets}", *done.stdout.splitlines()])
    timed = {line.split()[0] for line in LINES if "x " in line}
    assert here <= timed
