"""From an interval to a verdict, and from an unclear one to the number of sentences that would settle it. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

from f5lite.evidence.quality.bootstrap import Interval
from f5lite.evidence.quality.metrics import Metric

NO_WORSE, WORSE, UNCLEAR = "no worse", "worse", "can't tell"
MOST = 100_000


@dataclass(frozen=True)
class Verdict:
    """`status`: one of the three; `text`: the sentence for the reader; `needed`: sentences, where unclear."""

    status: str
    text: str
    needed: int | None = None


def sentences_needed(loss: float, half: float, margin: float, count: int) -> int:
    """About how many sentences would settle it if the difference stays what it is: the width shrinks as 1 / √n.

    `loss`: how much worse B is; settled means wholly below the margin or wholly above zero, whichever is nearer.
    """
    enough = max(margin - loss, loss)
    wanted = count * (half / enough) ** 2
    return MOST if wanted > MOST else max(count + 1, math.ceil(wanted))


def judge(metric: Metric, change: Interval, margin: float | None = None) -> Verdict:
    """B against A. `change`: B − A in the metric's unit."""
    margin = metric.margin if margin is None else margin
    if margin is None:
        raise ValueError(f"{metric.name} compares A and B directly: there is nothing to judge")
    if margin <= 0:
        raise ValueError(f"the margin must be above zero, found {margin}")
    sign = 1 if metric.better == "lower" else -1
    least, most = sorted((sign * change.low, sign * change.high))
    shown, unit = f"{margin:g}", metric.unit
    if least > 0:
        amount = f"by {_number(least, metric)} to {_number(most, metric)} {unit}"
        small = f", but by no more than {shown} {unit}" if most < margin else ""
        return Verdict(NO_WORSE if small else WORSE, f"worse {amount}{small}")
    if most < margin:
        if change.low == change.high == 0:
            return Verdict(NO_WORSE, f"no worse by more than {shown} {unit}: the same in every sentence")
        return Verdict(NO_WORSE, f"no worse by more than {shown} {unit}")
    needed = sentences_needed(sign * change.value, change.half, margin, change.count)
    about = f"more than {MOST:,}" if needed >= MOST else f"about {needed:,}"
    return Verdict(UNCLEAR, f"can't tell with {change.count} sentences: {about} would do", needed)


def _number(value: float, metric: Metric) -> str:
    return f"{value:.{metric.digits}f}"
