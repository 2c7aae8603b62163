"""Lesson text that is computed from the reader's figures, with a branch for every outcome, and the registry of all of it.

The first sentence is made here, from the comparison, so that it always agrees with sign and spread. A lesson adds, for
each outcome, a plain function that says why. Tests render every branch from made-up figures (`made_up`).

    the_peak = explain.text("03/peak", subject="the peak", compare=("kept", "released"), unit="MB", around=(1400, 1300))

    @the_peak.when("lower")
    def _(f):
        return f"What does fall is the memory between sentences: {f.saved} came back."
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from f5lite.evidence import wording
from f5lite.evidence.comparison import Comparison
from f5lite.evidence.entry import Entry
from f5lite.evidence.measurement import Measurement

COMPARED = ("lower", "higher", "can't tell")


@dataclass(frozen=True)
class Told:
    """A computed text: which branch it is, the sentence made from the figures, and the lesson's words after it."""

    outcome: str
    lead: str
    why: str
    guess: str = ""

    @property
    def text(self) -> str:
        return " ".join(part for part in (self.lead, self.guess, self.why) if part)

    def __str__(self) -> str:
        return self.text


class Figures:
    """What a branch gets: `f["kept"]` is a measurement; the rest are its figures in words."""

    def __init__(self, figures: Mapping[str, Measurement], comparison: Comparison | None) -> None:
        self.measured, self.comparison = dict(figures), comparison

    def __getitem__(self, name: str) -> Measurement:
        return self.measured[name]

    def of(self, name: str) -> str:
        """One figure in words: "1,421 MB"."""
        return wording.figure(self[name].median, self[name].unit)

    def _both(self) -> Comparison:
        if self.comparison is None:
            raise ValueError("this text compares nothing: give `compare=` when registering it")
        return self.comparison

    @property
    def saved(self) -> str:
        """The size of the difference, without its sign: "62 MB"."""
        both = self._both()
        return wording.figure(abs(both.after.median - both.before.median), both.before.unit)

    @property
    def percent(self) -> str:
        """The size of the change in percent, without its sign."""
        return wording.percent(abs(self._both().reduction[1]))

    @property
    def times(self) -> str:
        """How many times larger the larger one is: "2.4 ×"."""
        middle = self._both().ratio[1]
        return wording.times(max(middle, 1 / middle) if middle > 0 else float("inf"))


Branch = Callable[[Figures], str]


@dataclass
class Text:
    """A registered text. `when(outcome)` adds a branch; `tell(...)` chooses one and fills it.

    compare: names of the two measurements that decide among lower, higher and can't tell (exact figures that agree
        are "same" where `outcomes` has it). Without it, `decide` is a pure function from figures to one of
        `outcomes`, and `examples` holds figures that lead to each.
    constants: figures with a unit that a branch may state as they are, because no machine can contradict them.
    """

    id: str
    subject: str = ""
    compare: tuple[str, str] | None = None
    unit: str = ""
    around: tuple[float, ...] = (100.0, 100.0)
    outcomes: tuple[str, ...] = COMPARED
    decide: Callable[[Figures], str] | None = None
    examples: Mapping[str, tuple[Measurement, ...]] = field(default_factory=dict)
    constants: tuple[str, ...] = ()
    branches: dict[str, Branch] = field(default_factory=dict)

    def when(self, *outcomes: str) -> Callable[[Branch], Branch]:
        """Register the words for an outcome. Raises ValueError for one that this text doesn't have, or has already."""

        def keep(branch: Branch) -> Branch:
            for outcome in outcomes:
                if outcome not in self.outcomes or outcome in self.branches:
                    raise ValueError(f"{self.id}: {outcome!r} must be one of {self.outcomes}, once")
                self.branches[outcome] = branch
            return branch

        return keep

    def tell(self, *figures: Measurement, guess: Entry | None = None) -> Told:
        """Choose the branch that these figures call for. Measurements are found by their names.

        Raises ValueError when a figure or a branch is missing: that is a mistake in the lesson.
        """
        by_name = {figure.name: figure for figure in figures}
        both = None
        if self.compare:
            gone = [name for name in self.compare if name not in by_name]
            if gone:
                raise ValueError(
                    f"{self.id} compares {self.compare}, but got {sorted(by_name)}: {gone} missing"
                )
            both = Comparison(by_name[self.compare[0]], by_name[self.compare[1]])
        if both is not None and (both.before.missing or both.after.missing):
            lead = f"It can't be told here: {both.before.missing or both.after.missing}."
            return Told("can't tell", lead, "")
        f = Figures(by_name, both)
        if self.decide is not None:
            outcome = self.decide(f)
        elif both is not None:
            outcome = both.direction if both.direction in self.outcomes else "can't tell"
        else:
            raise ValueError(f"{self.id}: give `compare` or `decide`")
        if outcome not in self.branches:
            raise ValueError(f"{self.id} has no words for {outcome!r}; it has {sorted(self.branches)}")
        lead = both.sentence(self.subject) if both is not None else ""
        return Told(outcome, lead, self.branches[outcome](f).strip(), guessed(guess))

    def made_up(self, outcome: str, scale: float = 1.0) -> tuple[Measurement, ...]:
        """Figures that lead to `outcome`, in the size of `around`, `scale` times as large: for tests."""
        if outcome in self.examples:
            return tuple(_scaled(figure, scale) for figure in self.examples[outcome])
        if self.compare and outcome == "same":
            return tuple(
                Measurement.of(n, max(self.around) * scale, self.unit, exact=True) for n in self.compare
            )
        if not self.compare or outcome not in COMPARED:
            raise ValueError(f"{self.id}: say in `examples` which figures lead to {outcome!r}")
        large, small = max(self.around) * scale, min(self.around) * scale
        if small > 0.97 * large:
            small = 0.8 * large
        before, after = {
            "lower": (large, small),
            "higher": (small, large),
            "can't tell": (large, large * 1.001),
        }[outcome]
        wobble = (0.995, 0.998, 1.0, 1.002, 1.005)
        return (
            Measurement.of(self.compare[0], (before * w for w in wobble), self.unit),
            Measurement.of(self.compare[1], (after * w for w in reversed(wobble)), self.unit),
        )


REGISTRY: dict[str, Text] = {}


def text(id: str, **about: Any) -> Text:
    """Register a text under `id` ("03/peak": lesson, then a word). Running a cell or importing again replaces it."""
    made = Text(id, **about)
    REGISTRY[id] = made
    return made


def tell(id: str, *figures: Measurement, guess: Entry | None = None) -> Told:
    """The registered text `id`, computed from these figures."""
    if id not in REGISTRY:
        raise ValueError(f"no text {id!r}; there are: {', '.join(sorted(REGISTRY)) or 'none'}")
    return REGISTRY[id].tell(*figures, guess=guess)


def guessed(guess: Entry | None) -> str:
    """The reader's guess in a sentence; a default is called a default. Empty when there is none."""
    if guess is None:
        return ""
    value, unit = guess.details.get("value"), str(guess.details.get("unit", ""))
    shown = wording.figure(value, unit) if isinstance(value, (int, float)) else f"{value} {unit}".strip()
    return (
        f"You guessed {shown}."
        if guess.details.get("typed")
        else f"The guess was left at its default, {shown}."
    )


def _scaled(figure: Measurement, scale: float) -> Measurement:
    if figure.missing or figure.unit == "yes/no":
        return figure
    values = tuple(value * scale for value in figure.values)
    bounds = None if figure.bounds is None else (figure.bounds[0] * scale, figure.bounds[1] * scale)
    return Measurement(figure.name, values, figure.unit, figure.exact, bounds, figure.interleaved)
