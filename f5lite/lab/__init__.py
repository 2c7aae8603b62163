"""What a lesson needs and nothing else: `from f5lite import lab`.

Only here do widgets and charts come in; the layers below know nothing of notebooks.
"""

from __future__ import annotations

from typing import Any

from f5lite.lab import style
from f5lite.lab.ab import ab
from f5lite.lab.charts import anatomy, bars, lines, memory_timeline, scatter
from f5lite.lab.checks import check
from f5lite.lab.compare import compare
from f5lite.lab.explore import choice, control, explore
from f5lite.lab.figure import Figure, Table
from f5lite.lab.ledger_view import ledger_buttons
from f5lite.lab.live import live
from f5lite.lab.nav import contents, found, way
from f5lite.lab.page import start
from f5lite.lab.player import listen
from f5lite.lab.predictions import predict
from f5lite.lab.progress import progress
from f5lite.lab.readiness import readiness
from f5lite.lab.told import explain, verdict

__all__ = [
    "Figure",
    "Table",
    "ab",
    "anatomy",
    "bars",
    "check",
    "choice",
    "compare",
    "contents",
    "control",
    "explain",
    "explore",
    "found",
    "ledger",
    "ledger_buttons",
    "lines",
    "listen",
    "live",
    "memory_timeline",
    "predict",
    "progress",
    "readiness",
    "scatter",
    "start",
    "style",
    "verdict",
    "way",
]


def __getattr__(name: str) -> Any:
    if name == "ledger":
        from f5lite.lab.session import CURRENT

        return CURRENT.ledger
    raise AttributeError(f"f5lite.lab has no {name!r}")
