"""An enforced limit on the memory of chosen processes: a control group where one can be made, else RLIMIT_DATA.

A control group limits what its processes hold together, file pages included, and ends one of them when they can't stay
within it. RLIMIT_DATA limits the private writable address space of each process, and an allocation beyond it fails.
"""

from __future__ import annotations

import os
import sys
import time
import uuid
from pathlib import Path

from f5lite.cgroups import folders, number, read
from f5lite.errors import F5liteError
from f5lite.machine import ROOT

RLIMIT = "RLIMIT_DATA, each process for itself"


def data_bytes(pid: int | str = "self") -> int:
    """What RLIMIT_DATA counts of a process now (Linux): private memory that it may write to, touched or not; bytes."""
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmData"))


class Cap:
    """A limit of `size` bytes for the processes that `join` it. `kind` says how it is enforced.

    groups: False uses RLIMIT_DATA even where a control group could be made.
    Raises F5liteError where there is neither (macOS, Windows).
    """

    def __init__(self, size: int, *, groups: bool = True, root: Path = ROOT) -> None:
        self.size = int(size)
        self.folder: Path | None = None
        if groups:
            self.folder = _make_group(self.size, root)
        if self.folder is not None:
            self.kind = "cgroup v2" if (self.folder / "memory.max").exists() else "cgroup v1"
        elif sys.platform.startswith("linux"):
            self.kind = RLIMIT
        else:
            raise F5liteError(
                f"memory can't be capped on {sys.platform}; run this in a Linux container or machine"
            )

    def join(self, pid: int) -> None:
        """Put a process under this cap. What it held before stays counted where it was."""
        if self.folder is not None:
            (self.folder / "cgroup.procs").write_text(f"{pid}\n")
            return
        import resource

        _, hard = resource.prlimit(pid, resource.RLIMIT_DATA)
        resource.prlimit(pid, resource.RLIMIT_DATA, (self.size, hard))

    @property
    def used(self) -> int | None:
        """Bytes that the group's processes hold, file pages included; None under RLIMIT_DATA."""
        if self.folder is None:
            return None
        return number(self.folder / "memory.current") or number(self.folder / "memory.usage_in_bytes") or 0

    @property
    def kills(self) -> int:
        """How many processes the kernel ended to keep the cap."""
        if self.folder is None:
            return 0
        text = read(self.folder / "memory.events") + read(self.folder / "memory.oom_control")
        counts = [line.split()[1] for line in text.splitlines() if line.startswith("oom_kill ")]
        return sum(map(int, counts))

    def close(self) -> None:
        """Lift the cap: the group's processes move up one group."""
        if self.folder is None:
            return
        for pid in read(self.folder / "cgroup.procs").split():
            try:
                (self.folder.parent / "cgroup.procs").write_text(pid)
            except OSError:  # it has ended meanwhile
                continue
        for _ in range(50):
            try:
                self.folder.rmdir()
                break
            except FileNotFoundError:
                break
            except OSError:  # an ended process leaves its group a little later
                time.sleep(0.02)
        self.folder = None

    def __enter__(self) -> Cap:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _make_group(size: int, root: Path) -> Path | None:
    """A new control group below this process's own that enforces `size`, or None where that isn't allowed."""
    for kind, controller, limit in (
        ("cgroup2", "", "memory.max"),
        ("cgroup", "memory", "memory.limit_in_bytes"),
    ):
        for parent in list(folders(root, kind, controller))[:1]:
            folder = parent / f"f5lite-{os.getpid()}-{uuid.uuid4().hex[:8]}"
            try:
                folder.mkdir()
            except OSError:
                continue
            try:
                (folder / limit).write_text(f"{size}\n")
            except OSError:
                folder.rmdir()
                continue
            # Without this the kernel swaps rather than refuses; not every kernel counts swap.
            for swap, value in (("memory.swap.max", "0"), ("memory.swappiness", "0")):
                if (folder / swap).exists():
                    (folder / swap).write_text(value)
            return folder
    return None
