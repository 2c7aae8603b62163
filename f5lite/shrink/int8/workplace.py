"""Where a conversion works: a hidden folder beside the destination, moved into place in one step, removed if it fails.

A folder whose process was killed can't remove itself: the next conversion to the same destination does.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from f5lite.errors import F5liteError

SPARE = 1 << 20  # bytes for the small files beside the weights


def check(destination: Path, source: Path, force: bool) -> None:
    """F5liteError unless a folder can be made there."""
    if destination.suffix in (".safetensors", ".pt"):
        raise F5liteError(
            f"the destination is a folder (weights, vocoder, vocabulary); give {destination.with_suffix('')} instead of "
            f"{destination.name}"
        )
    if not destination.parent.is_dir():
        raise F5liteError(
            f"folder {destination.parent} doesn't exist; make it first, or write somewhere else"
        )
    if os.path.lexists(destination):
        if not force:
            raise F5liteError(
                f"{destination} is there already; choose another name, or pass --force to replace it"
            )
        if not destination.is_dir() or not (destination / "conversion.json").is_file():
            raise F5liteError(
                f"{destination} is not a converted model, so --force won't replace it; choose another name"
            )
        if destination.resolve() in (source.resolve(), *source.resolve().parents):
            raise F5liteError(f"{destination} holds the source; choose another name")


def room(folder: Path, needed: int) -> None:
    """F5liteError if the disk plainly lacks the room."""
    free = shutil.disk_usage(folder).free
    if free < needed + SPARE:
        raise F5liteError(
            f"no room for the converted model in {folder}: it needs {needed / 1e6:,.0f} MB, {free / 1e6:,.0f} are free; "
            "make room, or convert to another disk"
        )


@contextmanager
def partial(destination: Path) -> Iterator[Path]:
    """A folder to work in; what is still in it at the end is removed."""
    prefix = f".{destination.name}-partial-"
    _remove_orphans(destination.parent, prefix)
    folder = Path(tempfile.mkdtemp(prefix=f"{prefix}{os.getpid()}-", dir=destination.parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def publish(folder: Path, destination: Path, force: bool) -> None:
    """Move the finished folder into place, in one step; with `force`, what was there goes first."""
    if os.name == "posix":
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(folder, 0o777 & ~mask)
    _flush_folder(folder)
    old = folder.with_name(f"{folder.name}-old")
    if force and destination.is_dir():
        os.rename(destination, old)
    try:
        os.rename(folder, destination)
    except OSError:
        if old.is_dir():
            os.rename(old, destination)
        raise
    _flush_folder(destination.parent)
    shutil.rmtree(old, ignore_errors=True)


def _flush_folder(folder: Path) -> None:
    if os.name != "posix":  # elsewhere a folder can't be opened
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove_orphans(parent: Path, prefix: str) -> None:
    for folder in parent.glob(f"{prefix}*"):
        owner = re.fullmatch(rf"{re.escape(prefix)}(\d+)-.*", folder.name)
        if owner and folder.is_dir() and not _alive(int(owner[1])):
            shutil.rmtree(folder, ignore_errors=True)


def _alive(process: int) -> bool:
    if os.name != "posix":
        return True  # no harmless way to ask; the folder stays
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
