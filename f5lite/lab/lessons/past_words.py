"""Lesson 09: what counting words said about fewer steps and less guidance, as it ships with the voice."""

from __future__ import annotations

from typing import Any

from f5lite.evidence import explain
from f5lite.evidence.measurement import Measurement
from f5lite.evidence.quality.metrics import METRICS
from f5lite.evidence.quality.result import Result
from f5lite.evidence.quality.shipped import PLANS_BASELINE, measured
from f5lite.lab.figure import Table
from f5lite.lab.lessons.int8_sound import signed
from f5lite.lab.listing import Listing

UNTIL = 0.05  # where guidance that is given at first ends: four of the seven EPSS times lie before it
MARGIN = 1.0  # points of wrong words within which a way counts as no worse
# What was counted for the bundled voice, all against 7 guided steps, by what is different.
COUNTED: dict[str, dict[str, Any]] = {
    "32 steps": {"steps": 32},
    "5 steps": {"steps": 5},
    "guided at first": {"guided_until": UNTIL},
    "not guided": {"guidance": 0.0},
}


def counted(what: str) -> Result | None:
    """The shipped comparison of that way with 7 guided steps."""
    return measured(PLANS_BASELINE | COUNTED[what], baseline=PLANS_BASELINE)


def more_wrong(what: str) -> Measurement:
    """Points of wrong words that the way has more than 7 guided steps, with the interval of the pairs."""
    result = counted(what)
    if result is None:
        return Measurement.none("more_wrong", f"{what} wasn't counted for this voice", "points")
    change = result.figure("wer").change
    return Measurement.of("more_wrong", change.value, "points", bounds=(change.low, change.high))


def seven_more_wrong() -> Measurement:
    """The same the other way round: points of wrong words that 7 guided steps have more than 32."""
    found = more_wrong("32 steps")
    if found.missing:
        return found
    low, high = found.interval
    return Measurement.of(found.name, -found.median, found.unit, bounds=(-high, -low))


def words(*ways: str) -> Listing:
    """What counting said about each way, all against 7 guided steps."""
    rows = []
    for what in ways:
        result = counted(what)
        if result is None:
            rows.append((what, "–", "–", "–", "wasn't counted for this voice"))
            continue
        cells = []
        for name in ("wer", "opinion"):
            change, digits = result.figure(name).change, METRICS[name].digits
            low, high = (signed(end, digits) for end in (change.low, change.high))
            cells.append(f"{signed(change.value, digits)} ({low} to {high})")
        rows.append((what, *cells, f"{result.sentences}", result.figure("wer").verdict or "–"))
    columns = (
        "instead of 7 guided steps",
        "wrong words, points more",
        "opinion, of 5, more",
        "sentences",
        "words are",
    )
    caption = "90 % intervals of the pairs: the same sentences, voices and noise both ways. Recogniser: Whisper tiny.en."
    return Listing("Counted when the voice was made", Table.of(columns, rows, caption))


def _more(value: float, low: float, high: float) -> tuple[Measurement, ...]:
    return (Measurement.of("more_wrong", value, "points", bounds=(low, high)),)


EXAMPLES = {
    "no worse": _more(-0.3, -1.4, 0.8),
    "worse": _more(6.0, 3.0, 9.0),
    "better": _more(-4.0, -7.0, -1.5),
    "can't tell": _more(0.5, -2.1, 2.9),
    "none": (Measurement.none("more_wrong", "it wasn't counted for this voice", "points"),),
}


def judged(found: Measurement) -> str:
    """What an interval of more wrong words says: one of `EXAMPLES`."""
    if found.missing:
        return "none"
    low, high = found.interval
    if low > 0 and high > MARGIN:
        return "worse"
    if high < 0 and low < -MARGIN:
        return "better"
    return "no worse" if high <= MARGIN else "can't tell"


def _sound(f: explain.Figures) -> str:
    return judged(f["more_wrong"])


def _span(f: explain.Figures) -> str:
    low, high = (f"{end:.1f}".replace("-", "\N{MINUS SIGN}") for end in f["more_wrong"].interval)
    return f"from {low} to {high} points"


steps = explain.text("09/steps", outcomes=tuple(EXAMPLES), decide=_sound, examples=EXAMPLES)


@steps.when("no worse")
def _(f: explain.Figures) -> str:
    return (
        f"Seven steps against 32: the difference in wrong words lies {_span(f)}, so seven lose nothing worth naming. No trick "
        "of arithmetic in this course saves as much for as little."
    )


@steps.when("worse")
def _(f: explain.Figures) -> str:
    return (
        f"Seven steps get more words wrong than 32 do: the difference lies {_span(f)}. Whether that is worth the time is a "
        "question of what you need, and a number between the two may do."
    )


@steps.when("better")
def _(f: explain.Figures) -> str:
    return (
        f"Seven steps get fewer words wrong than 32 do, {_span(f)}. More work isn't more sound: this voice goes astray with "
        "small steps, and few large ones keep it on its way."
    )


@steps.when("can't tell")
def _(f: explain.Figures) -> str:
    return (
        f"Seven steps against 32: the difference in wrong words lies {_span(f)}. That is too wide to say that nothing is lost, "
        "and narrow enough to say that it isn't much, for less than a quarter of the work."
    )


@steps.when("none")
def _(f: explain.Figures) -> str:
    return "How many words 32 steps save wasn't counted for this voice. Your ears are what is left: listen below."


guidance = explain.text("09/guidance", outcomes=tuple(EXAMPLES), decide=_sound, examples=EXAMPLES)


@guidance.when("no worse")
def _(f: explain.Figures) -> str:
    return (
        f"Without guidance the difference in wrong words lies {_span(f)}: this voice needs no second question. Another model "
        "may; the published one is meant to be guided."
    )


@guidance.when("worse")
def _(f: explain.Figures) -> str:
    return (
        f"Without guidance more words are wrong, {_span(f)}: half the work isn't a free gift. Guided at first only, a part of "
        "them may come back, as the table says, and so does a part of the work."
    )


@guidance.when("better")
def _(f: explain.Figures) -> str:
    return (
        f"Without guidance fewer words are wrong: the difference lies {_span(f)}. Here the second question did harm, and "
        "leaving it out saves work and words at once. Don't expect that of other models."
    )


@guidance.when("can't tell")
def _(f: explain.Figures) -> str:
    return (
        f"The difference in wrong words lies {_span(f)}: too wide to say that nothing is lost, and narrow enough to say that "
        "it isn't much."
    )


@guidance.when("none")
def _(f: explain.Figures) -> str:
    return "What guidance does for the words wasn't counted for this voice. Listen, and judge for yourself."
