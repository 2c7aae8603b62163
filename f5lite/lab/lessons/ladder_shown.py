"""The ladder's tables and pictures for lesson 08: plain figures in, something that shows itself out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from html import escape
from statistics import median
from typing import Any

from f5lite.evidence import wording
from f5lite.evidence.claims import CLAIMS, Claim
from f5lite.evidence.ladder import judging, table
from f5lite.evidence.ladder.lesson import unbeaten
from f5lite.evidence.ladder.result import Ladder, Row
from f5lite.evidence.ladder.rungs import RUNGS
from f5lite.evidence.ledger import Ledger
from f5lite.evidence.verdict import Verdict
from f5lite.lab.charts import bars, scatter
from f5lite.lab.course import lesson
from f5lite.lab.figure import Figure, Shown, Table
from f5lite.lab.listing import Listing
from f5lite.lab.numbers import number, quantity
from f5lite.lab.session import CURRENT
from f5lite.lab.told import code, pill


def rungs() -> Listing:
    """What each rung adds to the one before."""
    rows = [
        (rung.title, rung.adds, rung.precision, rung.residency if not rung.theirs else "resident", rung.steps)
        for rung in RUNGS
    ]
    return Listing("The rungs", Table.of(("rung", "what it adds", "weights", "stages", "steps"), rows))


def whole_table(ladder: Ladder) -> Listing:
    """Every rung with all its figures, as `f5lite ladder` prints them, and the reasons of those without."""
    rows = [table.cells(row, ladder) for row in ladder.rows]
    return Listing("The ladder on your machine", Table.of(table.COLUMNS, rows))


def notes(ladder: Ladder) -> Listing:
    """How to read the table, and what happened on which rung."""
    return Listing("How to read it", Table.of(("what to know",), [(note,) for note in table.notes(ladder)]))


def _measured(ladder: Ladder) -> list[Row]:
    return [row for row in ladder.rows if row.measured]


def memory_picture(ladder: Ladder) -> Figure:
    """Peak of each rung, loading included, with both phases and the anonymous part in the table."""
    rows = _measured(ladder)
    if not rows:
        return bars({"nothing measured": 0.0}, title="Peak memory over imports", unit="MB")
    picture = bars(
        {row.rung.title: list(row.peak_rss) for row in rows}, title="Peak memory over imports", unit="MB"
    )
    cells = [
        (
            row.rung.title,
            *(
                number(median(values))
                for values in (
                    row.loading_rss,
                    row.speaking_rss,
                    row.loading_anonymous,
                    row.speaking_anonymous,
                    row.average,
                )
                if values
            ),
        )
        for row in rows
    ]
    columns = ("MB", "loading", "speaking", "anonymous, loading", "anonymous, speaking", "average")
    return replace(picture, table=Table.of(columns, cells))


def time_picture(ladder: Ladder) -> Figure:
    """One utterance on each rung, worked out from its turns; by the clock in the table where one was spoken whole."""
    rows = _measured(ladder)
    if not rows:
        return bars({"nothing measured": 0.0}, title="Time of one utterance", unit="s")
    picture = bars(
        {row.rung.title: list(row.seconds) for row in rows}, title="Time of one utterance", unit="s"
    )
    cells = [
        (
            row.rung.title,
            row.rung.steps,
            quantity(median(row.passes), "s"),
            quantity(median(row.seconds), "s"),
            "–" if row.whole is None else quantity(row.whole, "s"),
            quantity(median(row.cpu), "s"),
        )
        for row in rows
    ]
    columns = ("", "steps", "one pass", "utterance, computed", "by the clock", "processor time")
    return replace(
        picture,
        table=Table.of(columns, cells),
        note="Computed from the passes of each turn: text, vocoder and first pass as they were, then the others.",
    )


def caps(ladder: Ladder) -> Listing:
    """What happened under each enforced cap."""
    tried = sorted({megabytes for row in ladder.rows for megabytes in row.survives}, reverse=True)
    if not tried:
        rows = [(row.rung.title, "not tried in this climb") for row in ladder.rows]
        return Listing("One request under a cap", Table.of(("rung", "under a cap"), rows))
    said = {True: "finished", False: "ended", None: "not tried"}
    rows = [(row.rung.title, *(said[row.survives.get(cap)] for cap in tried)) for row in ladder.rows]
    kinds = ", ".join(dict.fromkeys(row.cap_kind for row in ladder.rows if row.cap_kind)) or "no cap was set"
    columns = ("rung", *(f"{cap} MB" for cap in tried))
    return Listing(f"One request under a cap over imports ({kinds})", Table.of(columns, rows))


def label(row: Row) -> str:
    """A rung with the words that the bundled voice loses in that precision and with those steps."""
    if row.heard is None:
        return row.rung.title
    return f"{row.rung.title}: {row.heard.wer:.0f} %"


def trade(ladder: Ladder) -> Figure:
    """Memory against time, words misheard beside the name; filled where no other rung is better in both."""
    rows = _measured(ladder)
    points = [(label(row), median(row.peak_rss), median(row.seconds)) for row in rows]
    picture = scatter(
        points or [("nothing measured", 0.0, 0.0)],
        title="Memory, time and words misheard",
        x_label="peak memory (MB)",
        y_label="seconds an utterance",
        highlight=[label(row) for row in unbeaten(ladder)],
        note="Percent: words misheard from the bundled voice, where that was measured. Filled: no rung beats it in both.",
    )
    names = {row.rung.key for row in unbeaten(ladder)}
    cells = [
        (
            row.rung.title,
            number(median(row.peak_rss)),
            number(median(row.seconds)),
            table.cells(row, ladder)[9],
            "yes" if row.rung.key in names else "no",
        )
        for row in rows
    ]
    columns = ("", "peak memory (MB)", "seconds an utterance", "words misheard (%)", "beaten by no other")
    return replace(picture, table=Table.of(columns, cells)) if rows else picture


@dataclass(repr=False)
class Claims(Shown):
    """Every claim with its verdict as a label, and what that rests on. `table` has the same as text."""

    verdicts: tuple[Verdict, ...]
    words: tuple[str, ...]

    @property
    def table(self) -> Table:
        rows = [
            (claim.words, claim.figure or "–", verdict.outcome, said, ", ".join(claim.lessons))
            for claim, verdict, said in self._all()
        ]
        return Table.of(("the article says", "figure", "verdict", "what was found", "lessons"), rows)

    def _all(self) -> list[tuple[Claim, Verdict, str]]:
        return [(CLAIMS[v.claim], v, said) for v, said in zip(self.verdicts, self.words, strict=True)]

    def html(self) -> str:
        left = ' style="text-align:left;vertical-align:top"'
        head = "".join(f'<th scope="col"{left}>{escape(name)}</th>' for name in self.table.columns)
        body = "".join(
            f'<tr><th scope="row"{left}>{escape(claim.words)} <small lang="zh">{escape(claim.chinese)}</small></th>'
            f"<td{left}>{escape(claim.figure) or '–'}</td><td{left}>{pill(verdict.outcome)}</td>"
            f"<td{left}>{escape(said)}</td><td{left}>{', '.join(claim.lessons)}</td></tr>"
            for claim, verdict, said in self._all()
        )
        label = "The article's claims, one by one"
        return (
            f'<section class="f5 f5-card" aria-label="{label}"><div class="f5-label">{label}</div>'
            f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></section>"
        )

    def plain(self) -> str:
        return f"The article's claims, one by one\n{self.table.plain()}"


def claims(ladder: Ladder, ledger: Ledger | None = None) -> Claims:
    """Every claim of the article: its figure, the verdict, and what that rests on."""
    found = judging.verdicts(ladder, ledger or CURRENT.ledger)
    return Claims(tuple(found), tuple(judging.own_words(verdict, ladder) for verdict in found))


@dataclass(repr=False)
class Said(Shown):
    """A sentence on its own."""

    words: str

    def html(self) -> str:
        return f'<p class="f5 f5-say">{code(self.words)}</p>'

    def plain(self) -> str:
        return self.words


def guesses(ledger: Ledger | None = None) -> Listing:
    """Every guess of the course beside its result, the newest of each question."""
    kept = ledger or CURRENT.ledger
    ids = sorted({entry.claim for entry in kept.entries(kind="prediction")})
    rows = [_guess(kept.prediction(id)) for id in ids]
    columns = ("lesson", "question", "your guess", "result", "apart")
    return Listing("Your guesses", Table.of(columns, rows or [("–", "none yet", "–", "–", "–")]))


def _guess(entry: Any) -> tuple[str, ...]:
    about = entry.details
    unit, value, result = about.get("unit", ""), float(about["value"]), about.get("result")
    where = entry.claim.split("/")[0]
    title = f"{where} · {lesson(where).title}" if where.isdigit() else where
    said = quantity(value, unit) + ("" if about.get("typed") else " (left as it was)")
    if result is None:
        return title, str(about.get("question", "")), said, "see the lesson", "–"
    apart = wording.figure(abs(value - result), "points" if unit == "%" else unit, digits=2)
    return title, str(about.get("question", "")), said, wording.figure(result, unit, digits=2), apart
