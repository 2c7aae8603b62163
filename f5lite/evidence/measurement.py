"""One measured quantity: its repeats, its unit, and how sure its median is.

The spread comes from order statistics, so it assumes nothing about how the repeats are distributed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from math import comb, inf, isfinite
from statistics import median
from typing import Any

COVERAGE = 0.9


def median_interval(values: Iterable[float], coverage: float = COVERAGE) -> tuple[float, float]:
    """Return the narrowest pair of order statistics that holds the true median with at least `coverage`.

    With fewer than five values even the whole range covers less, and the range is returned all the same; one value
    says nothing about its spread, so the interval is infinite. Source: the sign test's interval (Conover, ch. 3.2).
    """
    ordered = sorted(values)
    count = len(ordered)
    if count < 2:
        return (-inf, inf)
    cut, tail = 0, 0.0
    while cut + 1 < count / 2:
        tail += comb(count, cut) / 2**count
        if 1 - 2 * (tail + comb(count, cut + 1) / 2**count) < coverage:
            break
        cut += 1
    return (ordered[cut], ordered[-1 - cut])


@dataclass(frozen=True)
class Measurement:
    """A named quantity with its repeats, in `unit`.

    exact: bytes of a file, a count, a yes or no: repeating it can't change it, so one value is enough.
    bounds: an interval worked out elsewhere (a bootstrap), used in place of the order statistics.
    interleaved: its repeats alternate with those of the other measurements recorded with it, so that the i-th
        values belong together and ratios are taken pair by pair.
    missing: why there is no value ("this machine has no temperature sensor"); `values` is empty then.
    """

    name: str
    values: tuple[float, ...]
    unit: str
    exact: bool = False
    bounds: tuple[float, float] | None = None
    interleaved: bool = False
    missing: str = ""
    run: str = ""  # which ledger entry it came from; set when read back

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", tuple(float(value) for value in self.values))
        if not self.name:
            raise ValueError("a measurement needs a name")
        if bool(self.values) == bool(self.missing):
            raise ValueError(f"{self.name}: give values, or say in `missing` why there are none")
        if not all(isfinite(value) for value in self.values):
            raise ValueError(f"{self.name}: {self.values} holds a value that is not a finite number")
        if self.bounds is not None:
            low, high = (float(bound) for bound in self.bounds)
            if math.isnan(low) or math.isnan(high) or low > high:
                raise ValueError(f"{self.name}: bounds {self.bounds} are not an interval")
            object.__setattr__(self, "bounds", (low, high))

    @classmethod
    def of(cls, name: str, values: float | Iterable[float], unit: str, **more: Any) -> Measurement:
        """Build one from a number or from any iterable of numbers."""
        many = (values,) if isinstance(values, (int, float)) else tuple(values)
        return cls(name, many, unit, **more)

    @classmethod
    def fact(cls, name: str, true: bool) -> Measurement:
        """A yes or no that was found out."""
        return cls(name, (float(bool(true)),), "yes/no", exact=True)

    @classmethod
    def count(cls, name: str, number: int, unit: str = "") -> Measurement:
        """A whole number that was counted; `unit` names what ("requests")."""
        return cls(name, (float(number),), unit, exact=True)

    @classmethod
    def none(cls, name: str, reason: str, unit: str = "") -> Measurement:
        """A quantity that this machine can't give, and the reason."""
        return cls(name, (), unit, missing=reason)

    @property
    def repeats(self) -> int:
        return len(self.values)

    @property
    def median(self) -> float:
        if self.missing:
            raise ValueError(f"{self.name} has no value: {self.missing}")
        return float(median(self.values))

    @property
    def interval(self) -> tuple[float, float]:
        """Where the true median lies, as far as these repeats can say."""
        if self.bounds is not None:
            return self.bounds
        if self.exact and len(set(self.values)) == 1:
            return (self.values[0], self.values[0])
        return median_interval(self.values)

    @property
    def spread(self) -> float | None:
        """Half the width of `interval`: the ± beside the median. None after a single run."""
        low, high = self.interval
        return (high - low) / 2 if isfinite(high - low) else None

    def renamed(self, name: str) -> Measurement:
        return replace(self, name=name)

    def to_dict(self) -> dict[str, Any]:
        """A plain dict for the ledger; median and spread are in it for readers of the file."""
        plain = {key: value for key, value in asdict(self).items() if value not in ((), "", False, None)}
        plain.pop("run", None)
        plain["values"], plain["unit"] = list(self.values), self.unit
        if self.bounds is not None:
            plain["bounds"] = list(self.bounds)
        if self.values:
            plain |= {"median": self.median, "spread": self.spread, "repeats": self.repeats}
        return plain

    @classmethod
    def from_dict(cls, plain: dict[str, Any], run: str = "") -> Measurement:
        """Read one back. Raises ValueError, TypeError or KeyError when `plain` isn't one."""
        bounds = plain.get("bounds")
        return cls(
            name=str(plain["name"]),
            values=tuple(plain["values"]),
            unit=str(plain["unit"]),
            exact=bool(plain.get("exact", False)),
            bounds=None if bounds is None else (bounds[0], bounds[1]),
            interleaved=bool(plain.get("interleaved", False)),
            missing=str(plain.get("missing", "")),
            run=run,
        )
