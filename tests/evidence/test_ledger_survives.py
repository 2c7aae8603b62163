"""The ledger against bad weather: kernels killed at any moment, full disks, many processes at once."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from f5lite.errors import F5liteError
from tests.evidence.made import ledger, runs

posix = pytest.mark.skipif(os.name == "nt", reason="signals and resource limits of POSIX")
ROOT = Path(__file__).parents[2]
WRITER = """
import sys
from tests.evidence.made import ledger, runs
kept = ledger({path!r})
print("ready", flush=True)
for k in range({count}):
    print(kept.record(f"{name}-{{k}}", runs("x", 1)).id, flush=True)
"""


def writer(path: Path, name: str, count: int) -> subprocess.Popen[str]:
    code = WRITER.format(path=str(path), name=name, count=count)
    return subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)


@posix
def test_killed_at_any_moment_no_saved_entry_is_lost(tmp_path: Path) -> None:
    path, dice, promised = tmp_path / "l.json", random.Random(7), set()
    for turn in range(12):
        process = writer(path, f"turn-{turn}", 100_000)
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        promised.add(process.stdout.readline().strip())  # from here on it does nothing but write
        time.sleep(dice.uniform(0.0, 0.15))
        process.send_signal(signal.SIGKILL)
        promised |= set(process.stdout.read().split("\n")[:-1])
        process.wait()
        kept = ledger(path)
        assert kept.notices == []
        assert promised <= {entry.id for entry in kept.entries()}
    assert len(promised) > 12


@posix
def test_a_kernel_killed_in_a_risky_cell_is_found_afterwards(tmp_path: Path) -> None:
    code = (
        "import os, signal\nfrom tests.evidence.made import ledger\n"
        f"with ledger({str(tmp_path / 'l.json')!r}).attempt('int8-memory', 'load it all'):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == -signal.SIGKILL
    found = ledger(tmp_path / "l.json").interrupted()
    assert [entry.details["what"] for entry in found] == ["load it all"]


def test_four_processes_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "l.json"
    processes = [writer(path, f"process-{k}", 15) for k in range(4)]
    ids = {line for process in processes for line in process.communicate()[0].split() if line != "ready"}
    assert len(ids) == 60 and ids == {entry.id for entry in ledger(path).entries()}


@posix
def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    """A file-size limit makes the kernel refuse to write on: the nearest thing to a full disk without root."""
    path = tmp_path / "l.json"
    ledger(path).record("before", runs("x", 1))
    code = (
        "import resource, signal\nfrom f5lite.errors import F5liteError\nfrom tests.evidence.made import ledger, runs\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\nresource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))\n"
        f"kept = ledger({str(path)!r})\n"
        "try:\n    kept.record('after', runs('x', 1))\nexcept F5liteError as error:\n    print(error)\n"
        "print(len(kept.entries()), 'in memory')\n"
    )
    old = path.read_bytes()
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert "can't save the ledger" in said and "untouched" in said and "2 in memory" in said
    assert path.read_bytes() == old
    assert [found.name for found in tmp_path.iterdir() if found.suffix == ".tmp"] == []


@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
def test_room_comes_back_and_the_next_save_has_it_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path = tmp_path / "l.json"
    kept = ledger(path)
    kept.record("before", runs("x", 1))
    old = path.read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, {"write": "fdopen"}.get(call, call), full)
        with pytest.raises(F5liteError, match="No space left on device"):
            kept.record("during", runs("x", 1))
    assert path.read_bytes() == old and not list(tmp_path.glob(".l.json.*.tmp"))
    kept.save()
    assert {entry.claim for entry in ledger(path).entries()} == {"before", "during"}


def test_a_lock_that_somebody_keeps_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    from f5lite.evidence.lock import locked

    with (
        locked(tmp_path / "lock"),
        pytest.raises(F5liteError, match="another notebook"),
        locked(tmp_path / "lock", patience=0.1),
    ):
        pass
    with locked(tmp_path / "lock", patience=0.1):
        pass
