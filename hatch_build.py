"""Puts the lessons into the wheel, so that `f5lite lab` works without a clone.

Only into a real wheel: an editable install reads the lessons from the clone itself. Only what a reader opens: the
sources and the tools that make the notebooks stay in the clone.
"""

from __future__ import annotations

from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Lessons(BuildHookInterface):
    """Adds the notebooks, and what they show, as `f5lite/notebooks/`."""

    def initialize(self, version: str, build_data: dict) -> None:
        """`version` is "standard" for a wheel and "editable" for a development install."""
        if version != "standard":
            return
        folder = Path(self.root) / "notebooks"
        for pattern in ("[0-9]*.ipynb", "README.md", "glossary.md", "images/*"):
            for path in sorted(folder.glob(pattern)):
                inside = path.relative_to(folder).as_posix()
                build_data["force_include"][str(path)] = f"f5lite/notebooks/{inside}"
