"""The texts of lesson 00, "Start here", and how well the bundled voice speaks, from the figures that ship with it."""

from __future__ import annotations

from f5lite.evidence import explain
from f5lite.evidence.measurement import Measurement
from f5lite.evidence.quality.shipped import PLANS_BASELINE, shipped
from f5lite.pipeline import Utterance

GOOD_ENOUGH = 10.0  # percent of words misheard: what the voice is aimed at


def _pace(f: explain.Figures) -> str:
    low, high = f["making"].interval
    length = f["speech"].median
    return "faster" if high < length else "slower" if low > length else "can't tell"


def _example(*seconds: float) -> tuple[Measurement, ...]:
    return Measurement.of("speech", 1.8, "s", exact=True), Measurement.of("making", seconds, "s")


pace = explain.text(
    "00/pace",
    outcomes=("faster", "slower", "can't tell"),
    decide=_pace,
    examples={
        "faster": _example(0.9, 1.0, 1.0, 1.1, 1.0),
        "slower": _example(3.9, 4.0, 4.0, 4.1, 4.0),
        "can't tell": _example(1.2, 2.6, 1.7, 2.0, 1.5),
    },
)


@pace.when("faster")
def _(f: explain.Figures) -> str:
    return (
        f"Your machine made {f.of('speech')} of speech in {f.of('making')}: faster than it is spoken, so it could talk while "
        "it works. This is the small model, though: the published one has forty times its weights, and the lessons are "
        "about that."
    )


@pace.when("slower")
def _(f: explain.Figures) -> str:
    return (
        f"Your machine needed {f.of('making')} for {f.of('speech')} of speech: a listener would wait. And this is the small "
        "model; the published one has forty times its weights. There is a course's worth of work to do."
    )


@pace.when("can't tell")
def _(f: explain.Figures) -> str:
    return (
        f"Your machine made {f.of('speech')} of speech in about {f.of('making')}, now faster than it is spoken, now slower: "
        "these runs differ too much to say which. This is the small model; the published one has forty times its weights."
    )


def _heard(f: explain.Figures) -> str:
    if f["misheard"].missing:
        return "no figure"
    return "good" if f["misheard"].interval[1] <= GOOD_ENOUGH else "weak"


voice = explain.text(
    "00/voice",
    outcomes=("good", "weak", "no figure"),
    decide=_heard,
    constants=("10 %",),
    examples={
        "good": (Measurement.of("misheard", 6.0, "%", bounds=(4.0, 8.0)),),
        "weak": (Measurement.of("misheard", 34.0, "%", bounds=(30.0, 38.0)),),
        "no figure": (Measurement.none("misheard", "no figures ship with this voice", "%"),),
    },
)


@voice.when("good")
def _(f: explain.Figures) -> str:
    return (
        f"A speech recogniser misheard {f.of('misheard')} of the words that this voice said in new sentences of its own "
        "kind. It knows some two hundred words: keep to homes, cities, days and numbers, and it is easy to follow."
    )


@voice.when("weak")
def _(f: explain.Figures) -> str:
    return (
        f"Plainly: this voice is weak. A speech recogniser misheard {f.of('misheard')} of its words in new "
        "sentences of the kind it was trained on. It is small and little trained. What it is good for is to "
        "hear what a technique changes: the same sentence, before and after."
    )


@voice.when("no figure")
def _(f: explain.Figures) -> str:
    return (
        f"How well it speaks can't be said here ({f['misheard'].missing}). Judge by ear, and compare only the same "
        "sentence before and after a technique."
    )


def misheard() -> Measurement:
    """Share of misheard words of the bundled voice as it speaks here (7 steps, its own guidance), in percent, with its
    interval: from the shipped result with the most sentences."""
    heard = [
        result.figure("wer").a
        for result in shipped().values()
        if result.model.startswith("tiny") and result.about.get("baseline") == PLANS_BASELINE
    ]
    if not heard:
        return Measurement.none("misheard", "no figures ship with this voice", "%")
    most = max(heard, key=lambda found: found.count)
    return Measurement.of("misheard", most.value, "%", bounds=(most.low, most.high))


def speech(utterance: Utterance) -> Measurement:
    """How long the sentence takes to say."""
    return Measurement.of("speech", utterance.duration, "s", exact=True)


def making(utterances: list[Utterance]) -> Measurement:
    """How long it took to make, all three stages, each time."""
    return Measurement.of("making", [sum(one.seconds.values()) for one in utterances], "s")
