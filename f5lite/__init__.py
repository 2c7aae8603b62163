"""f5lite: F5-TTS on a small machine, and the course about it.

`f5lite.load("tiny").speak("…")` is the whole of it; torch is imported when something runs, not before.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

__version__ = "0.1.0"
_LAZY = {
    "load": "pipeline",
    "Pipeline": "pipeline",
    "Utterance": "pipeline",
    "Plan": "plan",
    "plan_for": "plan",
    "F5liteError": "errors",
}
__all__ = ["F5liteError", "Pipeline", "Plan", "Utterance", "__version__", "load", "plan_for"]

if TYPE_CHECKING:
    from f5lite.errors import F5liteError
    from f5lite.pipeline import Pipeline, Utterance, load
    from f5lite.plan import Plan, plan_for


def __getattr__(name: str) -> object:
    if name in _LAZY:
        return getattr(importlib.import_module(f"f5lite.{_LAZY[name]}"), name)
    raise AttributeError(f"module 'f5lite' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
