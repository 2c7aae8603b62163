"""Two measurements side by side: which is lower, by how much, and whether the runs can tell. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite
from statistics import median
from typing import Literal

from f5lite.evidence import wording
from f5lite.evidence.measurement import Measurement, median_interval

Direction = Literal["lower", "higher", "same", "can't tell"]


@dataclass(frozen=True)
class Comparison:
    """`before` against `after`, in one unit. Pairs are used where the repeats were interleaved in one run."""

    before: Measurement
    after: Measurement

    def __post_init__(self) -> None:
        if self.before.unit != self.after.unit and not (self.before.missing or self.after.missing):
            raise ValueError(
                f"{self.before.name} is in {self.before.unit!r} and {self.after.name} in {self.after.unit!r}: "
                "bring both to one unit"
            )

    @property
    def paired(self) -> bool:
        a, b = self.before, self.after
        same_run = a.run == b.run
        return a.interleaved and b.interleaved and same_run and a.repeats == b.repeats > 1

    @property
    def difference(self) -> tuple[float, float]:
        """Interval of after − before, in the unit."""
        if self.paired:
            return median_interval(b - a for a, b in zip(self.before.values, self.after.values, strict=True))
        (a_low, a_high), (b_low, b_high) = self.before.interval, self.after.interval
        return (b_low - a_high, b_high - a_low)

    @property
    def ratio(self) -> tuple[float, float, float]:
        """(low, middle, high) of after ÷ before; infinite where `before` may be zero or less."""
        a, b = self.before, self.after
        if min(a.values) <= 0:
            return (-inf, b.median / a.median if a.median else inf, inf)
        if self.paired:
            ratios = [y / x for x, y in zip(a.values, b.values, strict=True)]
            low, high = median_interval(ratios)
            return (low, float(median(ratios)), high)
        (a_low, a_high), (b_low, b_high) = a.interval, b.interval
        if not a_low > 0 or not isfinite(b_low) or not isfinite(a_high):
            return (-inf, b.median / a.median, inf)
        ends = [y / x for x in (a_low, a_high) for y in (b_low, b_high)]
        return (min(ends), b.median / a.median, max(ends))

    @property
    def reduction(self) -> tuple[float, float, float]:
        """(low, middle, high) of the fraction that went away: 0.6 means 60 % less."""
        low, middle, high = self.ratio
        return (1 - high, 1 - middle, 1 - low)

    @property
    def direction(self) -> Direction:
        """What the runs can say: "same" only when exact values agree."""
        low, high = self.difference
        if low == high == 0:
            return "same"
        return "lower" if high < 0 else "higher" if low > 0 else "can't tell"

    @property
    def figures(self) -> str:
        """The figures in brackets: "1,421 → 1,379 MB, 5 runs, ± 6 MB"."""
        a, b = self.before, self.after
        unit, scale = a.unit, 1.0
        if (
            unit == "s"
            and 0 < min(abs(a.median), abs(b.median)) < 0.1
            and max(abs(a.median), abs(b.median)) < 10
        ):
            unit, scale = "ms", 1000.0
        text = f"{wording.number(a.median * scale)} → {wording.figure(b.median * scale, unit)}"
        if a.exact and b.exact:
            return text
        counts = [m.repeats for m in (a, b) if not m.exact]
        if self.paired:
            shown = wording.runs(counts[0], "pair")
        elif len(set(counts)) == 1:
            shown = wording.runs(counts[0]) + (" each" if len(counts) == 2 else "")
        else:
            shown = " and ".join(wording.runs(count) for count in counts)
        low, high = self.difference
        half = (high - low) / 2 * scale
        return f"{text}, {shown}, {wording.spread(half if isfinite(half) else None, unit)}"

    def sentence(self, subject: str, *, near: float | None = None) -> str:
        """Say what happened to `subject` ("the peak"), with its figures: the one sentence that must be right."""
        start = subject[0].upper() + subject[1:]
        direction = self.direction
        if direction == "same":
            return f"{start} stayed the same ({wording.figure(self.after.median, self.after.unit)})."
        if direction == "can't tell":
            low, high = self.difference
            if not isfinite(high - low):
                return f"{start} can't be compared yet: one run doesn't show its spread ({self.figures})."
            return f"{start} didn't change by more than the runs differ among themselves ({self.figures})."
        verb = "fell" if direction == "lower" else "rose"
        middle = self.reduction[1]
        if not isfinite(middle) or min(self.before.values) <= 0:
            return f"{start} {verb} ({self.figures})."
        size = -middle if direction == "higher" else middle
        if size > 1:  # more than doubled: a factor reads better than 900 %
            return f"{start} {verb} to {wording.times(1 + size)} as much ({self.figures})."
        return f"{start} {verb} by {wording.percent(size, near)} ({self.figures})."
