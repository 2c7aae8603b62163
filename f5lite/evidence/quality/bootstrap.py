"""How sure a figure is: a bootstrap over sentences. Pure numpy, seeded, so the same figures give the same interval.

Sentences are drawn, not renderings: all voices and seeds of a sentence stay together, since they share its words
and fail together. Every figure is a ratio of two sums over sentences (wrong words / words, or a sum / a count).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

COVERAGE, DRAWS, SEED = 0.9, 4000, 20_241_101


@dataclass(frozen=True)
class Interval:
    """A figure and where its true value lies with `COVERAGE`. `count`: sentences."""

    value: float
    low: float
    high: float
    count: int

    @property
    def half(self) -> float:
        """Half the width: the ± beside the value."""
        return (self.high - self.low) / 2


@dataclass(frozen=True)
class Sums:
    """One sum a sentence: `above` over `below` is the figure. Both (sentences,)."""

    above: np.ndarray
    below: np.ndarray

    @classmethod
    def of(cls, pairs: Sequence[tuple[float, float]]) -> Sums:
        values = np.asarray(pairs, dtype=float).reshape(-1, 2)
        return cls(values[:, 0], values[:, 1])

    @property
    def ratio(self) -> float:
        return float(self.above.sum() / self.below.sum())


def weights(count: int, draws: int = DRAWS, seed: int = SEED) -> np.ndarray:
    """How often each of `count` sentences is drawn, (draws, count)."""
    return np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=draws)


def student(probability: float, freedom: int) -> float:
    """Quantile of Student's t by its expansion in 1 / freedom (Abramowitz and Stegun 26.7.5)."""
    z = NormalDist().inv_cdf(probability)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return z + sum(term / freedom ** (power + 1) for power, term in enumerate(terms))


def tails(count: int, coverage: float = COVERAGE) -> tuple[float, float]:
    """The quantiles to read, widened for few sentences (Hesterberg 2015: plain percentiles are too narrow)."""
    if count < 3:
        return (0.0, 1.0)
    t = student(0.5 - coverage / 2, count - 1) * math.sqrt(count / (count - 1))
    low = NormalDist().cdf(t)
    return (low, 1 - low)


def interval(figure: Sums, scale: float = 1.0, coverage: float = COVERAGE) -> Interval:
    """One model's figure."""
    count = len(figure.above)
    drawn = weights(count)
    values = scale * (drawn @ figure.above) / np.maximum(drawn @ figure.below, 1e-12)
    return _read(values, scale * figure.ratio, count, coverage)


def difference(a: Sums, b: Sums, scale: float = 1.0, coverage: float = COVERAGE) -> Interval:
    """b − a, paired: sentence i of both is drawn together."""
    count = len(a.above)
    if len(b.above) != count:
        raise ValueError(f"{count} sentences against {len(b.above)}: a pair needs both")
    drawn = weights(count)
    first, second = ((drawn @ part.above) / np.maximum(drawn @ part.below, 1e-12) for part in (a, b))
    return _read(scale * (second - first), scale * (b.ratio - a.ratio), count, coverage)


def _read(values: np.ndarray, value: float, count: int, coverage: float) -> Interval:
    low, high = np.quantile(values, tails(count, coverage))
    return Interval(value, float(min(low, value)), float(max(high, value)), count)
