"""Lesson 08's other computed texts: our last rung, life under a cap, and what a recogniser heard."""

from __future__ import annotations

from f5lite.evidence import explain, wording
from f5lite.evidence.measurement import Measurement
from f5lite.lab.lessons.ladder_told import lead, reach, runs

OUR_MEMORY, OUR_TIME = 0.80, 0.92  # what f5lite set itself


last = explain.text(
    "08/last",
    outcomes=("both", "one", "neither", "can't tell"),
    decide=lambda f: _reached_by_ours(f),
    examples={
        outcome: (
            runs("their_time", 95, "s"),
            runs("our_time", seconds, "s"),
            runs("their_peak", 1450, "MB"),
            runs("our_peak", peak, "MB"),
        )
        for outcome, seconds, peak in (("both", 6, 140), ("one", 12, 140), ("neither", 30, 700))
    }
    | {
        "can't tell": (
            Measurement.none("their_time", "upstream is not here", "s"),
            runs("our_time", 6, "s"),
            Measurement.none("their_peak", "upstream is not here", "MB"),
            runs("our_peak", 140, "MB"),
        )
    },
)


def _reached_by_ours(f: explain.Figures) -> str:
    found = (
        reach(f["their_time"], f["our_time"], OUR_TIME),
        reach(f["their_peak"], f["our_peak"], OUR_MEMORY),
    )
    if "can't tell" in found:
        return "can't tell"
    return {2: "both", 1: "one", 0: "neither"}[found.count("reached")]


def _ours(f: explain.Figures) -> str:
    leads = (
        lead(f, "the time", "their_time", "our_time"),
        lead(f, "the peak", "their_peak", "our_peak"),
    )
    return " ".join(dict.fromkeys(leads))


def _aims() -> str:
    return f"{wording.percent(OUR_TIME)} less time and {wording.percent(OUR_MEMORY)} less memory"


@last.when("both")
def _(f: explain.Figures) -> str:
    return (
        f"{_ours(f)} Both reach what f5lite set itself, {_aims()}. Most of the time went with the passes that aren't made any "
        "more, most of the memory with weights that needn't exist or needn't stay."
    )


@last.when("one")
def _(f: explain.Figures) -> str:
    return (
        f"{_ours(f)} f5lite set itself {_aims()}: one of the two is reached on your machine, the other isn't. Fewer passes "
        "help everywhere by the same factor; what a pass costs is your processor's business."
    )


@last.when("neither")
def _(f: explain.Figures) -> str:
    return (
        f"{_ours(f)} f5lite set itself {_aims()}, and reaches neither here. On a small shape what every process needs, "
        "whatever it runs, weighs too much: look at the whole ladder."
    )


@last.when("can't tell")
def _(f: explain.Figures) -> str:
    return f"{_ours(f)} Without upstream's rung, or with turns this far apart, there is nothing to set the last rung against."


under_a_cap = explain.text(
    "08/caps",
    outcomes=("lives", "both live", "dies", "can't tell"),
    decide=lambda f: _alive(f),
    examples={
        outcome: (Measurement.count("killed", mine), Measurement.count("upstream_killed", theirs))
        for outcome, mine, theirs in (("lives", 0, 1), ("both live", 0, 0), ("dies", 1, 1))
    }
    | {
        "can't tell": (
            Measurement.none("killed", "no cap was tried in this climb"),
            Measurement.none("upstream_killed", "no cap was tried in this climb"),
        )
    },
)


def _alive(f: explain.Figures) -> str:
    if f["killed"].missing:
        return "can't tell"
    if f["killed"].median:
        return "dies"
    return "lives" if not f["upstream_killed"].missing and f["upstream_killed"].median else "both live"


@under_a_cap.when("lives")
def _(f: explain.Figures) -> str:
    return (
        "Where upstream was ended, the article's last rung finished. Its weights lie in a file that is mapped, so the system "
        "can take their pages back and read them again; memory that a program has written can only be refused. Alive isn't "
        "fast, though: the notes of the table say how long a request took under a cap."
    )


@under_a_cap.when("both live")
def _(f: explain.Figures) -> str:
    return (
        "Upstream finished too, or couldn't be tried: with a shape this small the cap is no squeeze. On the whole model its "
        "weights alone exceed it."
    )


@under_a_cap.when("dies")
def _(f: explain.Figures) -> str:
    return (
        "The article's last rung was ended under its own figure. What it had written itself, buffers and copies, went over "
        "the cap; a shorter text, or the rungs after it, would fit."
    )


@under_a_cap.when("can't tell")
def _(f: explain.Figures) -> str:
    return f"It can't be told here: {f['killed'].missing}. The command f5lite ladder tries four caps on every rung."


def wer(name: str, value: float | None) -> Measurement:
    """Words misheard, percent; None: not measured."""
    if value is None:
        return Measurement.none(name, "it was not measured for this version", "%")
    return Measurement.of(name, value, "%", exact=True)


sound = explain.text(
    "08/sound",
    outcomes=("known", "can't tell"),
    decide=lambda f: "can't tell" if f["heard_fp32"].missing or f["heard_last"].missing else "known",
    examples={
        "known": (wer("heard_fp32", 26.0), wer("heard_last", 27.0)),
        "can't tell": (wer("heard_fp32", None), wer("heard_last", None)),
    },
)


@sound.when("known")
def _(f: explain.Figures) -> str:
    return (
        f"A speech recogniser misheard {f.of('heard_fp32')} of the words when this voice spoke in fp32, and {f.of('heard_last')} "
        "of them in 8 bits, both with 7 steps. Your ears had one sentence, the recogniser many. The figures are the bundled "
        "voice's and say nothing about the published weights."
    )


@sound.when("can't tell")
def _(f: explain.Figures) -> str:
    return (
        "How many words a recogniser mishears was not measured for this version of the voice in 8 bits, so the picture "
        "has no percentages there. The command f5lite quality measures it; one sentence and your ears can't."
    )
