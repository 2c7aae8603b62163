"""Give freed memory back to the system: collect garbage, then ask the allocator for what it kept.

glibc keeps freed blocks for the next allocation, so a released model can stay in the process's RSS.
"""

from __future__ import annotations

import ctypes
import functools
import gc
import sys
from collections.abc import Callable


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
