"""Where the reader's ledger lies, with which versions a figure was made, and whether another kernel still runs."""

from __future__ import annotations

import os
import sys
import uuid
from importlib import metadata
from pathlib import Path

SESSION = uuid.uuid4().hex[:12]


def default_path() -> Path:
    """F5LITE_LEDGER, else a file in the user's data folder: the same for every lesson, wherever it was copied to."""
    if chosen := os.environ.get("F5LITE_LEDGER"):
        return Path(chosen).expanduser()
    if os.name == "nt":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / "f5lite" / "ledger.json"


def versions() -> dict[str, str]:
    """Versions of what decides a figure, without importing any of it."""
    found = {"python": ".".join(map(str, sys.version_info[:3]))}
    for name in ("f5lite", "torch", "numpy"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def alive(process: object, host: object) -> bool:
    """Whether the kernel that announced an attempt still runs; another host's is taken to be gone."""
    import socket

    import psutil

    return isinstance(process, int) and host == socket.gethostname() and psutil.pid_exists(process)
