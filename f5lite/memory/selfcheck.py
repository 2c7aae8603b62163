"""The meter measured by itself: known numbers of bytes, allocated and mapped, and what the meter reads; and its own cost.

Run `python -m f5lite.memory.selfcheck` to see it on your machine.
"""

from __future__ import annotations

import mmap
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from f5lite.memory import meter
from f5lite.memory.measured import MB


def touch_anonymous(size: int) -> int:
    """Allocate `size` bytes, write to every page, and let go of them. Returns the bytes touched.

    Not `mmap(-1, size)`: Python maps that as shared, and the kernel then counts it as neither anonymous nor file-backed.
    """
    block = bytearray(size)
    for offset in range(0, size, mmap.PAGESIZE):
        block[offset] = 1
    time.sleep(0.05)
    return len(block)


def touch_mapped(path: str) -> int:
    """Map a file, read every page of it, and let go of it. Returns the bytes touched."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as block:
        sum(block[offset] for offset in range(0, len(block), mmap.PAGESIZE))
        time.sleep(0.05)
        return len(block)


def do_nothing() -> None:
    """The smallest work there is: whatever the meter reads here is its own."""


@dataclass(frozen=True)
class SelfCheck:
    """Bytes touched beside megabytes read. `empty_mb` is what the meter reads of work that does nothing."""

    touched_mb: float
    read_anonymous_mb: float
    read_mapped_mb: float
    read_peak_rss_mb: float
    empty_mb: float
    microseconds_a_sample: float

    @property
    def worst_error(self) -> float:
        """The largest relative difference between touched and read."""
        reads = (self.read_anonymous_mb, self.read_mapped_mb, self.read_peak_rss_mb)
        return max(abs(read - self.touched_mb) / self.touched_mb for read in reads)


def selfcheck(megabytes: int = 200, folder: Path | None = None) -> SelfCheck:
    """Touch a known number of bytes in processes of their own and compare. Takes about a second.

    folder: where the mapped file is written (default: the system's temporary folder; a file system in memory
    counts as shared memory, not as file-backed).
    """
    size = int(megabytes * MB) // mmap.PAGESIZE * mmap.PAGESIZE
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".bin", delete=False) as file:
        for _ in range(0, size, 1 << 20):
            file.write(b"\1" * (1 << 20))
        file.truncate(size)
    try:
        anonymous = meter.measure(touch_anonymous, (size,), imports=())
        mapped = meter.measure(touch_mapped, (file.name,), imports=())
        empty = meter.measure(do_nothing, imports=())
    finally:
        os.unlink(file.name)
    return SelfCheck(
        touched_mb=size / MB,
        read_anonymous_mb=anonymous.peak_anonymous_mb,
        read_mapped_mb=mapped.peak_file_backed_mb,
        read_peak_rss_mb=anonymous.peak_rss_mb,
        empty_mb=empty.peak_rss_mb,
        microseconds_a_sample=1e6 * anonymous.sampler_cpu_seconds / max(1, anonymous.samples_taken),
    )


if __name__ == "__main__":
    found = selfcheck()
    print(f"touched        {found.touched_mb:8.2f} MB")
    print(f"read anonymous {found.read_anonymous_mb:8.2f} MB")
    print(f"read mapped    {found.read_mapped_mb:8.2f} MB")
    print(f"worst error    {100 * found.worst_error:8.2f} %")
    print(f"its own        {found.empty_mb:8.2f} MB, {found.microseconds_a_sample:.0f} µs a sample")
