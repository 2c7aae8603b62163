"""Rules made of rules: all of several parts, or the first whose figures can be had here. Pure, as its parts are."""

from __future__ import annotations

from dataclasses import dataclass

from f5lite.evidence.rules import Rule, absent
from f5lite.evidence.verdict import Figures, Outcome, Verdict, joined


@dataclass(frozen=True)
class All:
    """Every part must hold."""

    parts: tuple[Rule, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for part in self.parts for name in part.names))

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        every = all("exceeded" in part.outcomes for part in self.parts)
        return ("holds", *(("exceeded",) if every else ()), "does not hold", "can't tell")  # type: ignore[return-value]

    def judge(self, figures: Figures) -> Verdict:
        verdicts = [part.judge(figures) for part in self.parts]
        sentences = dict.fromkeys(verdict.sentence for verdict in verdicts)
        return Verdict(joined(verdict.outcome for verdict in verdicts), " ".join(sentences))


@dataclass(frozen=True)
class FirstOf:
    """The first rule whose figures are there; `stand_ins[i]` says what the i-th stands in for, "" for the real thing.

    For sensors: joules where they can be read, CPU seconds where they can't.
    """

    rules: tuple[Rule, ...]
    stand_ins: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for rule in self.rules for name in rule.names))

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        found = {outcome for rule in self.rules for outcome in rule.outcomes}
        return tuple(
            outcome for outcome in ("holds", "exceeded", "does not hold", "can't tell") if outcome in found
        )  # type: ignore[misc]

    def judge(self, figures: Figures) -> Verdict:
        for rule, stand_in in zip(self.rules, self.stand_ins, strict=True):
            if not absent(figures, rule.names):
                verdict = rule.judge(figures)
                return Verdict(verdict.outcome, f"{stand_in} {verdict.sentence}".strip())
        return self.rules[0].judge(figures)
