"""What was measured for the bundled voice, as data: other parts may rank ways of running it by sound without guessing.

A way that wasn't measured is never preferred: it has no figure, and `ranked` leaves it out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from f5lite.evidence.quality.bootstrap import Interval
from f5lite.evidence.quality.result import Result

FOLDER = Path(__file__).parent / "results"
PLANS_BASELINE = {"precision": "fp32", "steps": 7, "guidance": 1.0}  # what plans are compared with
BASELINE = {"steps": 32, "guidance": 1.0}  # fp32, as the model is usually run


@lru_cache(maxsize=1)
def shipped() -> dict[str, Result]:
    """Name → result, as in the files of `results/`. A is `BASELINE` unless `about["baseline"]` says what it was."""
    found = {}
    for path in sorted(FOLDER.glob("*.json")):
        found[path.stem] = Result.from_dict(json.loads(path.read_text(encoding="utf-8")))
    return found


def measured(
    settings: Mapping[str, Any],
    results: Mapping[str, Result] | None = None,
    baseline: Mapping[str, Any] = BASELINE,
) -> Result | None:
    """The result whose B is exactly these settings (`{"steps": 7}`, `{"engine": "int8"}`) against `baseline`, or None."""
    for result in (shipped() if results is None else results).values():
        about = result.about
        if about.get("settings") == dict(settings) and about.get("baseline", BASELINE) == dict(baseline):
            return result
    return None


def ranked(
    choices: Mapping[str, Mapping[str, Any]],
    metric: str = "wer",
    results: Mapping[str, Result] | None = None,
    baseline: Mapping[str, Any] = BASELINE,
) -> list[tuple[str, Result]]:
    """The measured ones of `choices` (name → settings), best first by the bad end of their interval against A.

    Ranking by the bad end means that a choice measured on few sentences has to show its quality before it is preferred.
    """
    from f5lite.evidence.quality.metrics import METRICS

    sign = 1 if METRICS[metric].better == "lower" else -1
    found = [(name, measured(settings, results, baseline)) for name, settings in choices.items()]
    known = [(name, result) for name, result in found if result is not None]

    def bad_end(entry: tuple[str, Result]) -> float:
        change = entry[1].figure(metric).change
        return max(sign * change.low, sign * change.high)

    return sorted(known, key=bad_end)


def plans(
    metric: str = "wer",
    results: Mapping[str, Result] | None = None,
    baseline: Mapping[str, Any] = PLANS_BASELINE,
) -> dict[str, Interval]:
    """`Plan.sounds_like` ("int8/7") -> the metric: the baseline's figure, plus the paired difference for every other plan.

    Intervals are those of the differences, so plans compare with each other and the baseline's is of no width; rank by
    the bad end, as `ranked` does. Only results that differ from the baseline in precision and steps count.
    """
    known = [
        (result.about["settings"], result.figure(metric))
        for result in (shipped() if results is None else results).values()
        if result.about.get("baseline") == dict(baseline) and set(result.about["settings"]) == set(baseline)
    ]
    known = [(way, figure) for way, figure in known if _same_but(way, baseline, ("precision", "steps"))]
    if not known:
        return {}
    base = max((figure.a for _, figure in known), key=lambda found: found.count)
    found = {_plan(baseline): Interval(base.value, base.value, base.value, base.count)}
    for way, figure in known:
        shift = figure.change
        found[_plan(way)] = Interval(
            base.value + shift.value, base.value + shift.low, base.value + shift.high, shift.count
        )
    return found


def _plan(settings: Mapping[str, Any]) -> str:
    return f"{settings['precision']}/{settings['steps']}"


def _same_but(one: Mapping[str, Any], other: Mapping[str, Any], free: tuple[str, ...]) -> bool:
    return all(one[name] == other[name] for name in other if name not in free)
