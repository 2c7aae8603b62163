"""The blind test behind the A/B player: which version is X this time, what was answered, and how that scores.

A plain object that can be observed; it knows no widget. X is drawn anew for each round, every version as likely, so the
number of right answers of somebody who hears nothing is binomial.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from f5lite.errors import F5liteError
from f5lite.evidence.listening import Score

ROUNDS = 10  # nine right of ten show something, and ten take three minutes


class Blind:
    """`answers` holds (X, what was said) of each round, as positions among `names`. `observers` are called with this object
    after each answer, and when a test begins.

    seed: for tests; by default nobody knows the order.
    """

    def __init__(self, names: list[str], rounds: int = ROUNDS, seed: int | None = None) -> None:
        if len(names) < 2:
            raise ValueError("a blind test compares at least two versions")
        self.names, self.rounds = list(names), rounds
        self._random = random.Random(seed) if seed is not None else random.SystemRandom()
        self.answers: tuple[tuple[int, int], ...] = ()
        self.running, self.x = False, None
        self.observers: list[Callable[[Blind], None]] = []

    @property
    def score(self) -> Score:
        """How the answers so far did."""
        return Score(sum(x == said for x, said in self.answers), len(self.answers), len(self.names))

    @property
    def round(self) -> int:
        """The round that is being answered, from 1; 0 when none is."""
        return len(self.answers) + 1 if self.running else 0

    def start(self) -> None:
        """Begin with no answers; an earlier test of this object is over."""
        self.answers, self.running = (), True
        self._draw()
        self._tell()

    def stop(self) -> None:
        """End it before all rounds are done; what was answered counts."""
        self.running, self.x = False, None

    def answer(self, round: int, choice: int) -> None:
        """X of this round is version `choice`. An answer to another round (a second click) is passed over.

        F5liteError if no test runs or there is no such version.
        """
        if not self.running:
            raise F5liteError("no blind test is running; start one first")
        if not 0 <= choice < len(self.names):
            raise F5liteError(f"there is no version {choice + 1}; there are {len(self.names)}")
        if round != self.round:
            return
        self.answers = (*self.answers, (self.x, choice))
        if len(self.answers) >= self.rounds:
            self.stop()
        else:
            self._draw()
        self._tell()

    @property
    def said(self) -> str:
        """What to tell the reader now. How many were right stays secret until the end: it would teach."""
        if self.running:
            taken = f"Answer {len(self.answers)} taken. " if self.answers else ""
            return f"{taken}Round {self.round} of {self.rounds}: which version is X?"
        return self.score.words if self.answers else ""

    def _draw(self) -> None:
        self.x = self._random.randrange(len(self.names))

    def _tell(self) -> None:
        for observer in list(self.observers):
            observer(self)
