"""The kinds of rule by which a claim is judged. Each is pure: measurements by name in, a verdict out.

A rule compares an interval with what was claimed. When the interval lies on both sides, the verdict is "can't tell".
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite
from typing import ClassVar, Protocol

from f5lite.evidence import wording
from f5lite.evidence.comparison import Comparison
from f5lite.evidence.measurement import Measurement
from f5lite.evidence.verdict import Figures, Outcome, Verdict

ROUNDING = 0.005  # a claim of "60 %" is a rounded figure: 59.5 % meets it
MARGIN = 0.05  # and five points beyond it is more than was promised


class Rule(Protocol):
    """`names` are the measurements it needs, `outcomes` what it can say."""

    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def outcomes(self) -> tuple[Outcome, ...]: ...
    def judge(self, figures: Figures) -> Verdict: ...


def absent(figures: Figures, names: tuple[str, ...]) -> Verdict | None:
    """A "can't tell" when a figure isn't there, with the reason where one was recorded."""
    for name in names:
        if name in figures and figures[name].missing:
            return Verdict("can't tell", f"It can't be told here: {figures[name].missing}.")
    gone = [name.replace("_", " ") for name in names if name not in figures]
    if gone:
        return Verdict("can't tell", f"Not measured yet: {', '.join(gone)}.")
    return None


@dataclass(frozen=True)
class Reduction:
    """`after` is lower than `before` by at least the fraction `at_least`.

    stated: whether the claim gives a figure. Without one there is nothing to exceed, and `at_least` is the smallest
    change that we call a change (0: any that the runs can show).
    """

    subject: str
    before: str
    after: str
    at_least: float = 0.0
    stated: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        return (self.before, self.after)

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        extra: tuple[Outcome, ...] = ("exceeded",) if self.stated else ()
        return ("holds", *extra, "does not hold", "can't tell")

    def judge(self, figures: Figures) -> Verdict:
        if verdict := absent(figures, self.names):
            return verdict
        both = Comparison(figures[self.before], figures[self.after])
        low, middle, high = both.reduction
        lead = both.sentence(self.subject, near=self.at_least if self.at_least else None)
        if not self.at_least:
            if both.direction == "lower":
                return Verdict("holds", lead)
            return Verdict("can't tell" if both.direction == "can't tell" else "does not hold", lead)
        claimed = f"{wording.percent(self.at_least)} less"
        asked = (
            f"the {claimed} of the claim" if self.stated else f"the {claimed} that would count as a change"
        )
        floor = self.at_least - ROUNDING
        if self.stated and low > self.at_least + MARGIN:
            return Verdict("exceeded", f"{lead} That is more than {asked}.")
        if low >= floor:
            return Verdict("holds", f"{lead} That meets {asked}.")
        if high < floor:
            return Verdict("does not hold", f"{lead} That is short of {asked}.")
        if both.direction == "can't tell":
            return Verdict("can't tell", lead)
        return Verdict("can't tell", f"{lead} The spread covers {asked}.")


@dataclass(frozen=True)
class Rise(Reduction):
    """`after` is higher than `before`, by more than the runs differ. Without a figure in the claim."""

    stated: bool = False

    def judge(self, figures: Figures) -> Verdict:
        if verdict := absent(figures, self.names):
            return verdict
        both = Comparison(figures[self.before], figures[self.after])
        lead = both.sentence(self.subject)
        outcome: Outcome = "holds" if both.direction == "higher" else "does not hold"
        return Verdict("can't tell" if both.direction == "can't tell" else outcome, lead)


@dataclass(frozen=True)
class Stated:
    """`name` equals the claim's own `figure` (in the measurement's unit) within a fraction."""

    subject: str
    name: str
    figure: float
    within: float = 0.05
    outcomes: ClassVar[tuple[Outcome, ...]] = ("holds", "does not hold", "can't tell")

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name,)

    def judge(self, figures: Figures) -> Verdict:
        if verdict := absent(figures, self.names):
            return verdict
        found = figures[self.name]
        low, high = found.interval
        bottom, top = self.figure * (1 - self.within), self.figure * (1 + self.within)
        lead = f"{self.subject[0].upper()}{self.subject[1:]} is {shown(found)}"
        claimed = f"the {wording.figure(self.figure, found.unit)} of the claim"
        if bottom <= low and high <= top:
            return Verdict("holds", f"{lead}: within {wording.percent(self.within)} of {claimed}.")
        if high < bottom or low > top:
            side = "below" if high < bottom else "above"
            return Verdict(
                "does not hold", f"{lead}: more than {wording.percent(self.within)} {side} {claimed}."
            )
        return Verdict("can't tell", f"{lead}: the spread covers both {claimed} and other values.")


@dataclass(frozen=True)
class Limit:
    """`name` is at most, or at least, a number. For counts of requests, seconds per second of speech, shares."""

    subject: str
    name: str
    at_most: float = inf
    at_least: float = -inf
    outcomes: ClassVar[tuple[Outcome, ...]] = ("holds", "does not hold", "can't tell")

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name,)

    def judge(self, figures: Figures) -> Verdict:
        if verdict := absent(figures, self.names):
            return verdict
        found = figures[self.name]
        low, high = found.interval
        lead = f"{self.subject[0].upper()}{self.subject[1:]}: {shown(found)}"
        bounds = [f"at most {wording.figure(self.at_most, found.unit)}"] if isfinite(self.at_most) else []
        bounds += [f"at least {wording.figure(self.at_least, found.unit)}"] if isfinite(self.at_least) else []
        asked = " and ".join(bounds)
        if self.at_least <= low and high <= self.at_most:
            return Verdict("holds", f"{lead}; the claim needs {asked}.")
        if high < self.at_least or low > self.at_most:
            return Verdict("does not hold", f"{lead}; the claim needs {asked}, and that isn't met.")
        return Verdict("can't tell", f"{lead}; the claim needs {asked}, and the spread covers it.")


@dataclass(frozen=True)
class Margin:
    """A difference (after − before, lower is better) lies within ± `within`: no worse, by a stated margin."""

    subject: str
    name: str
    within: float
    outcomes: ClassVar[tuple[Outcome, ...]] = ("holds", "exceeded", "does not hold", "can't tell")

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name,)

    def judge(self, figures: Figures) -> Verdict:
        if verdict := absent(figures, self.names):
            return verdict
        found = figures[self.name]
        low, high = found.interval
        lead = f"{self.subject[0].upper()}{self.subject[1:]} is {shown(found)}"
        margin = wording.figure(self.within, found.unit)
        if high < -self.within:
            return Verdict("exceeded", f"{lead}: better by more than {margin}.")
        if -self.within <= low and high <= self.within:
            return Verdict("holds", f"{lead}: within ± {margin}.")
        if low > self.within:
            return Verdict("does not hold", f"{lead}: worse by more than {margin}.")
        return Verdict(
            "can't tell", f"{lead}: the interval reaches beyond ± {margin}. More sentences would narrow it."
        )


@dataclass(frozen=True)
class Fact:
    """Something that was found to be so, or not. `so` and `not_so` are whole sentences."""

    name: str
    so: str
    not_so: str
    outcomes: ClassVar[tuple[Outcome, ...]] = ("holds", "does not hold", "can't tell")

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name,)

    def judge(self, figures: Figures) -> Verdict:
        if verdict := absent(figures, self.names):
            return verdict
        found = set(figures[self.name].values)
        if len(found) > 1:
            return Verdict("can't tell", "It was so in some runs and not in others.")
        return Verdict("holds", self.so) if found == {1.0} else Verdict("does not hold", self.not_so)


def shown(found: Measurement) -> str:
    """A measurement in words: its figure and, when repeats can differ, how many and how far."""
    text = wording.figure(found.median, found.unit)
    if found.bounds is not None:
        low, high = (wording.number(bound) for bound in found.bounds)
        return f"{text} (interval {low} to {high})"
    if found.exact:
        return text
    return f"{text} ({wording.runs(found.repeats)}, {wording.spread(found.spread, found.unit)})"
