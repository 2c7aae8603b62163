"""Guess and result together: two measurements, the change between them, and how near the guess came."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from f5lite.evidence.comparison import Comparison
from f5lite.evidence.measurement import Measurement
from f5lite.lab.charts.bars import bars
from f5lite.lab.figure import Figure, Shown
from f5lite.lab.numbers import quantity
from f5lite.lab.predictions import Prediction, Score

# How a metric's name ends tells its unit.
ENDINGS = {
    "_mb": "MB",
    "_bytes": "bytes",
    "_seconds": "s",
    "_s": "s",
    "_ms": "ms",
    "_kb": "kB",
    "_percent": "%",
}


def measurement(value: Any, name: str, metric: str | None = None, unit: str = "") -> Measurement:
    """A `Measurement` from one, from numbers, or from objects that carry the number under `metric`.

    Raises:
        TypeError: nothing to read the number from; the message says what was expected.
    """
    if isinstance(value, Measurement):
        return value.renamed(name)
    unit = unit or next((unit for end, unit in ENDINGS.items() if metric and metric.endswith(end)), "")
    one = (
        isinstance(value, (int, float))
        or not isinstance(value, Iterable)
        or isinstance(value, (str, Mapping))
    )
    runs = [value] if one else list(value)
    found = [_number(run, metric) for run in runs]
    flat = [number for run in found for number in (run if isinstance(run, (list, tuple)) else [run])]
    return Measurement.of(name, [float(number) for number in flat], unit)


def _number(run: Any, metric: str | None) -> Any:
    if isinstance(run, (int, float)):
        return run
    if metric is not None:
        if isinstance(run, Mapping) and metric in run:
            return run[metric]
        if hasattr(run, metric):
            return getattr(run, metric)
    wanted = f"a number or something with {metric!r}" if metric else "a number (or give metric=)"
    raise TypeError(f"expected {wanted}; found {type(run).__name__}")


@dataclass(repr=False)
class Compared(Shown):
    """`actual` is the result in the guess's terms: percent less, times faster, or the second figure itself."""

    guess: Prediction
    comparison: Comparison
    actual: float
    figure: Figure
    score: Score | None

    @property
    def data(self) -> dict[str, Any]:
        """What is shown, for tests."""
        return {
            "guess": self.guess.value,
            "typed": self.guess.typed,
            "actual": self.actual,
            "direction": self.comparison.direction,
            **self.figure.data,
        }

    @property
    def lead(self) -> str:
        """The sentence that is computed from the figures."""
        return self.comparison.sentence(self.figure.title.lower())

    def html(self) -> str:
        unit = self.guess.unit
        guess_said = "You guessed" if self.guess.typed else "The default guess"
        verdict = f'<p class="f5-note">{escape(self.score.words)}</p>' if self.score else ""
        return (
            '<section class="f5 f5-card f5-compare" aria-label="Guess and result">'
            '<div class="f5-label">Guess and result</div><div class="f5-result">'
            f'<div><p class="f5-small">{guess_said}</p>'
            f'<p class="f5-big f5-mine">{escape(quantity(self.guess.value, unit))}</p></div>'
            f'<div><p class="f5-small">The result</p><p class="f5-big">{escape(quantity(self.shown, unit))}</p>'
            f"{verdict}</div></div>"
            f"{self.figure.html()}</section>"
        )

    @property
    def shown(self) -> float:
        """The result without digits that the runs can't carry."""
        return float(f"{self.actual:.2g}") if self.guess.unit == "%" else self.actual

    def plain(self) -> str:
        said = "You guessed" if self.guess.typed else "The default guess"
        score = f" {self.score.words}" if self.score else ""
        unit = self.guess.unit
        measured = f"The result: {quantity(self.shown, unit)}.{score}"
        return f"{said}: {quantity(self.guess.value, unit)}. {measured}\n{self.figure.plain()}"


def compare(
    guess: Prediction,
    before: Any,
    after: Any,
    *,
    metric: str | None = None,
    names: tuple[str, str] = ("before", "after"),
    title: str = "",
    unit: str = "",
) -> Compared:
    """Show `before` and `after` with the guess, which is recorded in the ledger as it stands.

    A guess in "%" is about how much went away, one in "×" about before ÷ after, any other about `after` itself.

    Args:
        metric: the attribute or key to read, where the two aren't measurements or numbers: "peak_rss_mb".
        names: what to call the two in the chart.
    """
    a = measurement(before, names[0], metric, unit)
    b = measurement(after, names[1], metric, unit or a.unit)
    both = Comparison(a, b)
    if guess.unit == "%":
        actual = 100 * both.reduction[1]
    elif guess.unit in ("×", "x"):
        actual = a.median / b.median
    else:
        actual = b.median
    guess.keep(actual)
    made = title or (metric or "the figure").removesuffix("_mb").replace("_", " ").capitalize().replace(
        "rss", "RSS"
    )
    figure = bars({names[0]: a, names[1]: b}, title=made, unit=a.unit)
    return Compared(guess, both, actual, figure, guess.score(actual))
