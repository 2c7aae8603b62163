"""One process's memory, as the system tells it: RSS, anonymous, file-backed, shared, swap, and the peak.

Linux gives every figure through /proc. Elsewhere psutil gives the nearest one, and `source` says which it is.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

_FIELDS = {
    b"VmRSS": "rss",
    b"RssAnon": "anonymous",
    b"RssFile": "file_backed",
    b"RssShmem": "shared",
    b"VmSwap": "swap",
    b"VmHWM": "peak_rss",
}
LINUX_SOURCE = "/proc/PID/status"


@dataclass(frozen=True)
class Reading:
    """Bytes of one process at one moment. `peak_rss` is the highest RSS since the process began or the last reset."""

    rss: int
    anonymous: int
    file_backed: int
    shared: int = 0
    swap: int = 0
    peak_rss: int = 0


def parse_status(text: bytes) -> Reading:
    """The memory lines of a `/proc/PID/status` (in kB there, in bytes here). A process that has ended has none: zeros."""
    values = dict.fromkeys(_FIELDS.values(), 0)
    begin = text.find(b"VmHWM:")
    if begin < 0:
        return Reading(**values)
    for line in text[
        begin : text.find(b"Threads:", begin)
    ].splitlines():  # the rest costs more to read than to skip
        name, _, rest = line.partition(b":")
        field = _FIELDS.get(name)
        if field is not None:
            values[field] = int(rest.split()[0]) * 1024
    return Reading(**values)


def _psutil() -> ModuleType:
    try:
        import psutil
    except ImportError as error:
        from f5lite.errors import F5liteError

        raise F5liteError(
            f"reading memory on {sys.platform} needs psutil, which is not installed; run: pip install psutil"
        ) from error
    return psutil


def _from_psutil(pid: int) -> Reading:
    """The nearest figures of macOS and Windows: `private` (Windows) or RSS stands in for anonymous."""
    memory = _psutil().Process(pid).memory_info()
    private = min(getattr(memory, "private", memory.rss), memory.rss)
    return Reading(
        rss=memory.rss,
        anonymous=private,
        file_backed=memory.rss - private,
        peak_rss=getattr(memory, "peak_wset", 0),
    )


class Probe:
    """Reads one process's memory again and again; on Linux through one open file, about 30 µs a reading.

    `source` names where the figures come from; `exact_peak` says whether `peak_rss` can be reset to start at a moment.
    """

    def __init__(self, pid: int | None = None) -> None:
        self.pid = os.getpid() if pid is None else pid
        self._file: int | None = None
        path = f"/proc/{self.pid}/status"
        if Path(path).exists():
            self._file = os.open(path, os.O_RDONLY)
            self.source = LINUX_SOURCE
            self.exact_peak = True
        else:
            _psutil()
            stand_in = "private bytes" if sys.platform == "win32" else "RSS"
            self.source = f"psutil on {sys.platform}: {stand_in} stands in for anonymous memory"
            self.exact_peak = False

    def read(self) -> Reading | None:
        """Memory now, or None when the process has ended."""
        if self._file is None:
            try:
                return _from_psutil(self.pid)
            except _psutil().Error:
                return None
        try:
            reading = parse_status(os.pread(self._file, 8192, 0))
        except ProcessLookupError:
            return None
        return reading if reading.rss else None

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def __enter__(self) -> Probe:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def reset_peak() -> bool:
    """Start this process's peak RSS (VmHWM) afresh from its present RSS. Returns whether the system allows it."""
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    except OSError:
        return False
    return True


def page_faults() -> tuple[int, int]:
    """(minor, major) page faults of this process so far; (0, 0) on Windows, which doesn't count them this way."""
    try:
        import resource
    except ImportError:
        return 0, 0
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_minflt, usage.ru_majflt
