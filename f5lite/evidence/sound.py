"""What the shipped comparisons say about the sound of a plan, as `plan_for` wants it: word error rates of the bundled voice."""

from __future__ import annotations

from f5lite.evidence.quality import shipped

BUNDLED = "tiny"


def word_errors(model: str = BUNDLED) -> dict[str, float]:
    """`Plan.sounds_like` -> word error rate in percent; what wasn't measured is missing, so it is never preferred.

    Only for the bundled voice, whose weights were measured; empty for any other model.
    """
    if model != BUNDLED:
        return {}
    plans = getattr(shipped, "plans", dict)()
    return {name: float(getattr(found, "value", found)) for name, found in plans.items()}
