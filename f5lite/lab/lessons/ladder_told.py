"""Lesson 08's computed texts about the article's last rung: its memory and its time, with words for every outcome."""

from __future__ import annotations

from f5lite.evidence import explain
from f5lite.evidence.comparison import Comparison
from f5lite.evidence.measurement import Measurement
from f5lite.evidence.rules import Reduction

MEMORY, TIME = 0.70, 0.68  # less than the original, says the article


def reach(before: Measurement, after: Measurement, least: float) -> str:
    """ "reached", "short", "more" or "can't tell": whether `after` is lower by that fraction."""
    if before.missing or after.missing:
        return "can't tell"
    rule = Reduction("it", before.name, after.name, least)
    outcome = rule.judge({before.name: before, after.name: after}).outcome
    if outcome in ("holds", "exceeded"):
        return "reached"
    if outcome == "can't tell":
        return outcome
    return {"lower": "short", "higher": "more"}.get(Comparison(before, after).direction, "same")


def lead(f: explain.Figures, subject: str, before: str, after: str) -> str:
    """The sentence with the figures."""
    if gone := f[before].missing or f[after].missing:
        return f"It can't be told here: {gone}."
    return Comparison(f[before], f[after]).sentence(subject)


def runs(name: str, middle: float, unit: str, half: float = 0.01) -> Measurement:
    """Figures made up for tests."""
    values = [middle * (1 + half * k) for k in (-1, -0.4, 0, 0.4, 1)]
    return Measurement.of(name, values, unit, interleaved=True)


OUTCOMES = ("reached", "short", "same", "more", "can't tell")
memory = explain.text(
    "08/memory",
    outcomes=OUTCOMES,
    decide=lambda f: reach(f["upstream_peak"], f["article_rung_peak"], MEMORY),
    examples={
        outcome: (
            runs("upstream_peak", 1450, "MB"),
            runs("article_rung_peak", after, "MB", half),
            runs("upstream_loading", 2700, "MB"),
        )
        for outcome, after, half in (
            ("reached", 400, 0.01),
            ("short", 900, 0.01),
            ("same", 1450, 0.02),
            ("more", 1900, 0.01),
            ("can't tell", 430, 0.5),
        )
    },
    constants=("70 %",),
)


def _loading(f: explain.Figures) -> str:
    return (
        "" if f["upstream_loading"].missing else f" While loading, upstream held {f.of('upstream_loading')}."
    )


@memory.when("reached")
def _(f: explain.Figures) -> str:
    return (
        f"{lead(f, 'the peak', 'upstream_peak', 'article_rung_peak')} So the article's 70 % can be reached on your machine. "
        "Look at the bars for what did it: the step is where the weights became 8 bits and stayed in the mapped file, not "
        f"where the stages were split.{_loading(f)}"
    )


@memory.when("short")
def _(f: explain.Figures) -> str:
    return (
        f"{lead(f, 'the peak', 'upstream_peak', 'article_rung_peak')} That is short of the article's 70 %. Beside its weights a "
        "request needs buffers whose size follows from its length, and what a library touches of itself; on a small model "
        f"those weigh more.{_loading(f)}"
    )


@memory.when("same")
def _(f: explain.Figures) -> str:
    return (
        f"{lead(f, 'the peak', 'upstream_peak', 'article_rung_peak')} On so small a shape the weights hardly count: what a "
        "process needs whatever the model decides. Climb the whole ladder before you conclude anything."
    )


@memory.when("more")
def _(f: explain.Figures) -> str:
    return (
        f"{lead(f, 'the peak', 'upstream_peak', 'article_rung_peak')} Something in f5lite grew that shouldn't. Run the ladder "
        "again when nothing else needs the memory; if it stays so, it is a bug, and the table is what to report."
    )


@memory.when("can't tell")
def _(f: explain.Figures) -> str:
    return (
        f"{lead(f, 'the peak', 'upstream_peak', 'article_rung_peak')} The turns can't decide about the article's 70 % here; "
        "more of them, or a rung that is missing, would."
    )


time = explain.text(
    "08/time",
    outcomes=OUTCOMES,
    decide=lambda f: reach(f["upstream_time"], f["article_rung_time"], TIME),
    examples={
        outcome: (
            runs("upstream_time", 95, "s"),
            runs("article_rung_time", after, "s", half),
        )
        for outcome, after, half in (
            ("reached", 24, 0.01),
            ("short", 60, 0.01),
            ("same", 95, 0.02),
            ("more", 130, 0.01),
            ("can't tell", 31, 0.5),
        )
    },
    constants=("68 %",),
)


@time.when("reached")
def _(f: explain.Figures) -> str:
    return (
        f"{lead(f, 'the time', 'upstream_time', 'article_rung_time')} So the article's 68 % can be reached on your machine, "
        "with int8 products and another attention alone: it has instructions that multiply int8 numbers fast, and the "
        "engine that was chosen uses them."
    )


@time.when("short")
def _(f: explain.Figures) -> str:
    return (
        f"{lead(f, 'the time', 'upstream_time', 'article_rung_time')} That is short of the article's 68 %. What is left is the "
        "same number of passes, each with the same products, and how much faster int8 products are is up to the processor: "
        "see what lesson 06 found on yours. The article's list has nothing that makes fewer passes; the next rungs do."
    )


@time.when("same")
def _(f: explain.Figures) -> str:
    return (
        f"{lead(f, 'the time', 'upstream_time', 'article_rung_time')} On this processor the three techniques save memory, not "
        "time: the engine that was chosen is the fastest one here, and it is no faster than fp32."
    )


@time.when("more")
def _(f: explain.Figures) -> str:
    return (
        f"{lead(f, 'the time', 'upstream_time', 'article_rung_time')} Here int8 costs time. That is what many users of F5-TTS "
        "report: without the right instructions the products have to be done another way, and quantising comes on top."
    )


@time.when("can't tell")
def _(f: explain.Figures) -> str:
    return (
        f"{lead(f, 'the time', 'upstream_time', 'article_rung_time')} Between the turns of one rung lies too much for the "
        "article's 68 %. Something else was running; climb again when it is quiet."
    )
