"""A finished comparison: figures with intervals and verdicts, as a table, as JSON, and back."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from f5lite.evidence.quality.bootstrap import COVERAGE, Interval
from f5lite.evidence.quality.metrics import METRICS


@dataclass(frozen=True)
class Figure:
    """One metric. a, b, change are None where only the pair has a value; verdict is empty there."""

    metric: str
    change: Interval
    a: Interval | None = None
    b: Interval | None = None
    status: str = ""
    verdict: str = ""


@dataclass
class Result:
    """`model`: what the figures hold for (the name of the weights that spoke). `missing`: metric → how to get it.

    seeds: none where every rendering had one of its own.
    """

    a: str
    b: str
    model: str
    figures: list[Figure]
    sentences: int
    voices: list[str]
    seeds: list[int]
    about: dict[str, Any] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def figure(self, metric: str) -> Figure:
        return next(figure for figure in self.figures if figure.metric == metric)

    @property
    def asked(self) -> str:
        """How much was said: "500 sentences × 2 voices, each with a seed of its own"."""
        between = "spread over" if self.about.get("spread") else "×"
        seeds = f" × {len(self.seeds)} seeds" if self.seeds else ", each with a seed of its own"
        return f"{self.sentences} sentences {between} {len(self.voices)} voices{seeds}"

    def to_dict(self) -> dict[str, Any]:
        plain = asdict(self)
        plain["coverage"] = COVERAGE
        return plain

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Result:
        """Read one back; raises KeyError or TypeError when it isn't one."""

        def read(value: dict | None) -> Interval | None:
            return None if value is None else Interval(**value)

        figures = [
            Figure(**{**item, **{name: read(item[name]) for name in ("change", "a", "b")}})
            for item in plain["figures"]
        ]
        rest = {
            name: plain[name]
            for name in ("a", "b", "model", "sentences", "voices", "seeds", "about", "missing")
        }
        return cls(figures=figures, **rest)

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), indent=1)

    def table(self) -> str:
        """For a terminal: one line a metric, 90 % intervals."""
        lines = [
            f"A: {self.a}",
            f"B: {self.b}",
            f"{self.asked}, measured on {self.model}",
            "",
        ]
        for figure in self.figures:
            metric = METRICS[figure.metric]
            unit = "%" if metric.name == "wer" else metric.unit
            shown = f"{metric.title} ({unit}, {metric.better} is better): "
            if figure.a is None:
                lines.append(shown + _shown(figure.change, metric.digits))
                continue
            lines.append(
                f"{shown}A {_shown(figure.a, metric.digits)}, B {_shown(figure.b, metric.digits)}, "
                f"B − A {_shown(figure.change, metric.digits, sign='+')}"
            )
            lines.append(
                f"  → B is {figure.verdict}."
                if not figure.verdict.startswith("can't")
                else f"  → {figure.verdict}."
            )
        lines += [
            f"not measured: {METRICS[name].title.lower()}; run: {how}" for name, how in self.missing.items()
        ]
        return "\n".join(lines)


def _shown(interval: Interval, digits: int, sign: str = "") -> str:
    return f"{interval.value:{sign}.{digits}f} [{interval.low:{sign}.{digits}f}, {interval.high:{sign}.{digits}f}]"
