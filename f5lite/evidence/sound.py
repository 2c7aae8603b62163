"""What the shipped comparisons say about the sound of a plan, as `plan_for` wants it: word error rates of the bundled voice."""

from __future__ import annotations

from f5lite.evidence.quality import shipped

BUNDLED = "tiny"


def word_errors(model: str = BUNDLED) -> dict[str, float]:
    """`Plan.sounds_like` -> word error rate in percent, the bad end of what the comparison leaves open: a plan measured on few
    sentences has to show its quality before it is preferred. What wasn't measured is missing.

    Only for the bundled voice, whose weights were measured; empty for any other model.
    """
    return {name: found.high for name, found in shipped.plans().items()} if model == BUNDLED else {}
