"""How the rungs sound on the bundled voice: results of `f5lite quality` that ship with the package. Nothing is guessed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from f5lite.evidence.ladder.rungs import Rung
from f5lite.evidence.quality import shipped
from f5lite.evidence.quality.result import Figure, Result


@dataclass(frozen=True)
class Heard:
    """Word error rate (percent) with the 90 % interval of its difference from fp32 at 7 steps; similarity (cosine)."""

    wer: float
    low: float
    high: float
    sentences: int
    similarity: float | None = None


def heard(rung: Rung, results: Mapping[str, Result] | None = None) -> Heard | None:
    """The rung's sound on the bundled voice; None where that wasn't measured. Residency, attention and engine don't
    change it beyond rounding."""
    kind = f"{rung.precision}/{rung.steps}"
    found = shipped.plans("wer", results).get(kind)
    if found is None:
        return None
    try:
        similar = shipped.plans("similarity", results).get(kind)
    except StopIteration:  # that metric's packages weren't there when it was measured
        similar = None
    return Heard(found.value, found.low, found.high, found.count, None if similar is None else similar.value)


def int8_difference(results: Mapping[str, Result] | None = None) -> Figure | None:
    """The paired difference in word errors that int8 makes with the same steps; None: not measured."""
    wanted = {**shipped.PLANS_BASELINE, "precision": "int8"}
    found = shipped.measured(wanted, results, shipped.PLANS_BASELINE)
    return None if found is None else found.figure("wer")
