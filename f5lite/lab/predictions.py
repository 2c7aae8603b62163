"""Guess before you measure: a prediction is a plain object, with a card to type it into.

    guess = lab.predict("on-demand", "How much lower will the peak be?", default=50, unit="%", low=0, high=100)

A guess left at its default is shown, and never scored.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from typing import Any

from f5lite.errors import F5liteError
from f5lite.lab.figure import Shown
from f5lite.lab.numbers import quantity
from f5lite.lab.session import CURRENT


@dataclass(frozen=True)
class Score:
    """How near a typed guess came. `apart` is the distance in the guess's unit; `words` grade it."""

    guess: float
    result: float
    unit: str
    words: str

    @property
    def apart(self) -> float:
        """Distance between guess and result."""
        return abs(self.guess - self.result)


@dataclass(repr=False)
class Prediction(Shown):
    """A question, the reader's `value`, and whether they `typed` it. Observers are called with it after each change."""

    id: str
    question: str
    default: float
    unit: str = ""
    low: float = 0.0
    high: float = 100.0
    value: float = field(init=False)
    typed: bool = field(default=False, init=False)
    observers: list[Callable[[Prediction], None]] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        if not self.low <= self.default <= self.high:
            raise ValueError(
                f"the default {self.default:g} of {self.id!r} isn't within {self.low:g} … {self.high:g}"
            )
        self.value = self.default

    def guess(self, value: float) -> None:
        """Take the reader's guess and keep it in the ledger.

        Raises:
            F5liteError: not a number between `low` and `high`; the earlier value stays.
        """
        if (
            not isinstance(value, (int, float))
            or not math.isfinite(value)
            or not self.low <= value <= self.high
        ):
            shown = f"{value:g}" if isinstance(value, (int, float)) else repr(value)
            raise F5liteError(
                f"{shown} is outside what can happen here: type a number from {quantity(self.low)} to "
                f"{quantity(self.high, self.unit)}."
            )
        self.value, self.typed = float(value), True
        self.keep()
        for observer in list(self.observers):
            observer(self)

    def keep(self, result: float | None = None) -> None:
        """Write the guess to the ledger as it stands, once for each value; with what was measured, if that is known."""
        ledger = CURRENT.ledger
        last = ledger.prediction(self.id)
        state = {"value": self.value, "typed": self.typed}
        if result is not None and math.isfinite(result):
            state["result"] = float(result)
        if last is None or {name: last.details.get(name) for name in state} != state:
            ledger.predict(self.id, question=self.question, unit=self.unit, **state)

    def score(self, result: float) -> Score | None:
        """How near the guess came to `result`; None for a guess that was left at its default."""
        if not self.typed:
            return None
        apart = abs(self.value - result)
        share = min(apart / (self.high - self.low or 1), apart / abs(result) if result else math.inf)
        words = (
            "Spot on." if share <= 0.05 else "Close." if share <= 0.15 else "Not this time: now find out why."
        )
        return Score(self.value, result, self.unit, words)

    @property
    def said(self) -> str:
        """One line on how it stands."""
        value = quantity(self.value, self.unit)
        return (
            f"Your guess: {value}."
            if self.typed
            else f"Left at its default, {value}. Type yours, or leave it."
        )

    def html(self) -> str:
        return (
            '<section class="f5 f5-card f5-predict" aria-label="Prediction"><div class="f5-label">Predict</div>'
            f'<p class="f5-ask">{escape(self.question)}</p><p class="f5-status">{escape(self.said)}</p></section>'
        )

    def plain(self) -> str:
        return f"Predict: {self.question}\n{self.said}"

    def state(self) -> dict[str, Any]:
        """What the view shows."""
        step = 10 ** math.floor(math.log10((self.high - self.low or 1) / 100))
        names = ("question", "unit", "low", "high", "value", "typed", "said")
        return {"key": f"predict-{self.id}", "step": step} | {name: getattr(self, name) for name in names}

    def view(self) -> Any:
        """A card to type into; it follows this object, and this object it."""
        from f5lite.lab.view import View

        card = View("predict", self.state(), {"guess": self.guess})
        self.observers.append(lambda _: card.show(**self.state()))
        return card

    def _ipython_display_(self) -> None:
        from f5lite.lab.view import display_html, live, twin

        display_html(twin(f"predict-{self.id}", self.html()), self.plain())
        if live():
            from IPython.display import display

            display(self.view())


def predict(
    id: str, question: str, *, default: float, unit: str = "", low: float = 0.0, high: float = 100.0
) -> Prediction:
    """Ask for a guess. Running the cell again keeps what was typed."""
    earlier = CURRENT.predictions.get(id)
    made = Prediction(id, question, default, unit, low, high)
    if earlier is not None and earlier.typed and low <= earlier.value <= high:
        made.value, made.typed = earlier.value, True
    CURRENT.predictions[id] = made
    return made
