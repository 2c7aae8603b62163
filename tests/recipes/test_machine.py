"""Work in several processes: all parts are done, and a failed one is told."""

from __future__ import annotations

import subprocess

import pytest

from recipes.voice import machine


@pytest.fixture
def module(tmp_path, monkeypatch) -> str:
    """A module that writes its part down, and fails when told to."""
    (tmp_path / "work_in_parts.py").write_text(
        "import pathlib, sys\n"
        "folder, bad, _, part, parts = sys.argv[1:]\n"
        "pathlib.Path(folder, part).write_text(parts)\n"
        "sys.exit(part == bad)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return "work_in_parts"


def test_every_part_is_done_in_a_process_of_its_own(module, tmp_path):
    machine.in_parts(module, [str(tmp_path), "none"], 3)
    assert [(tmp_path / str(part)).read_text() for part in range(3)] == ["3"] * 3


def test_a_part_that_fails_is_told_when_all_have_ended(module, tmp_path):
    with pytest.raises(subprocess.CalledProcessError, match="work_in_parts"):
        machine.in_parts(module, [str(tmp_path), "1"], 3)
    assert all((tmp_path / str(part)).exists() for part in range(3))
