"""Made-up measurements and ledgers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from f5lite.evidence.ledger import Ledger
from f5lite.evidence.measurement import Measurement

CARD = {"fingerprint": "test-machine", "processor": "made up", "cores": 2}


def ledger(path: Path, **card: Any) -> Ledger:
    return Ledger(path, card={**CARD, **card})


def runs(name: str, middle: float, half: float = 0.0, unit: str = "MB", **more: Any) -> Measurement:
    """Five runs around `middle`, so that the interval is exactly middle ± half."""
    return Measurement.of(name, [middle + half * k for k in (-1, -0.4, 0, 0.4, 1)], unit, **more)


def once(name: str, value: float, unit: str = "MB") -> Measurement:
    return Measurement.of(name, value, unit)


def exactly(name: str, value: float, unit: str = "MB") -> Measurement:
    return Measurement.of(name, value, unit, exact=True)
