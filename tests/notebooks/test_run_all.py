"""Run All of every lesson in quick mode, without a click; every solution passes its check and every stub fails it."""

from __future__ import annotations

from pathlib import Path

import pytest

from f5lite.evidence.claims import CLAIMS
from f5lite.evidence.ledger import Ledger
from notebooks.making import source as sources
from notebooks.making.run import LIMIT_QUICK
from notebooks.making.trial import Trial, trial

pytestmark = [pytest.mark.notebooks, pytest.mark.slow]


def best_of_three(lesson: Path, folder: Path) -> Trial:
    """Stop at the first run that is quick enough: other work on this machine slows the others."""
    for turn in range(3):
        scratch = folder / str(turn)
        scratch.mkdir()
        done = trial(lesson, scratch)
        if not done.passed or done.seconds <= LIMIT_QUICK:
            return done
    return done


def test_run_all(lesson: Path, tmp_path: Path) -> None:
    done = best_of_three(lesson, tmp_path)
    assert done.passed, done.report[-6000:]
    exercises = [cell for cell in sources.cells(lesson) if "exercise" in sources.tags(cell)]
    assert len(done.checks) == 2 * len(exercises), f"each exercise is checked twice here: {done.checks}"
    for stub, solution in zip(done.checks[::2], done.checks[1::2], strict=True):
        assert stub["name"] == solution["name"]
        assert not stub["passed"], f"the stub of {stub['name']} passes its own check"
        assert len(str(stub["message"])) > 20 and "Traceback" not in str(stub["message"])
        assert solution["passed"], f"the solution of {solution['name']} fails: {solution['message']}"
    kept = Ledger(done.ledger)
    assert kept.notices == [] and kept.interrupted() == []
    for claim in CLAIMS.of_lesson(sources.lesson(lesson)):
        names = {name for entry in kept.entries(claim.id, kind="measurement") for name in entry.figures}
        assert names & set(claim.needs), (
            f"{claim.id} needs {claim.needs}, this lesson records {sorted(names)}"
        )
    assert done.seconds <= LIMIT_QUICK, (
        f"{done.seconds:.0f} s in quick mode, three times; at most {LIMIT_QUICK}"
    )
