"""The choice of what to measure, and the seeded model behind it."""

from __future__ import annotations

from pathlib import Path

import pytest

from f5lite.errors import F5liteError
from f5lite.evidence import workload
from f5lite.evidence.workload import FEW_BLOCKS, FRAMES, prepare
from f5lite.model.config import TINY, V1_BASE

GIB = 1 << 30


@pytest.mark.parametrize(
    ("memory", "cores", "quick", "blocks", "says"),
    [
        (8 * GIB, 2, False, 22, ""),
        (3 * GIB, 2, False, 22, ""),
        (2 * GIB, 2, False, FEW_BLOCKS, "memory"),
        (8 * GIB, 1, False, FEW_BLOCKS, "core"),
        (8 * GIB, 8, True, FEW_BLOCKS, "Quick"),
    ],
)
def test_a_small_machine_gets_fewer_blocks_and_is_told(memory, cores, quick, blocks, says) -> None:
    chosen = workload.workload(memory, cores, quick)
    assert chosen.config.dit.depth == blocks and chosen.config.dit.dim == V1_BASE.dit.dim
    assert (says in chosen.note) if says else not chosen.note
    assert chosen.whole == (blocks == 22) and (chosen.frames == FRAMES or quick)


def test_the_full_model_is_1348_megabytes() -> None:
    assert round(workload.workload(8 * GIB, 2).megabytes) == 1348


def test_weights_are_written_once_and_are_the_same_again(tmp_path: Path) -> None:
    small = TINY.with_blocks(1)
    first = prepare(small, folder=tmp_path / "a")
    stamp = (first / "model.safetensors").stat().st_mtime_ns
    assert prepare(small, folder=tmp_path / "a") == first
    assert (first / "model.safetensors").stat().st_mtime_ns == stamp
    again = prepare(small, folder=tmp_path / "b")
    assert (again / "model.safetensors").read_bytes() == (first / "model.safetensors").read_bytes()


def test_too_little_disk_is_said_before_anything_is_written(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(workload.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1000})())
    with pytest.raises(F5liteError, match="F5LITE_CACHE"):
        prepare(TINY, folder=tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_pass_is_timed_and_can_be_changed(tmp_path: Path) -> None:
    folder = prepare(TINY.with_blocks(1), folder=tmp_path)
    seen = []
    times = workload.pass_times(folder, frames=16, repeats=3, change=seen.append)
    assert len(times) == 3 and min(times) > 0
    assert type(seen[0]).__name__ == "DiT"
    assert workload.utterance_seconds([1.0, 3.0, 2.0], steps=7, rest=0.5) == 14.5


def test_a_whole_request_says_what_each_stage_took(tmp_path: Path) -> None:
    folder = prepare(TINY.with_blocks(1), folder=tmp_path)
    seconds = workload.request(folder, frames=64, steps=2, residency="on-demand")
    assert list(seconds) == ["text", "acoustic", "vocoder"] and min(seconds.values()) > 0
