"""Shows what the evidence layer says: computed explanations, verdicts, and how an exercise stands."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any

from f5lite.evidence import explain as evidence
from f5lite.evidence.claims import CLAIMS, Claim
from f5lite.evidence.exercises import Result
from f5lite.evidence.explain import Told
from f5lite.evidence.verdict import Verdict, judge_ledger
from f5lite.lab.figure import Shown
from f5lite.lab.predictions import Prediction
from f5lite.lab.session import CURRENT

PILLS = {"holds": "yes", "exceeded": "yes", "does not hold": "no", "can't tell": "perhaps"}


@dataclass(repr=False)
class Explanation(Shown):
    """A computed text, large, with its branch in `told.outcome`."""

    told: Told

    def html(self) -> str:
        lead, rest = self.told.lead, " ".join(part for part in (self.told.guess, self.told.why) if part)
        words = "".join(
            f'<p class="f5-say">{part}</p>'
            for part in (f"<b>{escape(lead)}</b>" if lead else "", escape(rest))
            if part
        )
        return (
            '<section class="f5 f5-card f5-explain" aria-label="What your figures say">'
            f'<div class="f5-label">What your figures say</div>{words}</section>'
        )

    def plain(self) -> str:
        return self.told.text


@dataclass(repr=False)
class Judged(Shown):
    """A claim of the article beside its verdict."""

    claim: Claim
    verdict: Verdict

    def html(self) -> str:
        caveats = "".join(f'<p class="f5-note">{escape(text)}</p>' for text in self.verdict.caveats)
        return (
            '<section class="f5 f5-card f5-explain" aria-label="Verdict">'
            f'<div class="f5-label">The claim</div><p class="f5-say">{escape(self.claim.words)}</p>'
            f'<p class="f5-say" style="margin-top:10px">{pill(self.verdict.outcome)} {escape(self.verdict.sentence)}</p>'
            f"{caveats}</section>"
        )

    def plain(self) -> str:
        return f"{self.claim.words}\n{self.verdict.outcome}: {self.verdict.text}"


@dataclass(repr=False)
class Checked(Shown):
    """The answer of an exercise's check. It never stops the notebook: `result.passed` says how it went."""

    result: Result

    def html(self) -> str:
        kind, word = ("yes", "Done") if self.result.passed else ("perhaps", "Not yet")
        return (
            '<section class="f5 f5-card f5-check" role="status" aria-label="Exercise">'
            f'<p><span class="f5-pill f5-{kind}">{word}</span>&ensp;{code(self.result.message)}</p></section>'
        )

    def plain(self) -> str:
        return str(self.result)


def explain(
    id: str,
    *figures: Any,
    guess: Prediction | None = None,
    names: tuple[str, ...] = (),
    metric: str | None = None,
) -> Explanation:
    """The registered text `id`, chosen and filled from these figures.

    Figures are measurements, or anything `compare` takes, named in the order that the text compares.
    """
    from f5lite.lab.compare import measurement

    text = evidence.REGISTRY.get(id)
    wanted = names or ((text.compare or ()) if text else ())
    made = [
        measurement(
            one,
            wanted[index] if index < len(wanted) else getattr(one, "name", f"figure {index + 1}"),
            metric,
            text.unit if text else "",
        )
        for index, one in enumerate(figures)
    ]
    entry = None
    if guess is not None:
        guess.keep()
        entry = CURRENT.ledger.prediction(guess.id)
    return Explanation(evidence.tell(id, *made, guess=entry))


def verdict(claim: str) -> Judged:
    """A claim and what this machine's entries in the ledger say about it."""
    one = CLAIMS[claim]
    return Judged(one, judge_ledger(one, CURRENT.ledger))


def pill(outcome: str) -> str:
    """An outcome as a small label: the word says it, the colour repeats it."""
    return f'<span class="f5-pill f5-{PILLS[outcome]}">{escape(outcome)}</span>'


def code(message: str) -> str:
    """A message with `code` in backquotes, as HTML."""
    parts = message.split("`")
    return "".join(
        f"<code>{escape(part)}</code>" if index % 2 else escape(part) for index, part in enumerate(parts)
    )
