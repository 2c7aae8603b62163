"""Reading figures for a chart: a measurement with the span of its repeats, and round numbers for an axis.

Writing them is `f5lite.evidence.wording`'s, so that a chart, a sentence and the ledger print a figure alike.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median
from typing import Any

from f5lite.evidence import wording
from f5lite.evidence.wording import number

__all__ = ["Reading", "number", "quantity", "reading", "ticks"]


@dataclass(frozen=True)
class Reading:
    """A median with its span, `low` to `high`: a measurement's interval, or the lowest and highest of `repeats` runs."""

    median: float
    low: float
    high: float
    repeats: int = 1

    def plain(self, unit: str = "") -> str:
        """For example `1,379 MB (1,373 to 1,385, 5 runs)`."""
        if self.repeats == 1 or self.low == self.high:
            return quantity(self.median, unit)
        return (
            f"{quantity(self.median, unit)} ({number(self.low)} to {number(self.high)}, {self.repeats} runs)"
        )


def reading(value: Any, metric: str | None = None) -> Reading:
    """Make a `Reading` of a number, a list of repeats, or an object that carries either under `metric`.

    Objects may also offer `median` with `low` and `high`, or `values` (the repeats).

    Raises:
        TypeError: when there is no number to be found.
    """
    if metric is not None and not isinstance(value, (int, float)):
        if isinstance(value, dict) and metric in value:
            return reading(value[metric])
        if hasattr(value, metric):
            return reading(getattr(value, metric))
        if isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
            return reading([reading(one, metric).median for one in value])
    if isinstance(value, Reading):
        return value
    if isinstance(value, (int, float)) or (hasattr(value, "__float__") and getattr(value, "ndim", 0) == 0):
        figure = float(value)
        return Reading(figure, figure, figure)
    if all(hasattr(value, name) for name in ("median", "interval", "repeats")):
        low, high = value.interval
        if not math.isfinite(high - low):
            low = high = value.median
        return Reading(float(value.median), float(low), float(high), int(value.repeats))
    for name in ("values", "runs"):
        runs = getattr(value, name, None)
        if runs is not None and not callable(runs) and isinstance(runs, Iterable):
            return reading(list(runs))
    if all(hasattr(value, name) for name in ("median", "low", "high")):
        return Reading(float(value.median), float(value.low), float(value.high), 2)
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes, dict)):
        runs = [float(one) for one in value]
        if runs:
            return Reading(median(runs), min(runs), max(runs), len(runs))
    wanted = (
        f"a number, a list of numbers, or an object with {metric!r}"
        if metric
        else "a number or a list of them"
    )
    raise TypeError(f"expected {wanted}; found {type(value).__name__}")


def quantity(value: float, unit: str = "") -> str:
    """A number with its unit, or alone."""
    return wording.figure(value, unit)


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers from at or below `low` to at or above `high`."""
    if not high > low:
        high = low + (abs(low) or 1.0)
    rough = (high - low) / max(1, about)
    base = 10 ** math.floor(math.log10(rough))
    step = next(base * factor for factor in (1, 2, 2.5, 5, 10) if base * factor >= rough * 0.999)
    first = math.floor(low / step + 1e-9)
    last = math.ceil(high / step - 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]
