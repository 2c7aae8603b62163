"""A blind listening test as a figure: right answers out of how many, with the exact binomial interval, against guessing. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb

from f5lite.evidence.measurement import COVERAGE, Measurement

RIGHT, ANSWERS = "blind_right", "blind_answers"  # names in the ledger


def at_least(right: int, count: int, share: float) -> float:
    """Probability of `right` or more right answers out of `count`, each right with probability `share`."""
    return sum(comb(count, k) * share**k * (1 - share) ** (count - k) for k in range(right, count + 1))


def interval(right: int, count: int, coverage: float = COVERAGE) -> tuple[float, float]:
    """Where the true share of right answers lies (Clopper and Pearson 1934): holds it with at least `coverage`."""
    if not 0 <= right <= count or not count:
        raise ValueError(f"{right} right answers of {count} can't be")
    tail = (1 - coverage) / 2
    low = 0.0 if right == 0 else _where(lambda share: at_least(right, count, share) > tail)
    high = 1.0 if right == count else _where(lambda share: 1 - at_least(right + 1, count, share) < tail)
    return low, high


def _where(beyond) -> float:
    """The share at which a monotone condition becomes true."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if beyond(middle) else (middle, high)
    return high


@dataclass(frozen=True)
class Score:
    """`right` of `count` answers; each had `choices` to choose from."""

    right: int
    count: int
    choices: int = 2

    @property
    def guessing(self) -> float:
        """The share that guessing gets right."""
        return 1 / self.choices

    @property
    def outcome(self) -> str:
        """ "heard": more than guessing explains; "not shown"; or "none": nothing was answered.

        Not showing it isn't proof that there is nothing to hear: few answers show little.
        """
        if not self.count:
            return "none"
        return "heard" if interval(self.right, self.count)[0] > self.guessing else "not shown"

    @property
    def words(self) -> str:
        """The result in two sentences."""
        if not self.count:
            return "No answer yet."
        low, high = (f"{100 * end:.0f}" for end in interval(self.right, self.count))
        guessing = f"guessing gets {100 / self.choices:.0f} %"
        found = f"{self.right} of {self.count} right; the interval goes from {low} to {high} %, {guessing}."
        if self.outcome == "heard":
            return f"{found} You hear a difference."
        return f"{found} These answers don't show that you hear one."

    def figures(self) -> tuple[Measurement, Measurement]:
        """For the ledger: the share of right answers with its interval, and their number."""
        if not self.count:
            return (
                Measurement.none(RIGHT, "nobody has taken the blind test yet", "%"),
                Measurement.count(ANSWERS, 0, "answers"),
            )
        low, high = interval(self.right, self.count)
        share = Measurement.of(RIGHT, 100 * self.right / self.count, "%", bounds=(100 * low, 100 * high))
        return share, Measurement.count(ANSWERS, self.count, "answers")
