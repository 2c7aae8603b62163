"""What f5lite needs, read from where it is written: pyproject.toml in a clone, else the installed metadata."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

CLONE = Path(__file__).parent.parent


def all_of_them() -> list[str]:
    """Every requirement as PEP 508 text; those of an extra carry `extra == "NAME"` in their marker."""
    project = pyproject().get("project", {})
    if project:
        extras = project.get("optional-dependencies", {})
        return [
            *project.get("dependencies", []),
            *(_with_extra(text, extra) for extra, texts in extras.items() for text in texts),
        ]
    try:
        return metadata.requires("f5lite") or []
    except metadata.PackageNotFoundError:
        return []


def requires_python() -> str:
    """The versions of Python that f5lite runs on, such as ">=3.10"."""
    written = pyproject().get("project", {}).get("requires-python")
    if written:
        return written
    try:
        return metadata.metadata("f5lite")["Requires-Python"] or ">=3.10"
    except metadata.PackageNotFoundError:
        return ">=3.10"


def pyproject() -> dict:
    """pyproject.toml of the clone that this code lies in; empty for an installed wheel (and on Python 3.10)."""
    try:
        import tomllib

        content = tomllib.loads((CLONE / "pyproject.toml").read_text(encoding="utf-8"))
    except (ImportError, OSError, ValueError):
        return {}
    return content if content.get("project", {}).get("name") == "f5lite" else {}


def installed(name: str) -> str | None:
    """The installed version of a distribution, or None."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def extra_of(requirement: str) -> str | None:
    """The extra that a requirement belongs to, or None."""
    match = re.search(r"extra\s*==\s*['\"]([\w.-]+)['\"]", requirement)
    return match[1] if match else None


def packaging():
    """packaging's module `specifiers` and class Requirement; pip's own copy where packaging isn't installed.

    (None, None) if neither is there.
    """
    try:
        from packaging import requirements, specifiers
    except ImportError:
        try:
            from pip._vendor.packaging import requirements, specifiers
        except ImportError:
            return None, None
    return specifiers, requirements.Requirement


def _with_extra(text: str, extra: str) -> str:
    head, semicolon, marker = text.partition(";")
    if semicolon:
        return f'{head.strip()}; ({marker.strip()}) and extra == "{extra}"'
    return f'{text}; extra == "{extra}"'
