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
MARGIN = METRICS["wer"].margin  # points of wrong words within which a way counts as no worse
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
    rows, level = [], ""
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
        verdict = (result.figure("wer").verdict or "–").replace("1 points", "1 point")
        rows.append((what, *cells, f"{result.sentences}", verdict))
        level = f"With 7 guided steps {result.figure('wer').a.value:.1f} % of the words are wrong. "
    columns = (
        "instead of 7 guided steps",
        "wrong words, change (points of 100)",
        "estimated opinion (of 5), change",
        "sentences",
        "words are",
    )
    caption = (
        f"{level}Minus means fewer. In brackets: 90 % intervals of the pairs, the same sentences, voices and noise both ways. "
        "Recogniser: Whisper tiny.en."
    )
    return Listing("Counted beforehand, with the bundled voice in fp32", Table.of(columns, rows, caption))


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


def _points(value: float) -> str:
    return f"{abs(value):.1f}"


def _span(f: explain.Figures) -> str:
    """Both ends in words, say from 1.0 points lower to 2.6 points higher."""
    low, high = f["more_wrong"].interval
    if low >= 0 or high <= 0:
        small, large = sorted((abs(low), abs(high)))
        return f"{_points(small)} to {_points(large)} points {'higher' if low >= 0 else 'lower'}"
    return f"from {_points(low)} points lower to {_points(high)} points higher"


def _turned(f: explain.Figures) -> str:
    return f"Turned round: with seven steps instead of 32 the share of wrong words is {_span(f)}."


def _unguided(f: explain.Figures) -> str:
    return f"Without guidance the share of wrong words is {_span(f)}."


steps = explain.text("09/steps", outcomes=tuple(EXAMPLES), decide=_sound, examples=EXAMPLES)


@steps.when("no worse")
def _(f: explain.Figures) -> str:
    return (
        f"{_turned(f)} So seven lose a point at most, for 7 "
        "passes instead of 32. That is this small voice; another model has to be asked itself."
    )


@steps.when("worse")
def _(f: explain.Figures) -> str:
    return (
        f"{_turned(f)} Whether that is worth the time is a "
        "question of what you need, and a number between the two may do."
    )


@steps.when("better")
def _(f: explain.Figures) -> str:
    return (
        f"{_turned(f)} More work isn't always more sound: "
        "with other times the flow is followed to another place."
    )


@steps.when("can't tell")
def _(f: explain.Figures) -> str:
    return (
        f"{_turned(f)} More sentences would settle whether "
        "anything is lost; the upper end says how much at worst, for 7 passes instead of 32."
    )


@steps.when("none")
def _(f: explain.Figures) -> str:
    return "How many words 32 steps save wasn't counted for this voice. Your ears are what is left: listen below."


guidance = explain.text("09/guidance", outcomes=tuple(EXAMPLES), decide=_sound, examples=EXAMPLES)


@guidance.when("no worse")
def _(f: explain.Figures) -> str:
    return (
        f"{_unguided(f)} So this voice needs no second question. Another model may; the "
        "published one is meant to be guided."
    )


@guidance.when("worse")
def _(f: explain.Figures) -> str:
    return (
        f"{_unguided(f)} Half the work isn't a free gift. Look in the table whether "
        "guidance at first only saves some of them, and whether the two intervals are far enough apart to say so."
    )


@guidance.when("better")
def _(f: explain.Figures) -> str:
    return (
        f"{_unguided(f)} Here the second question did harm, and leaving it out saves "
        "work and words at once. Don't expect that of other models."
    )


@guidance.when("can't tell")
def _(f: explain.Figures) -> str:
    return (
        f"{_unguided(f)} More sentences would settle whether anything is lost; the "
        "upper end says how much at worst."
    )


@guidance.when("none")
def _(f: explain.Figures) -> str:
    return "What guidance does for the words wasn't counted for this voice. Listen, and judge for yourself."
