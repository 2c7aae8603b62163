"""Short digests: what two things that make the same sound have in common."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any


def digest(value: Any) -> str:
    """20 hexadecimal digits of anything that JSON can hold."""
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def file_digest(path: str | Path) -> str:
    """The same for a file's content."""
    made = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 22):
            made.update(block)
    return made.hexdigest()[:20]
