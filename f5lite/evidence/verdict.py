"""A verdict: one of four outcomes, with a sentence computed from the figures. Pure.

`rules.py` decides; this file holds what a decision is, and asks a claim's rule about a ledger's figures.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from f5lite.evidence.measurement import Measurement

if TYPE_CHECKING:
    from f5lite.evidence.claims import Claim
    from f5lite.evidence.ledger import Ledger

Outcome = Literal["holds", "exceeded", "does not hold", "can't tell"]
OUTCOMES: tuple[Outcome, ...] = ("holds", "exceeded", "does not hold", "can't tell")
Figures = Mapping[str, Measurement]


@dataclass(frozen=True)
class Verdict:
    """What the figures say about one claim. `sentence` stands alone; `caveats` are short sentences after it."""

    outcome: Outcome
    sentence: str
    claim: str = ""
    caveats: tuple[str, ...] = ()
    figures: Figures = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The sentence with its caveats."""
        return " ".join((self.sentence, *self.caveats))

    def to_dict(self) -> dict[str, object]:
        """As `--json` prints it."""
        return {"id": self.claim, "verdict": self.outcome, "sentence": self.text}


def joined(outcomes: Iterable[Outcome]) -> Outcome:
    """Several parts of one claim: one failure fails it, one unknown leaves it open, all exceeded exceed it."""
    all_of = list(outcomes)
    if "does not hold" in all_of:
        return "does not hold"
    if "can't tell" in all_of or not all_of:
        return "can't tell"
    return "exceeded" if set(all_of) == {"exceeded"} else "holds"


def judge(claim: Claim, figures: Figures) -> Verdict:
    """The verdict of `claim` from measurements by name. Figures that the rule doesn't ask for are ignored."""
    wanted = {name: figures[name] for name in claim.rule.names if name in figures}
    verdict = claim.rule.judge(wanted)
    return replace(verdict, claim=claim.id, figures=wanted)


def judge_ledger(claim: Claim, ledger: Ledger, machine: str | None = None) -> Verdict:
    """The verdict of `claim` from this machine's entries, with what limits it said beside it.

    The newest entry that has every figure is taken, full runs before quick ones. Where no single entry has them all,
    each figure comes from the newest entry that has it, and a caveat says that they come from different runs.
    """
    here = machine or ledger.machine
    entries = [entry for entry in ledger.entries(claim.id, kind="measurement") if entry.machine == here]
    entries.sort(key=lambda entry: (not entry.quick, entry.time, entry.id))
    whole = [entry for entry in entries if set(claim.rule.names) <= set(entry.figures)]
    used = whole[-1:] or entries
    figures: dict[str, Measurement] = {}
    sources = {}
    for entry in used:
        for name, figure in entry.figures.items():
            if name in claim.rule.names:
                figures[name], sources[name] = figure, entry
    chosen = {entry.id: entry for entry in sources.values()}.values()
    caveats = []
    if len(chosen) > 1:
        caveats.append("The figures come from different runs.")
    if any(entry.quick for entry in chosen):
        caveats.append("These were quick runs with smaller shapes or fewer repeats.")
    for word, kinds in (
        ("model", {e.model for e in chosen if e.model}),
        ("shape", {e.shape for e in chosen if e.shape}),
    ):
        if kinds:
            caveats.append(f"Measured with {word} {' and '.join(sorted(kinds))}.")
    return replace(judge(claim, figures), caveats=tuple(caveats) if chosen else ())
