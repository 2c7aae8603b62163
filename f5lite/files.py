"""Writing a file whole or not at all: a reader of it sees the old content or the new, never half of it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from f5lite.errors import F5liteError


@contextmanager
def atomic(path: str | os.PathLike) -> Iterator[Path]:
    """Give a temporary path beside `path`; move it there if the block ends well, remove it if it doesn't.

    Raises F5liteError when the folder isn't there or can't be written to. The file is flushed to disk first.
    """
    path = Path(path)
    if path.is_dir():
        raise F5liteError(f"{path} is a folder, not a file; give a file name to write to.")
    if not path.parent.is_dir():
        raise F5liteError(f"folder {path.parent} doesn't exist; make it first, or write somewhere else.")
    try:
        # The suffix stays, since writers of sound choose the format by it.
        handle, name = tempfile.mkstemp(
            dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix or ".tmp"
        )
    except OSError as problem:
        raise F5liteError(
            f"can't write in {path.parent}: {problem.strerror}; choose another folder."
        ) from None
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        _flush(temporary)
        _usual_permissions(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_atomically(path: str | os.PathLike, content: bytes | str) -> None:
    """Write `content` (text as UTF-8) to `path`, whole or not at all."""
    data = content.encode("utf-8") if isinstance(content, str) else content
    with atomic(path) as temporary:
        temporary.write_bytes(data)


def _flush(path: Path) -> None:
    # Windows flushes only handles that may write.
    with open(path, "rb+") as handle:
        os.fsync(handle.fileno())


def _usual_permissions(path: Path) -> None:
    """mkstemp makes a file private; a result should be as readable as any other new file."""
    if os.name == "posix":
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(path, 0o666 & ~mask)
