"""The machine card: what this machine is, how much memory a run may use, small measurements kept with it.

Every layer may import it; it imports no torch. The memory limit is the one that would end the process, not
the host's: a container in a large server may have 2 GB.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
import platform
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from f5lite import compiler
from f5lite import processor as cpu
from f5lite.cgroups import folders, number, read, smallest
from f5lite.errors import F5liteError
from f5lite.files import write_atomically

log = logging.getLogger(__name__)

ROOT = Path("/")
UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


@dataclass(frozen=True)
class MachineCard:
    """One machine, as far as a measurement depends on it. None means not known or not there."""

    processor: str
    arch: str
    system: str
    instruction_sets: tuple[str, ...]
    cores: int
    memory_limit_bytes: int
    memory_limit_source: str
    python: str
    torch: str | None
    compiler: str | None
    gpu: str | None

    @property
    def int8_instructions(self) -> tuple[str, ...]:
        """Sets that multiply int8 numbers fast; empty: int8 saves memory here, hardly time."""
        return tuple(name for name in self.instruction_sets if name in cpu.INT8_SETS)

    @property
    def bf16_instructions(self) -> tuple[str, ...]:
        """The instruction sets that multiply bf16 numbers; empty: bf16 is slower than fp32 here."""
        return tuple(name for name in self.instruction_sets if name in cpu.BF16_SETS)

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits: the same for two runs whose speed should agree.

        The variables that change which kernels run, and on how many threads, belong to it; memory doesn't.
        """
        kept = (self.processor, self.arch, self.system, self.instruction_sets, self.cores, self.torch)
        settings = [
            os.environ.get(name, "")
            for name in ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY", "OMP_NUM_THREADS")
        ]
        text = json.dumps([*kept, self.compiler, settings])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            **asdict(self),
            "instruction_sets": list(self.instruction_sets),
            "fingerprint": self.fingerprint,
        }

    def __str__(self) -> str:
        plural = "s" if self.cores != 1 else ""
        # What most readers look for: the widest vectors and what multiplies int8.
        widest = next(
            (name for name in ("AVX512", "AVX2", "SVE2", "NEON") if name in self.instruction_sets), ""
        )
        sets = ", ".join(name for name in (widest, *self.int8_instructions) if name) or "no vector sets known"
        return (
            f"{self.processor}, {self.cores} core{plural} ({sets}), "
            f"{self.memory_limit_bytes / 1e9:.1f} GB ({self.memory_limit_source}), "
            f"Python {self.python}, torch {self.torch or 'missing'}"
        )


def card(ask_torch: bool = False) -> MachineCard:
    """The card of this machine. With `ask_torch` the graphics card is the one that torch can use."""
    name, sets = cpu.processor()
    limit, source = memory_limit()
    return MachineCard(
        processor=name,
        arch=platform.machine().lower(),
        system=platform.system(),
        instruction_sets=sets,
        cores=cores(),
        memory_limit_bytes=limit,
        memory_limit_source=source,
        python=platform.python_version(),
        torch=_torch_version(),
        compiler=found.about if (found := compiler.find()) else None,
        gpu=cpu.gpu(ask_torch),
    )


def memory_limit(root: Path = ROOT, environ: Mapping[str, str] = os.environ) -> tuple[int, str]:
    """(bytes, source): the memory that this process may use before it is ended.

    The first of these that says less than the machine has: the variable MEM_LIMIT (JupyterHub and Binder set
    it), cgroup v2, cgroup v1 (in both the smallest on the way up), else the physical memory. `root` and
    `environ` are for tests.
    """
    physical, source = _physical_memory(root)
    for limit, name in (
        (_mem_limit_variable(environ), "MEM_LIMIT"),
        (smallest(root, "cgroup2", "", "memory.max"), "cgroup v2"),
        (smallest(root, "cgroup", "memory", "memory.limit_in_bytes"), "cgroup v1"),
    ):
        if limit is not None and 0 < limit < physical:
            return limit, name
    return physical, source


def cores(root: Path = ROOT) -> int:
    """Cores that this process may use: its affinity, and the processor time that its container is given."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    shares = [usable]
    for folder in folders(root, "cgroup2", ""):
        words = read(folder / "cpu.max").split()
        if len(words) == 2 and words[0].isdigit() and int(words[1]):
            shares.append(math.ceil(int(words[0]) / int(words[1])))
    for folder in folders(root, "cgroup", "cpu"):
        quota, period = number(folder / "cpu.cfs_quota_us"), number(folder / "cpu.cfs_period_us")
        if quota and period:
            shares.append(math.ceil(quota / period))
    return max(1, min(shares))


def quick() -> bool:
    """True if F5LITE_QUICK=1: fewer repeats and smaller shapes, for tests."""
    return os.environ.get("F5LITE_QUICK", "") not in ("", "0")


def cache_folder() -> Path:
    """Where f5lite keeps what it can make again: F5LITE_CACHE, else the platform's cache. Not made here."""
    if os.environ.get("F5LITE_CACHE"):
        return Path(os.environ["F5LITE_CACHE"]).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "f5lite"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "f5lite" / "Cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "f5lite"


def calibration_path(name: str) -> Path:
    """Where this machine's calibration of that name is kept."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]*", name):
        raise F5liteError(
            f"calibration name {name!r} isn't a file name; use small letters, digits, '-', '_'."
        )
    return cache_folder() / "calibrations" / card().fingerprint / f"{name}.json"


def calibration(name: str, measure: Callable[[], Any], *, refresh: bool = False) -> Any:
    """`measure()`'s result (anything that JSON can hold), kept for the next call on this machine.

    A change of processor, torch, compiler or thread count measures anew. A damaged or unwritable cache costs
    a measurement, never an error.
    """
    path = calibration_path(name)
    if not refresh:
        try:
            return json.loads(path.read_text(encoding="utf-8"))["result"]
        except (OSError, ValueError, KeyError, TypeError):
            pass
    # What the caller gets now and what it gets next time should be of the same kind (tuples become lists).
    result = json.loads(json.dumps(measure()))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps({"name": name, "result": result}))
    except (OSError, F5liteError) as problem:
        log.info("calibration %s isn't kept: %s", name, problem)
    return result


@lru_cache(maxsize=1)
def _torch_version() -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("torch")
    except PackageNotFoundError:
        return None


def _mem_limit_variable(environ: Mapping[str, str]) -> int | None:
    """JupyterHub writes bytes, people write 2G: both are read, anything else is no limit."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?\s*", environ.get("MEM_LIMIT", ""), re.I)
    return int(float(match[1]) * UNITS[match[2].upper()]) if match else None


def _physical_memory(root: Path) -> tuple[int, str]:
    match = re.search(r"^MemTotal:\s+(\d+) kB", read(root / "proc/meminfo"), re.M)
    if match:
        return int(match[1]) * 1024, "physical"
    import psutil

    return psutil.virtual_memory().total, "physical"
