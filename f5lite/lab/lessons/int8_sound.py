"""Lesson 06: what int8 does to the sound, as measured when the voice was made, and as the reader hears it."""

from __future__ import annotations

from pathlib import Path

from f5lite import machine
from f5lite.evidence import int8_bytes
from f5lite.evidence.listening import ANSWERS, RIGHT, Score
from f5lite.evidence.measurement import Measurement
from f5lite.evidence.quality.metrics import METRICS
from f5lite.evidence.quality.result import Result
from f5lite.evidence.quality.shipped import shipped
from f5lite.lab.ab import AB
from f5lite.lab.figure import Table
from f5lite.lab.listing import Listing
from f5lite.lab.session import CURRENT


def quality() -> dict[str, Result]:
    """Shipped comparisons whose B computes in int8 and A in fp32, with all else alike, by name."""
    found = {}
    for name, result in shipped().items():
        settings, baseline = result.about.get("settings", {}), result.about.get("baseline", {})
        same = {k: v for k, v in settings.items() if k != "precision"} == {
            k: v for k, v in baseline.items() if k != "precision"
        }
        if settings.get("precision") == "int8" and baseline.get("precision") == "fp32" and same:
            found[name] = result
    return found


def compared() -> Result | None:
    """The one on the most sentences."""
    return max(quality().values(), key=lambda result: result.sentences, default=None)


def signed(value: float, digits: int) -> str:
    """A difference with so many decimals, its sign a real minus; nothing is "−0.000"."""
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "\N{MINUS SIGN}")


def quality_table() -> Listing:
    """Each metric for fp32 and int8, the paired difference with its interval, and the verdict; or that there is none."""
    result = compared()
    if result is None:
        rows = [("none shipped", "f5lite quality tiny FOLDER makes one", "", "", "")]
    else:
        rows = []
        for figure in result.figures:
            metric = METRICS[figure.metric]
            sides = [
                f"{side.value:.{metric.digits}f}" if side is not None else "–"
                for side in (figure.a, figure.b)
            ]
            change = figure.change
            span = " to ".join(signed(end, metric.digits) for end in (change.low, change.high))
            unit = "%" if metric.name == "wer" else metric.unit
            shown = f"{signed(change.value, metric.digits)} ({span})"
            rows.append(
                (
                    f"{metric.title} ({unit})",
                    *sides,
                    shown,
                    figure.verdict or "no margin: A and B are compared",
                )
            )
    columns = ("metric", "fp32", "int8", "int8 − fp32 (90 % interval)", "int8 is")
    return Listing(
        "Int8 against fp32, as measured when the voice was made", Table.of(columns, rows, about_quality())
    )


def wer_difference() -> Measurement:
    """int8 − fp32, points, with its bootstrap interval."""
    result = compared()
    if result is None:
        return Measurement.none("wer_difference", "no comparison of int8 with fp32 is shipped", "points")
    change = result.figure("wer").change
    return Measurement.of("wer_difference", change.value, "points", bounds=(change.low, change.high))


def about_quality() -> str:
    """What was compared, in a sentence; empty if nothing is shipped."""
    result = compared()
    if result is None:
        return ""
    how = result.about.get("activation_bits")
    bits = f", {how}-bit activations" if how else ""
    return f"{result.asked}; fp32: {result.a}; int8: {result.b}{bits}; measured on {result.model}"


def tiny() -> Path:
    """The bundled voice, converted; kept in the cache."""
    target = machine.cache_folder() / "converted" / "tiny-int8"
    target.parent.mkdir(parents=True, exist_ok=True)
    return int8_bytes.converted("tiny", target)


def said(player: AB) -> Score:
    """The blind test of this player, or the reader's last one that the ledger knows, or none."""
    if player.blind.answers:
        return player.blind.score
    kept = [e for e in CURRENT.ledger.entries("int8-sound", kind="measurement") if RIGHT in e.figures]
    kept = [entry for entry in kept if not entry.figures[RIGHT].missing]
    if not kept:
        return Score(0, 0)
    count = round(kept[-1].figures[ANSWERS].median)
    return Score(round(kept[-1].figures[RIGHT].median * count / 100), count)
