"""Sentences that the bundled voice never saw in training, and texts from a file."""

from __future__ import annotations

import os
from pathlib import Path

from f5lite.errors import F5liteError

FILE = Path(__file__).parent / "sentences.txt"


def bundled_sentences(count: int | None = None) -> list[str]:
    """The first `count` of 500 new combinations of the bundled voice's words, in a fixed shuffled order."""
    found = FILE.read_text(encoding="utf-8").splitlines()
    if count is not None and not 1 <= count <= len(found):
        raise F5liteError(
            f"there are {len(found)} bundled sentences, {count} were asked for; give --text FILE"
        )
    return found[:count]


def read(path: str | os.PathLike[str]) -> list[str]:
    """One sentence a line; empty lines and lines that start with # are left out. The same line twice counts once."""
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        raise F5liteError(f"can't read sentences from {path}: {problem}") from problem
    kept = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not kept:
        raise F5liteError(f"{path} holds no sentence; write one a line")
    return list(dict.fromkeys(kept))
