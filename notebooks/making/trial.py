"""A lesson as tests run it: every solution after its stub, in one pass through nbval, with what the checks said.

nbval runs each cell in a fresh kernel and compares the cells marked `# NBVAL_CHECK_OUTPUT` with what is stored.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import nbformat

from notebooks.making import run as running
from notebooks.making import source as sources
from notebooks.making.clock import Clock

SANITIZE = sources.FOLDER.parent / "tests" / "nbval-sanitize.cfg"
SAID = "F5LITE_CHECKS_SAID"
ENDING = f"""import json, os, pathlib
from f5lite.evidence.exercises import results
pathlib.Path(os.environ["{SAID}"]).write_text(json.dumps([result.to_dict() for result in results()]))"""


@dataclass(frozen=True)
class Trial:
    """How a lesson did in quick mode. `checks` are the results of its exercises, stub then solution, in order;
    `seconds` leave out waiting for other work on this machine, and `ledger` is the file that it wrote."""

    passed: bool
    report: str
    checks: list[dict[str, object]]
    seconds: float
    ledger: Path


def prepare(source: Path, path: Path) -> None:
    """Write the notebook to run: the stored outputs where there are any, solutions after their stubs."""
    made = sources.with_solutions(source, ENDING)
    stored = sources.target(source)
    if stored.exists():
        known = {cell.get("id"): cell for cell in nbformat.read(stored, as_version=4).cells}
        for cell in made.cells:
            same = known.get(cell.id)
            if cell.cell_type == "code" and same is not None and same.cell_type == "code":
                cell.outputs, cell.execution_count = same.outputs, same.execution_count
    nbformat.write(made, path)


def trial(source: Path, scratch: Path, *, limit: int = 300) -> Trial:
    """Run `source` in quick mode with a ledger of its own. `scratch` must be an empty folder."""
    path, said = scratch / f"{source.stem}.ipynb", scratch / "checks.json"
    prepare(source, path)
    env = running.environment(scratch / "ledger.json", quick=True) | {SAID: str(said)}
    env["PYTHONPATH"] = os.pathsep.join([str(sources.FOLDER.parent), env.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "pytest", "--nbval-lax", f"--nbval-sanitize-with={SANITIZE}", "-q", "-x"]
    command += ["--nbval-current-env", "-p", "no:cacheprovider", f"--nbval-cell-timeout={limit}"]
    command += ["--rootdir", str(scratch), "-c", os.devnull, str(path)]
    clock = Clock()
    done = subprocess.run(command, cwd=scratch, env=env, capture_output=True, text=True)
    checks = json.loads(said.read_text()) if said.exists() else []
    return Trial(done.returncode == 0, done.stdout + done.stderr, checks, clock.fair, scratch / "ledger.json")
