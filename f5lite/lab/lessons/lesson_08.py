"""The texts and exercises of lesson 08, "Climb the ladder"; its pictures are in `ladder_shown`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from f5lite.evidence import int8_bytes
from f5lite.evidence.exercises import exercise, expect
from f5lite.evidence.ladder import judging, lesson
from f5lite.evidence.ladder.result import Ladder, measurement
from f5lite.evidence.ladder.rungs import BY_KEY, LAST, UPSTREAM
from f5lite.evidence.ladder.sound import heard
from f5lite.evidence.measurement import Measurement
from f5lite.lab.compare import compare
from f5lite.lab.figure import Shown, Table
from f5lite.lab.lessons import ladder_told
from f5lite.lab.lessons.ladder_choice import wer
from f5lite.lab.lessons.ladder_shown import (
    Said,
    caps,
    claims,
    guesses,
    memory_picture,
    notes,
    rungs,
    time_picture,
    trade,
    whole_table,
)
from f5lite.lab.listing import Listing
from f5lite.lab.numbers import quantity
from f5lite.lab.predictions import Prediction
from f5lite.lab.session import CURRENT
from f5lite.machine import cache_folder, quick

# What the lesson shows besides what is written here.
__all__ = [
    "caps",
    "claims",
    "guesses",
    "ladder_told",
    "memory_picture",
    "notes",
    "rungs",
    "time_picture",
    "trade",
    "whole_table",
]
# The claims that `record` writes figures for: the ladder is where the course answers these.
RECORDED = (
    "title",
    "baseline",
    "heat",
    "int8-memory",
    "int8-time",
    "int8-battery",
    "int8-sound",
    "all-memory",
    "all-time",
    "experience",
)
SEVEN_IN_FP32 = replace(BY_KEY["fp32"], steps=7)


def climb(progress: Callable[[int, int], None] | None = None) -> Ladder:
    """The last full climb of this machine, or a short one now."""
    return lesson.climb(progress)


def which(ladder: Ladder) -> Said:
    """What the reader is looking at, in a sentence."""
    if not ladder.model["note"]:
        return Said(f"Your last run of `f5lite ladder`, {ladder.when[:10]}: {ladder.model['shape']}.")
    return Said(
        f"{ladder.model['note']} `f5lite ladder` in a terminal climbs the whole one; this page shows it from then on."
    )


def record(ladder: Ladder) -> None:
    """Write what the claims need to the ledger."""
    lesson.record(ladder, CURRENT.ledger, RECORDED)


def memories(ladder: Ladder) -> tuple[Measurement, Measurement, Measurement]:
    """Upstream's peak while speaking, the article's last rung's with loading, upstream's while loading."""
    row = ladder.row(UPSTREAM)
    values = row.loading_rss if row else ()
    return (*lesson.pair(ladder, "all-memory"), measurement("upstream_loading", values, "MB"))


def times(ladder: Ladder) -> tuple[Measurement, Measurement]:
    """Upstream's utterance and the article's last rung's."""
    return lesson.pair(ladder, "all-time")


def ours(ladder: Ladder) -> tuple[Measurement, ...]:
    """Time and peak of upstream and of the last rung."""
    theirs, row = ladder.row(UPSTREAM), ladder.row(LAST)
    return (
        measurement("their_time", theirs.seconds if theirs else (), "s", theirs.why if theirs else ""),
        measurement("our_time", row.seconds if row else (), "s", row.why if row else ""),
        measurement("their_peak", theirs.speaking_rss if theirs else (), "MB", theirs.why if theirs else ""),
        measurement("our_peak", row.peak_rss if row else (), "MB", row.why if row else ""),
    )


def survival(ladder: Ladder) -> tuple[Measurement, Measurement]:
    """(killed, upstream killed) under the article's 360 MB: 0 or 1."""
    found = []
    for name, key in (("killed", "attention"), ("upstream_killed", UPSTREAM)):
        row = ladder.row(key)
        lived = row.survives.get(judging.ARTICLES_CAP) if row else None
        reason = "no cap was tried in this climb"
        found.append(
            Measurement.none(name, reason) if lived is None else Measurement.count(name, int(not lived))
        )
    return found[0], found[1]


def sounds() -> tuple[Measurement, Measurement]:
    """Words that were misheard from the bundled voice with 7 steps, percent: in fp32, and as on the last rung."""
    found = {kind: heard(rung) for kind, rung in (("fp32", SEVEN_IN_FP32), ("last", BY_KEY[LAST]))}
    return tuple(wer(f"heard_{kind}", one.wer if one else None) for kind, one in found.items())


def say(sentence: str) -> dict[str, Any]:
    """The bundled voice as three rungs would run it, from one seed: fp32 and int8 with 32 steps, int8 with 7. In quick mode the
    second is left out."""
    import f5lite

    made = {"fp32, 32 steps": f5lite.load("tiny").speak(sentence, steps=32, seed=3)}
    for steps in (7,) if quick() else (32, 7):
        folder = cache_folder() / "converted" / ("tiny-int8" if steps == 7 else f"tiny-int8-{steps}")
        folder.parent.mkdir(parents=True, exist_ok=True)
        small = f5lite.load(int8_bytes.converted("tiny", folder, steps=steps), residency="on-demand")
        made[f"int8, {steps} steps"] = small.speak(sentence, seed=3)
    return made


def compared(guess: Prediction, before: Measurement, after: Measurement, title: str) -> Shown:
    """Guess and result; the reason where one of the two figures couldn't be had."""
    if before.missing or after.missing:
        guess.keep()
        rows = [
            ("your guess", quantity(guess.value, guess.unit)),
            ("result", before.missing or after.missing),
        ]
        return Listing("Guess and result", Table.of(("", title), rows))
    return compare(guess, before, after, names=("upstream", "the article's last rung"), title=title)


@exercise("times_faster", lesson="08", praise="percentages of time hide how much is left; a factor shows it.")
def times_faster(attempt: Callable[[float], float]) -> None:
    """From percent less time to how many times faster."""
    got = attempt(50)
    expect(isinstance(got, (int, float)), f"return a number, not {got!r}")
    expect(
        abs(got - 0.5) > 1e-9,
        "that is the share of the time that is left; how many of those fit into the whole?",
    )
    expect(abs(got - 1.5) > 1e-9, "half the time is twice as fast, not one and a half times")
    expect(abs(got - 2) < 1e-6, f"50 % less time is twice as fast, yours says {got:g}")
    expect(abs(attempt(0) - 1) < 1e-6, "0 % less time is as fast as before: 1")
    expect(
        abs(attempt(68) - 3.125) < 1e-3, f"68 % less time is 3.125 times as fast, yours says {attempt(68):g}"
    )


@exercise(
    "unbeaten",
    lesson="08",
    praise="what is left is what's worth choosing from; which of them depends on your budget.",
)
def unbeaten(attempt: Callable[[list[tuple[str, float, float]]], list[str]]) -> None:
    """Names of the points that no other point beats, from (name, MB, seconds)."""
    points = [("a", 1400, 90), ("b", 400, 60), ("c", 380, 10), ("d", 120, 11), ("e", 130, 12)]
    got = attempt(list(points))
    expect(got is not None, "return the names")
    names = list(got)
    expect(all(isinstance(name, str) for name in names), "return names alone, not whole points")
    expect("a" not in names, "a needs more memory and more time than b: b beats it")
    expect("e" not in names, "d needs less memory than e and less time: d beats e")
    expect("d" in names, "d has the least memory: nothing beats it")
    expect("c" in names, "c needs more memory than d, but less time: d doesn't beat it")
    expect(sorted(names) == ["c", "d"], f"c and d are left, yours says {', '.join(names)}")
    twins = sorted(attempt([("x", 5, 5), ("y", 5, 5), ("z", 5, 6)]))
    expect(
        twins == ["x", "y"], "two equal points don't beat each other, and equal memory with less time beats"
    )
