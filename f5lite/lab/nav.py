"""The way through the course: previous and next, the contents, and what the reader has found so far."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path

from f5lite.evidence.claims import CLAIMS, Claim
from f5lite.evidence.ledger import Ledger
from f5lite.evidence.verdict import Verdict, judge_ledger
from f5lite.lab.course import LESSONS, Lesson, around
from f5lite.lab.figure import Shown
from f5lite.lab.session import CURRENT
from f5lite.lab.told import pill


@dataclass(repr=False)
class Way(Shown):
    """Links to the lessons before and after."""

    number: str
    folder: Path

    def html(self) -> str:
        before, after = around(self.number)
        return (
            '<nav class="f5 f5-way" aria-label="Lessons before and after">'
            f"{self._box(before, 'Before', 'f5-before')}{self._box(after, 'Next', 'f5-next')}</nav>"
        )

    def _box(self, one: Lesson | None, word: str, side: str) -> str:
        if one is None:
            last = "This is the first." if side == "f5-before" else "That was the last one."
            return f'<div class="f5-end {side}"><small>{word}</small>{last}</div>'
        inner = f"<small>{word}</small><b>{one.number} · {escape(one.title)}</b>"
        file = one.file(self.folder)
        return (
            f'<a class="{side}" href="{escape(file)}">{inner}</a>'
            if file
            else f'<div class="f5-end {side}">{inner}</div>'
        )

    def plain(self) -> str:
        before, after = around(self.number)
        named = [(word, one) for word, one in (("Before", before), ("Next", after)) if one]
        return "\n".join(f"{word}: {one.number} · {one.title}" for word, one in named)


@dataclass(repr=False)
class Contents(Shown):
    """Every lesson with its question and minutes; links where the notebook is there."""

    number: str
    folder: Path

    def html(self) -> str:
        rows = []
        for one in LESSONS:
            file = one.file(self.folder)
            title = escape(one.title)
            if one.number == self.number:
                title = f'<span class="f5-current" aria-current="page">{title}</span>'
            elif file:
                title = f'<a href="{escape(file)}">{title}</a>'
            else:
                title += ' <span class="f5-later">(being written)</span>'
            rows.append(
                f"<li><b>{one.number}</b><span>{title}<small>{escape(one.question)}</small></span>"
                f"<small>{one.minutes} min</small></li>"
            )
        return f'<nav class="f5" aria-label="Contents"><ol class="f5-contents">{"".join(rows)}</ol></nav>'

    def plain(self) -> str:
        return "\n".join(f"{one.number} · {one.title}: {one.question} ({one.minutes} min)" for one in LESSONS)


@dataclass(repr=False)
class Found(Shown):
    """The claims that this machine's measurements say something about, and how the guesses went."""

    verdicts: list[tuple[Claim, Verdict]]
    guesses: int
    typed: int
    open: int

    def html(self) -> str:
        rows = "".join(
            f"<li>{pill(verdict.outcome)} {escape(claim.words)} <small>{escape(verdict.text)}</small></li>"
            for claim, verdict in self.verdicts
        )
        body = (
            f'<ul class="f5-found">{rows}</ul>'
            if rows
            else "<p>Nothing yet: the first verdicts come in lesson 01.</p>"
        )
        return (
            '<section class="f5 f5-card" aria-label="What you have found so far">'
            f'<div class="f5-label">What you have found so far</div>{body}'
            f'<p class="f5-note">{escape(self.count)}</p></section>'
        )

    @property
    def count(self) -> str:
        """How much is done, in a sentence."""
        return (
            f"{len(self.verdicts)} of the article's {len(self.verdicts) + self.open} claims measured on this machine; "
            f"{self.typed} of {self.guesses} guesses were typed."
        )

    def plain(self) -> str:
        rows = [f"{verdict.outcome}: {claim.words} {verdict.text}" for claim, verdict in self.verdicts]
        return "\n".join(["What you have found so far", *rows, self.count])


def found(ledger: Ledger | None = None) -> Found:
    """What the ledger holds so far. A claim counts as soon as anything was measured for it here."""
    ledger = ledger or CURRENT.ledger
    here = [entry for entry in ledger.entries(kind="measurement") if entry.machine == ledger.machine]
    measured = {entry.claim for entry in here}
    verdicts = [(claim, judge_ledger(claim, ledger)) for claim in CLAIMS.values() if claim.id in measured]
    guesses: dict[str, bool] = {}
    for entry in ledger.entries(kind="prediction"):
        guesses[entry.claim] = guesses.get(entry.claim, False) or bool(entry.details.get("typed"))
    return Found(verdicts, len(guesses), sum(guesses.values()), len(CLAIMS) - len(verdicts))


def way(number: str | None = None) -> Way:
    """Previous and next of this lesson."""
    return Way(number or CURRENT.lesson, Path.cwd())


def contents() -> Contents:
    """The table of contents."""
    return Contents(CURRENT.lesson, Path.cwd())
