"""Golden files, read once, and the measure by which f5lite is held against them.

It is the largest difference over the largest value.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from tests.golden import cases

HERE = Path(__file__).parent
LIMIT, USUAL = 1e-4, 1e-5  # every difference, and most of them
WORST: dict[str, float] = {}  # what this run has seen, printed at its end


@functools.cache
def arrays(name: str) -> dict[str, np.ndarray]:
    return load_file(HERE / f"{name}.safetensors")


@functools.cache
def notes(name: str) -> dict[str, Any]:
    return json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))


def difference(ours: np.ndarray, theirs: np.ndarray, what: str) -> float:
    """max |ours - theirs| / max |theirs|, noted under `what`. Shapes must agree and every value must be a number."""
    assert ours.shape == theirs.shape, f"{what}: f5lite gives {ours.shape}, upstream {theirs.shape}"
    assert np.isfinite(ours).all(), f"{what}: f5lite gives values that are no numbers"
    largest = np.abs(theirs.astype(np.float64)).max(initial=0.0)
    apart = np.abs(ours.astype(np.float64) - theirs).max(initial=0.0)
    found = float(apart / largest) if largest else float(apart)
    WORST[what] = max(found, WORST.get(what, 0.0))
    return found


def thinned(values: np.ndarray) -> np.ndarray:
    """The channels that the golden files keep."""
    return values[..., :: cases.KEPT]


def summary() -> list[str]:
    """One line a kind of comparison: how many, the median and the worst with its name."""
    kinds: dict[str, list[tuple[float, str]]] = {}
    for name, value in WORST.items():
        kinds.setdefault(name.split("/")[0], []).append((value, name))
    lines = []
    for kind, found in sorted(kinds.items()):
        found.sort()
        worst, name = found[-1]
        median = found[len(found) // 2][0]
        usual = sum(value <= USUAL for value, _ in found)
        lines.append(
            f"{kind:12} {len(found):4} compared, {usual:4} within 1e-5, median {median:.1e}, worst {worst:.1e} ({name})"
        )
    return lines
