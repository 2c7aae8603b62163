"""What the allocator does with freed memory: give it back to the system, or keep it while the same work is repeated.

glibc keeps freed blocks for the next allocation, so a released model can stay in the process's RSS. It gives back what lies
at the end of its heap, though, and the next block of the same pass faults those pages in again: 90,000 a pass at v1 Base.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import gc
import os
import sys
import threading
from collections.abc import Callable, Iterator

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # mallopt(3)
# Larger than a pass's tensors, and the largest that glibc takes for a block of the heap.
KEPT_BYTES, HEAP_BYTES = 256 << 20, 32 << 20
USUAL_BYTES = 64 << 20  # the most that glibc's own rule reaches; once set, it can't be switched on again
OWN_SETTINGS = {"MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_MMAP_MAX_", "MALLOC_TOP_PAD_"}
_users, _lock = 0, threading.Lock()


@functools.cache
def _malloc_trim() -> Callable[[int], int] | None:
    """glibc's `malloc_trim`, or None where the C library has none (musl, macOS, Windows)."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        return ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return None


def can_trim() -> bool:
    """Whether this system's allocator can be asked to give memory back."""
    return _malloc_trim() is not None


def give_back(collect: bool = True) -> bool:
    """Collect garbage and return the allocator's free pages to the system.

    collect: False where it is known that no cycle holds anything (a collection beside torch takes a tenth of a second).
    Returns whether the allocator could be asked; where it can't, freed memory comes back when the system wants it.
    """
    if collect:
        gc.collect()
    trim = _malloc_trim()
    if trim is None:
        return False
    trim(0)
    return True


@functools.cache
def _mallopt() -> Callable[[int, int], int] | None:
    """glibc's `mallopt`; None where there is none, or where the user has set the allocator up already."""
    chosen = not OWN_SETTINGS.isdisjoint(os.environ) or "glibc.malloc." in os.environ.get(
        "GLIBC_TUNABLES", ""
    )
    if chosen or not can_trim():
        return None
    return getattr(ctypes.CDLL(None), "mallopt", None)


@contextlib.contextmanager
def kept() -> Iterator[None]:
    """While it lasts the allocator keeps what is freed, for the next allocation; afterwards that goes back to the system.

    For the whole process, and until the last that uses it leaves. Saves the page faults of a pass, some 5 % of its time, and
    costs some MB at its peak. Does nothing without glibc, or beside settings of the user's (`MALLOC_…`, `GLIBC_TUNABLES`).
    """
    global _users
    setting = _mallopt()
    if setting is None:
        yield
        return
    with _lock:
        if not _users:
            setting(MMAP_THRESHOLD, HEAP_BYTES)
            setting(TRIM_THRESHOLD, KEPT_BYTES)
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if not _users:
                setting(TRIM_THRESHOLD, USUAL_BYTES)
                give_back(collect=False)
