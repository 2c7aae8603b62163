"""What one notebook knows while it runs: which lesson it is, its ledger, and the guesses made so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from f5lite.evidence.ledger import Ledger

if TYPE_CHECKING:
    from f5lite.lab.predictions import Prediction


@dataclass
class Session:
    """State of the running notebook. `ledger` is opened when it is first needed."""

    lesson: str = ""
    predictions: dict[str, Prediction] = field(default_factory=dict)
    _ledger: Ledger | None = None

    @property
    def ledger(self) -> Ledger:
        """The reader's ledger."""
        if self._ledger is None:
            self._ledger = Ledger()
        return self._ledger

    def begin(self, lesson: str, ledger: Ledger | None = None) -> None:
        """Start `lesson`. Guesses typed before a second Run All stay."""
        self.lesson = lesson
        self._ledger = ledger or self._ledger


CURRENT = Session()
