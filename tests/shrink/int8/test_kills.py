"""A conversion that is killed leaves no destination or a whole one: 13 kills in each phase, at moments drawn at random."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from f5lite.model import library
from f5lite.shrink.int8.convert import PHASES, convert
from f5lite.shrink.int8.file import check
from tests.shrink.int8.models import events, small_model

KILLS = 13


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills are sent to forked processes")
def test_killed_at_any_moment(tmp_path: Path) -> None:
    source = small_model(tmp_path / "source")
    phases = events(source, tmp_path / "whole")
    assert set(phases) == set(PHASES)
    draw = random.Random(0)
    moments = []
    for phase in PHASES:
        own = [index for index, each in enumerate(phases) if each == phase]
        moments += [draw.choice(own) for _ in range(KILLS)]
    work = tmp_path / "work"
    work.mkdir()
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.shrink.int8.models",
            str(source),
            str(work),
            ",".join(map(str, moments)),
        ],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split("\n")[:-1] == [f"{n} 9" for n in range(len(moments))], (
        "every conversion was killed"
    )
    last = max(index for index, each in enumerate(phases) if each == "rename")
    wholes = 0
    for number, moment in enumerate(moments):
        folder = work / str(number)
        assert folder.exists() == (moment == last), f"killed at call {moment}, in {phases[moment]}"
        if folder.exists():
            wholes += 1
            assert {check(folder / n).steps for n in ("model.safetensors",)} == {2}
            check(folder / "vocoder.safetensors")
            assert {p.name for p in folder.iterdir()} == {p.name for p in (tmp_path / "whole").iterdir()}
    assert 0 < wholes < KILLS, "some of the kills in the last phase came before the rename and some after it"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills are sent to forked processes")
def test_what_a_killed_conversion_left_goes_with_the_next(tmp_path: Path) -> None:
    source = small_model(tmp_path / "source")
    middle = events(source, tmp_path / "whole").index("verify")
    work = tmp_path / "work"
    work.mkdir()
    subprocess.run(
        [sys.executable, "-m", "tests.shrink.int8.models", str(source), str(work), str(middle)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        cwd=Path(__file__).parents[3],
        check=True,
        timeout=120,
    )
    left = [p.name for p in work.iterdir()]
    assert len(left) == 1 and left[0].startswith(".0-partial-")
    mine = work / f".0-partial-{os.getpid()}-busy"  # of a process that is alive: another conversion at work
    mine.mkdir()
    convert(library.find(source), work / "0", steps=2)
    assert {p.name for p in work.iterdir()} == {"0", mine.name}
