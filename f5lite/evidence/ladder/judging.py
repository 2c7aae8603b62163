"""What the ladder says about the article's claims, and about what f5lite set itself. Pure, but for reading a ledger.

A claim's figures come from the ladder where it measures them, else from the reader's ledger.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from f5lite.evidence.claims import CLAIMS, Claim
from f5lite.evidence.combined import All
from f5lite.evidence.ladder import sound
from f5lite.evidence.ladder.result import Ladder, Row, measurement
from f5lite.evidence.ladder.rungs import ARTICLE, LAST, UPSTREAM
from f5lite.evidence.measurement import Measurement
from f5lite.evidence.quality.result import Figure
from f5lite.evidence.rules import Reduction
from f5lite.evidence.verdict import Verdict, judge, judge_ledger

if TYPE_CHECKING:
    from f5lite.evidence.ledger import Ledger

ARTICLES_CAP = 360  # MB
MINE = (
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


def figures(ladder: Ladder, difference: Figure | None = None) -> dict[str, list[Measurement]]:
    """Claim -> its figures, as `Ledger.record` takes them. difference: what int8 does to word errors, if that was measured."""

    def take(key: str, name: str, what: str, unit: str) -> Measurement:
        row = ladder.row(key)
        if row is None:
            return Measurement.none(name, f"the rung {key!r} was left out", unit)
        why = f"{row.rung.title} {row.why}" if row.why else f"{what} of {row.rung.title} was not measured"
        return measurement(name, getattr(row, what), unit, why)

    def published(found: Measurement) -> Measurement:
        """A figure of the article's own model says nothing about another shape."""
        if ladder.model["published"] or found.missing:
            return found
        return Measurement.none(
            found.name, f"it needs the published shape, and this is {ladder.model['shape']}", found.unit
        )

    upstream, article = ladder.row(UPSTREAM), ladder.row(ARTICLE)
    size = upstream.file_mb if upstream else None
    weights = (
        Measurement.of("weights", size, "MB", exact=True)
        if size
        else Measurement.none("weights", "the rung 'upstream' was left out", "MB")
    )
    peaks = [
        take(UPSTREAM, "upstream_peak", "speaking_rss", "MB"),
        take(ARTICLE, "article_rung_peak", "peak_rss", "MB"),
    ]
    return {
        "title": [
            *peaks,
            take(UPSTREAM, "upstream_average", "average", "MB"),
            take(ARTICLE, "article_rung_average", "average", "MB"),
        ],
        "baseline": [
            published(weights),
            published(take(UPSTREAM, "speaking_peak", "speaking_rss", "MB")),
            published(take(UPSTREAM, "utterance", "seconds", "s")),
        ],
        "heat": [
            _power(ladder.row(UPSTREAM), "upstream_power"),
            _power(article, "article_rung_power"),
            *(
                Measurement.none(
                    name, "warming needs five minutes of each and a sensor; the ladder has neither"
                )
                for name in ("upstream_warming", "article_rung_warming")
            ),
        ],
        "int8-memory": [
            take("on-demand", "fp32_peak", "peak_rss", "MB"),
            take("int8", "int8_peak", "peak_rss", "MB"),
        ],
        "int8-time": [
            take("on-demand", "fp32_pass", "passes", "s"),
            take("int8", "int8_pass", "passes", "s"),
        ],
        "int8-battery": [
            take("on-demand", "fp32_cpu", "cpu", "s"),
            take("int8", "int8_cpu", "cpu", "s"),
        ],
        "int8-sound": [_difference(difference)],
        "all-memory": peaks,
        "all-time": [
            take(UPSTREAM, "upstream_time", "seconds", "s"),
            take(ARTICLE, "article_rung_time", "seconds", "s"),
        ],
        "experience": [published(_killed(article)), published(_real_time(article, ladder.speech))],
    }


def _power(row: Row | None, name: str) -> Measurement:
    if row is None or not row.watts:
        return Measurement.none(name, "this machine shows no power meter to its programs", "W")
    return measurement(name, row.watts, "W")


def _difference(figure: Figure | None) -> Measurement:
    if figure is None:
        return Measurement.none("wer_difference", "no comparison of int8's sound ships with this version")
    change = figure.change
    return Measurement.of("wer_difference", change.value, "points", bounds=(change.low, change.high))


def _killed(row: Row | None) -> Measurement:
    if row is None or ARTICLES_CAP not in row.survives:
        why = row.cap_kind if row and row.cap_kind else f"no run under {ARTICLES_CAP} MB was made"
        return Measurement.none("killed", why)
    return Measurement.count("killed", int(not row.survives[ARTICLES_CAP]))


def _real_time(row: Row | None, speech: float) -> Measurement:
    seconds = row.seconds if row else ()
    why = row.why if row and row.why else "the article's last rung was left out"
    return measurement("real_time_factor", [one / speech for one in seconds], "s/s", why)


def caveat(ladder: Ladder) -> tuple[str, ...]:
    """What limits every verdict of a ladder."""
    return (f"On the ladder: {ladder.model['note'] or ladder.model['shape'] + '.'}",)


def own_words(verdict: Verdict, ladder: Ladder) -> str:
    """A verdict's text without what limits all of them, for a list that has said so once."""
    said = caveat(ladder)
    return " ".join((verdict.sentence, *(one for one in verdict.caveats if one not in said)))


def verdicts(ladder: Ladder, ledger: Ledger | None = None, difference: Figure | None = None) -> list[Verdict]:
    """One verdict for every claim, in the article's order."""
    difference = difference if difference is not None else sound.int8_difference()
    mine, found = figures(ladder, difference), []
    for claim in CLAIMS.values():
        from_ladder = None
        if claim.id in mine:
            from_ladder = judge(claim, {figure.name: figure for figure in mine[claim.id]})
            limits = ("From the bundled voice.",) if claim.id == "int8-sound" else caveat(ladder)
            from_ladder = replace(_with_reason(from_ladder), caveats=limits)
        if from_ladder is not None and from_ladder.outcome != "can't tell":
            found.append(from_ladder)
            continue
        from_ledger = judge_ledger(claim, ledger) if ledger is not None else judge(claim, {})
        known = from_ledger.figures or from_ledger.outcome != "can't tell"
        verdict = from_ledger if known or from_ladder is None else from_ladder
        if "Not measured yet" in verdict.sentence:
            verdict = replace(verdict, sentence=not_yet(claim, verdict))
        found.append(verdict)
    return found


def _with_reason(verdict: Verdict) -> Verdict:
    """Where nothing at all could be had, the first reason is the sentence."""
    reasons = [figure.missing for figure in verdict.figures.values()]
    if verdict.outcome != "can't tell" or not reasons or not all(reasons):
        return verdict
    return replace(verdict, sentence=f"It can't be told here: {reasons[0]}.")


def not_yet(claim: Claim, verdict: Verdict) -> str:
    """What is missing, and which lesson is about it."""
    lessons = [number for number in claim.lessons if number != "08"] or list(claim.lessons)
    where = (
        f"Lesson {lessons[0]} is about it."
        if len(lessons) == 1
        else f"Lessons {' and '.join(lessons)} are about it."
    )
    return f"{verdict.sentence if verdict.figures else 'Not measured yet.'} {where}"


@dataclass(frozen=True)
class Aim:
    """Something that f5lite set itself, with its verdict."""

    id: str
    words: str
    verdict: Verdict

    def to_dict(self) -> dict[str, object]:
        return {**self.verdict.to_dict(), "id": self.id, "words": self.words}


def aims(ladder: Ladder) -> list[Aim]:
    """The article's last rung and ours against upstream: the four figures that the ladder was built to show."""
    amx = any(str(name).startswith("AMX") for name in ladder.machine.get("instruction_sets", ()))
    time = 0.94 if amx else 0.92
    wanted: tuple[tuple[str, str, str, str, str, float], ...] = (
        ("article-time", "The article's last rung takes 68 % less time.", ARTICLE, "seconds", "s", 0.68),
        (
            "article-memory",
            "The article's last rung needs 70 % less memory.",
            ARTICLE,
            "peak_rss",
            "MB",
            0.70,
        ),
        ("last-time", f"The last rung takes {time:.0%} less time.", LAST, "seconds", "s", time),
        ("last-memory", "The last rung needs 80 % less memory.", LAST, "peak_rss", "MB", 0.80),
    )
    found = []
    for id, words, key, what, unit, least in wanted:
        subject = "the time for one utterance" if unit == "s" else "the peak"
        theirs, row = ladder.row(UPSTREAM), ladder.row(key)
        rule = All((Reduction(subject, "before", "after", least),))
        before = measurement(
            "before",
            getattr(theirs, "seconds" if unit == "s" else "speaking_rss") if theirs else (),
            unit,
            f"upstream {theirs.why}" if theirs and theirs.why else "the rung 'upstream' was left out",
        )
        after = measurement(
            "after",
            getattr(row, what) if row else (),
            unit,
            f"{row.rung.title} {row.why}" if row and row.why else f"the rung {key!r} was left out",
        )
        verdict = rule.judge({"before": before, "after": after})
        said = verdict.sentence.replace(" of the claim", " that was aimed at")
        found.append(
            Aim(id, words.replace("%", " %").replace("  %", " %"), replace(verdict, claim=id, sentence=said))
        )
    return found


def report(ladder: Ladder, ledger: Ledger | None = None) -> Mapping[str, object]:
    """The one object of `--json`."""
    import f5lite

    return {
        "f5lite": f5lite.__version__,
        "when": ladder.when,
        "complete": ladder.complete,
        "machine": dict(ladder.machine),
        "model": dict(ladder.model),
        "rungs": [row.to_dict(ladder.speech) for row in ladder.rows],
        "claims": [verdict.to_dict() for verdict in verdicts(ladder, ledger)],
        "aims": [aim.to_dict() for aim in aims(ladder)],
    }
