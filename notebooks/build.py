"""Make the notebooks from their sources: build, run, store; or check that they are in step; or run them small.

    python -m notebooks.build [NAME …]        build, run in full, store          (make notebooks)
    python -m notebooks.build --quick NAME    the same with fewer repeats and smaller shapes, stored and marked so
    python -m notebooks.build --check         are source and notebook in step?
    python -m notebooks.build --memory        one core, 2 GiB, nothing stored    (make notebooks-small)

NAME is a lesson's number or file name; without one, every lesson is taken, in order. A lesson finds the entries of those
before it, as a reader's would, and none of those after it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from datetime import date
from pathlib import Path

import nbformat

from notebooks.making import run as running
from notebooks.making import source as sources
from notebooks.making.clean import clean
from notebooks.making.rules import quiet

STATE = sources.FOLDER / ".build"


def chosen(names: list[str]) -> list[Path]:
    """Sources for these names ("03", "03_stages", a path); all of them for none. Exits for an unknown one."""
    every = sources.sources()
    if not names:
        return every
    found = []
    for name in names:
        stem = Path(name).stem
        hits = [path for path in every if stem in (path.stem, sources.lesson(path))]
        if not hits:
            sys.exit(f"no lesson {name!r}; there are: {', '.join(path.stem for path in every) or 'none'}")
        found += hits
    return found


def ledger(source: Path) -> Path:
    """The ledger of a lesson's build: what the last build of the lesson before it left, to which it adds its own."""
    STATE.mkdir(exist_ok=True)
    (STATE / ".gitignore").write_text("*\n", encoding="utf-8")
    own = STATE / f"ledger-{sources.lesson(source)}.json"
    before = sorted(path for path in STATE.glob("ledger-[0-9]*.json") if path.name < own.name)
    if before:
        shutil.copyfile(before[-1], own)
    else:
        own.unlink(missing_ok=True)
    return own


def build(source: Path, *, quick: bool) -> str:
    """Build, run and store one lesson. Returns what is wrong, or nothing.

    A run that failed, warned, or printed on standard error leaves the old file alone.
    """
    path = sources.target(source)
    env = running.environment(ledger(source), quick=quick)
    limit = running.LIMIT_QUICK if quick else running.LIMIT_FULL
    done = running.run(sources.notebook(source), path.parent, env)
    if done.error:
        return done.error
    made = clean(done.notebook)
    if said := quiet(made):
        return "; ".join(said)
    made.metadata["f5lite"] = {"seconds": round(done.seconds), "quick": quick, "built": str(date.today())}
    store(made, path)
    print(f"{path.name}: {done.seconds:.0f} s, {path.stat().st_size / 1e3:.0f} kB", flush=True)
    return f"took {done.seconds:.0f} s, may take {limit}" if done.seconds > limit else ""


def store(notebook: nbformat.NotebookNode, path: Path) -> None:
    """Write the notebook in one step, so that an interrupted build leaves a whole file."""
    nbformat.validate(notebook)
    part = path.with_name(f".{path.name}.tmp")
    part.write_text(nbformat.writes(notebook), encoding="utf-8")
    os.replace(part, path)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="notebooks.build", description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--quick", action="store_true", help="run with F5LITE_QUICK=1")
    parser.add_argument("--check", action="store_true", help="only compare sources and notebooks")
    parser.add_argument(
        "--memory", action="store_true", help="one core, 2 GiB for server, kernel and children"
    )
    parser.add_argument("--no-run", action="store_true", help="store the notebook without outputs")
    options = parser.parse_args(arguments)
    failed = 0
    if options.memory:
        from notebooks.making import small

        return small.main(chosen(options.names), quick=options.quick)
    for source in chosen(options.names):
        try:
            if options.check:
                problems = sources.drift(source)
            elif options.no_run:
                store(sources.notebook(source), sources.target(source))
                problems = []
            else:
                problems = [problem] if (problem := build(source, quick=options.quick)) else []
        except ValueError as error:
            problems = [str(error)]
        for problem in problems:
            print(f"{source.name}: {problem}", file=sys.stderr, flush=True)
        failed += bool(problems)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
