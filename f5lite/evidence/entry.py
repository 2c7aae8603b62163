"""One line of the ledger: a measurement, a prediction, or an attempt that was announced before it ran. Plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from f5lite.evidence.measurement import Measurement

Kind = Literal["measurement", "prediction", "attempt", "forgotten"]
KINDS = ("measurement", "prediction", "attempt", "forgotten")


@dataclass(frozen=True)
class Entry:
    """`id` never changes; a later `revision` of the same id replaces an earlier one when two ledgers are merged."""

    id: str
    kind: Kind
    claim: str
    time: str  # ISO 8601, UTC
    machine: str  # fingerprint of the card; the card itself is kept once, in the ledger's `machines`
    revision: int = 0
    quick: bool = False
    model: str = ""
    shape: str = ""
    note: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    figures: Mapping[str, Measurement] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)  # a prediction's value, an attempt's state

    def to_dict(self) -> dict[str, Any]:
        plain: dict[str, Any] = {
            "id": self.id,
            "kind": self.kind,
            "claim": self.claim,
            "time": self.time,
            "machine": self.machine,
            "revision": self.revision,
            "quick": self.quick,
            "versions": dict(self.versions),
        }
        plain |= {key: value for key in ("model", "shape", "note") if (value := getattr(self, key))}
        if self.figures:
            plain["figures"] = [figure.to_dict() for figure in self.figures.values()]
        if self.details:
            plain["details"] = dict(self.details)
        return plain

    @classmethod
    def from_dict(cls, plain: Any) -> Entry:
        """Read one back. Raises ValueError, TypeError, KeyError or AttributeError when `plain` isn't an entry."""
        if plain["kind"] not in KINDS:
            raise ValueError(f"unknown kind {plain['kind']!r}")
        figures = [Measurement.from_dict(figure, run=plain["id"]) for figure in plain.get("figures", [])]
        return cls(
            id=str(plain["id"]),
            kind=plain["kind"],
            claim=str(plain["claim"]),
            time=str(plain["time"]),
            machine=str(plain["machine"]),
            revision=int(plain.get("revision", 0)),
            quick=bool(plain.get("quick", False)),
            model=str(plain.get("model", "")),
            shape=str(plain.get("shape", "")),
            note=str(plain.get("note", "")),
            versions=dict(plain.get("versions", {})),
            figures={figure.name: figure for figure in figures},
            details=dict(plain.get("details", {})),
        )
