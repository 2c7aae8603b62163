"""Can you hear the difference, and can it be measured? Two models, the same sentences and seeds, paired figures.

`compare(a, b, sentences)` is the whole of it; `shipped()` has what was measured for the bundled voice.
"""

from __future__ import annotations

from importlib import import_module

OWN = "own"  # in place of seeds: every rendering gets one of its own
_WHERE = {
    "System": "systems",
    "system": "systems",
    "compare": "run",
    "Result": "result",
    "shipped": "shipped",
    "ranked": "shipped",
    "bundled_sentences": "sentences",
}
__all__ = sorted(_WHERE)


def __getattr__(name: str) -> object:
    if name in _WHERE:
        return getattr(import_module(f"f5lite.evidence.quality.{_WHERE[name]}"), name)
    raise AttributeError(f"module 'f5lite.evidence.quality' has no attribute {name!r}")
