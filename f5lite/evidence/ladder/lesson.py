"""The ladder in a lesson: the last full climb where there is one, else a short one, which says what it left out. And what
of it goes into the ledger.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import median

from f5lite import machine
from f5lite.evidence.ladder import gather, judging, sound
from f5lite.evidence.ladder import run as climbing
from f5lite.evidence.ladder.jobs import Settings, following
from f5lite.evidence.ladder.result import Ladder, Row
from f5lite.evidence.ladder.rungs import ARTICLE, LAST, UPSTREAM, chosen
from f5lite.evidence.ladder.store import Store, folder
from f5lite.evidence.ladder.subject import Subject, seeded, subject
from f5lite.evidence.ledger import Ledger
from f5lite.evidence.measurement import Measurement
from f5lite.evidence.workload import FEW_BLOCKS
from f5lite.model.config import V1_BASE

ONLY_HERE = ("title", "heat", "all-memory", "all-time")  # no other lesson measures these


def short() -> tuple[Subject, Settings]:
    """What a lesson can climb in two minutes: few blocks, few frames, three turns; in quick mode three rungs, once."""
    quick = machine.quick()
    frames = 64 if quick else 128
    note = f"A short climb: the same width with {FEW_BLOCKS} blocks instead of {V1_BASE.dit.depth}, {frames} frames."
    shape = seeded(V1_BASE.with_blocks(FEW_BLOCKS), frames, note)
    if quick:
        rungs = chosen([UPSTREAM, ARTICLE, LAST])
        return shape, Settings(rungs, repeats=1, whole="none", capped="none")
    return shape, Settings(repeats=3, whole="none", capped="ends", caps=(judging.ARTICLES_CAP,))


def climb(progress: Callable[[int, int], None] | None = None, place: Path | None = None) -> Ladder:
    """The last full climb of this machine if there is one; else a short one, made now. progress: (done, of about)."""
    full = None if machine.quick() else gather.last_full(subject(), place)
    if full is not None:
        return full
    small, settings = short()
    kept = (place or folder()) / "lesson"
    store = Store.of(small, place=kept)
    if following(store.records, settings, small.frames) is None:  # a finished one is measured anew
        store = Store.of(small, place=kept, fresh=True)

    def tell(_: str, done: int, total: int, __: float) -> None:
        if progress:
            progress(done, total)

    climbing.climb(small, settings, store, tell)
    return gather.gather(small, settings, store)


def record(ladder: Ladder, ledger: Ledger, claims: tuple[str, ...]) -> None:
    """Write what the ladder measured to the ledger. A figure that couldn't be had is recorded with its reason where
    nothing else has measured the claim; a short climb counts as a quick run: any full one goes before it."""
    mine = judging.figures(ladder, sound.int8_difference())
    small = not ladder.model["published"] or bool(ladder.model["note"])
    for claim in claims:
        found = [one for one in mine[claim] if not one.missing]
        if claim in ONLY_HERE or not (found or ledger.latest(claim)):
            found = mine[claim]
        if found:
            shape = "" if claim == "int8-sound" else str(ladder.model["shape"])
            quick = machine.quick() or (small and claim != "int8-sound")
            ledger.record(claim, *found, shape=shape, note="the ladder", quick=quick)


def unbeaten(ladder: Ladder) -> list[Row]:
    """The measured rungs that no other beats in memory and time at once."""
    rows = [row for row in ladder.rows if row.measured]
    return [row for row in rows if not any(beats(other, row) for other in rows)]


def beats(one: Row, other: Row) -> bool:
    """No more memory and no more time than the other, and less of one. Times from the turns: a whole utterance, spoken
    once, has other neighbours."""
    mine = (median(one.peak_rss), median(one.seconds))
    theirs = (median(other.peak_rss), median(other.seconds))
    return all(a <= b for a, b in zip(mine, theirs, strict=True)) and mine != theirs


def pair(ladder: Ladder, claim: str) -> tuple[Measurement, Measurement]:
    """The two figures that a claim of the ladder compares."""
    first, second = judging.figures(ladder)[claim][:2]
    return first, second
