"""A lock between processes on one file, released by the system when its holder dies: no stale locks after a kill."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from f5lite.errors import F5liteError

if os.name == "nt":
    import msvcrt

    def _take(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)

    def _release(handle: int) -> None:
        os.lseek(handle, 0, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)
else:
    import fcntl

    def _take(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _release(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_UN)


@contextmanager
def locked(path: Path, *, patience: float = 10.0) -> Iterator[None]:
    """Hold `path` (created if need be, never removed) while the block runs; wait up to `patience` seconds for it.

    Raises F5liteError when someone else keeps it that long, OSError when it can't be created.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        until = time.monotonic() + patience
        while True:
            try:
                _take(handle)
                break
            except OSError as error:
                if time.monotonic() > until:
                    raise F5liteError(
                        f"{path} has been held by another notebook for {patience:g} s; close it and run the cell again"
                    ) from error
                time.sleep(0.02)
        try:
            yield
        finally:
            _release(handle)
    finally:
        os.close(handle)
