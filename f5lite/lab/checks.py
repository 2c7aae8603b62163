"""`lab.check.NAME(your_function)`: runs an exercise's check in the reader's cell and shows how it went.

The checks themselves are written with `f5lite.evidence.exercises` in `f5lite/lab/lessons/`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from f5lite.errors import F5liteError
from f5lite.evidence.exercises import REGISTRY
from f5lite.lab.told import Checked


class Check:
    """Looks up checks by name: `check.keep_only(keep_only)`."""

    def __getattr__(self, name: str) -> Callable[..., Checked]:
        if name.startswith("__"):
            raise AttributeError(name)
        if name not in REGISTRY:
            raise F5liteError(
                f"no check {name!r}; there are: {', '.join(sorted(REGISTRY)) or 'none yet: run the first cell, lab.start(...)'}"
            )

        def run(*attempt: Any, **more: Any) -> Checked:
            return Checked(REGISTRY[name](*attempt, **more))

        return run

    def __dir__(self) -> list[str]:
        return sorted(REGISTRY)


check = Check()
