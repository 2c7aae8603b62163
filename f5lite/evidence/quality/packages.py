"""Weights that other packages carry, found without importing them: their imports ask for much more than we use."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from f5lite.errors import F5liteError

QUALITY = 'pip install "f5lite[quality]"'


def folder_of(package: str) -> Path | None:
    """Where an installed package lies, or None. Does not run its code."""
    try:
        found = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return None
    places = list(found.submodule_search_locations or []) if found else []
    return Path(places[0]) if places else None


def needed(package: str, what: str, install: str = QUALITY) -> F5liteError:
    """The error for a package that isn't there."""
    return F5liteError(f"{what} needs the package {package}, which isn't installed; run: {install}")
