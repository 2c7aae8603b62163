"""How to run: a `Plan`, what it costs, and `plan_for`, which picks one that fits a budget.

    f5lite.plan_for(360, Subject(V1_BASE), machine).plan

`plans` has the words, `costs` the bytes and seconds, `choice` the choice (all pure); `speeds` measures this machine.
"""

from f5lite.plan.choice import candidates, plan_for, priced
from f5lite.plan.costs import LEAN_ROWS_HELD, MB, REFERENCE_FRAMES, buffers, cost, weight_megabytes
from f5lite.plan.plans import (
    RESIDENCIES,
    STEPS,
    Cost,
    Decision,
    Plan,
    Rejected,
    Speeds,
    Subject,
    Variant,
    Wishes,
)

__all__ = [
    "LEAN_ROWS_HELD",
    "MB",
    "REFERENCE_FRAMES",
    "RESIDENCIES",
    "STEPS",
    "Cost",
    "Decision",
    "Plan",
    "Rejected",
    "Speeds",
    "Subject",
    "Variant",
    "Wishes",
    "buffers",
    "candidates",
    "cost",
    "plan_for",
    "priced",
    "weight_megabytes",
]
