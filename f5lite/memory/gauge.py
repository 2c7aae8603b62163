"""One live reading of memory: the limit and where it comes from, what is available, this process's share, pressure, swap.

A container's own figures come before the machine's: in a container, the machine's `MemAvailable` belongs to everyone.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from f5lite.cgroups import folders, number, read
from f5lite.machine import ROOT, memory_limit
from f5lite.memory import procfs

# Each kind of control group: how it is mounted, and its files of limit, use, and reclaimable part of the use.
_KINDS = (
    ("cgroup2", "", "memory.max", "memory.current", "inactive_file"),
    ("cgroup", "memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)


@dataclass(frozen=True)
class Reading:
    """Memory at one moment, in bytes. `pressure` is the share of the last 10 s (0 to 1) in which some task waited
    for memory (PSI); None where the system doesn't say, and then `pressure_source` says so. `available` is below zero where a
    limit of our own making is exceeded."""

    seconds: float
    limit: int
    limit_source: str
    available: int
    anonymous: int
    file_backed: int
    pressure: float | None
    pressure_source: str
    swap: int

    @property
    def share_available(self) -> float:
        """Available as a share of the limit, 0 to 1."""
        return self.available / self.limit if self.limit else 0.0

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class _Group:
    limit: int
    folder: Path
    usage: str
    reclaimable: str

    def available(self) -> int | None:
        """What is left under this group's limit; its inactive file pages count as free, since they can be dropped."""
        used = number(self.folder / self.usage)
        if used is None:
            return None
        found = re.search(rf"^{self.reclaimable} (\d+)", read(self.folder / "memory.stat"), re.MULTILINE)
        return max(0, self.limit - used + (int(found[1]) if found else 0))


class Gauge:
    """Finds once where this process's memory is told, then reads it: `gauge.read()`. Nothing is printed, no thread.

    `root` and `environ` are for tests: a simulated file system and its variables.
    """

    def __init__(self, root: Path = ROOT, environ: Mapping[str, str] = os.environ) -> None:
        self.root = root
        self.limit, self.limit_source = memory_limit(root, environ)
        self._groups = list(self._limited_groups())
        # The root of the whole tree has a memory.pressure as well, but no cgroup.type: it speaks for the machine.
        inside = [folder for folder in folders(root, "cgroup2", "") if (folder / "cgroup.type").exists()]
        pressures = [folder / "memory.pressure" for folder in inside[:1]]
        own = next((path for path in pressures if "some" in read(path)), None)
        self._pressure = own or root / "proc/pressure/memory"
        if own:
            self._pressure_source = "this container's own"
        elif "some" in read(self._pressure):
            self._pressure_source = "the whole machine's"
        else:
            self._pressure_source = "not told by this system"
        self._probe = procfs.Probe()

    def _limited_groups(self) -> list[_Group]:
        groups = []
        for kind, controller, limit_file, usage, reclaimable in _KINDS:
            for folder in folders(self.root, kind, controller):
                limit = number(folder / limit_file)
                if limit and limit <= 1 << 60:  # v1 writes "no limit" as a number near 2^63
                    groups.append(_Group(limit, folder, usage, reclaimable))
        return groups

    def read(self) -> Reading:
        """Memory now."""
        own = self._probe.read()
        assert own is not None  # this process is alive
        available = self._available(own)
        found = re.search(r"^some avg10=([\d.]+)", read(self._pressure), re.MULTILINE)
        return Reading(
            seconds=time.monotonic(),
            limit=self.limit,
            limit_source=self.limit_source,
            available=available,
            anonymous=own.anonymous,
            file_backed=own.file_backed,
            pressure=float(found[1]) / 100 if found else None,
            pressure_source=self._pressure_source,
            swap=own.swap,
        )

    def _available(self, own: procfs.Reading) -> int:
        """The least of what the machine, each limited group, and MEM_LIMIT leave."""
        rests = [_system_available(self.root)]
        rests += [group.available() for group in self._groups]
        if self.limit_source == "MEM_LIMIT" and not any(group.limit <= self.limit for group in self._groups):
            rests.append(self.limit - own.anonymous - own.shared)
        known = [rest for rest in rests if rest is not None]
        return max(0, min(known, default=self.limit - own.rss))

    def close(self) -> None:
        self._probe.close()


def _system_available(root: Path) -> int | None:
    """The machine's own available memory: MemAvailable, or what psutil says where there is no /proc."""
    found = re.search(r"^MemAvailable:\s+(\d+) kB", read(root / "proc/meminfo"), re.MULTILINE)
    if found:
        return int(found[1]) * 1024
    if root == ROOT and not sys.platform.startswith("linux"):
        import psutil

        return psutil.virtual_memory().available
    return None
