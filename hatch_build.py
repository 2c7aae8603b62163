"""Puts the lessons into the wheel, so that `f5lite lab` works without a clone.

Only into a real wheel: an editable install reads the lessons from the clone itself.
"""

from __future__ import annotations

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Lessons(BuildHookInterface):
    """Adds `notebooks/` as `f5lite/notebooks/`."""

    def initialize(self, version: str, build_data: dict) -> None:
        """`version` is "standard" for a wheel and "editable" for a development install."""
        if version == "standard":
            build_data["force_include"]["notebooks"] = "f5lite/notebooks"
