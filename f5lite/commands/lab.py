"""`f5lite lab [LESSON]`: the course in JupyterLab, in a folder of the reader's own."""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
from pathlib import Path

from f5lite.errors import F5liteError

HELP = "copy the lessons to a folder of yours and open JupyterLab there"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which lesson, where, and how to open it."""
    parser.add_argument("lesson", nargs="?", default="00", help="number or name of a lesson (default: 00)")
    parser.add_argument(
        "--folder", type=Path, default=Path("f5lite-lessons"), help="your copy (default: ./f5lite-lessons)"
    )
    parser.add_argument(
        "--reset", metavar="LESSON", help="put a lesson back as it was; yours becomes a backup"
    )
    parser.add_argument("--copy-only", action="store_true", help="bring the folder up to date and stop")
    parser.add_argument("--no-browser", action="store_true", help="print the address instead of opening it")
    parser.add_argument("--port", type=int, help="the server's port (default: 8888, or the next free one)")


def run(options: argparse.Namespace) -> int:
    """Ends when JupyterLab does."""
    from f5lite import lessons

    offered = lessons.shipped()
    opened = lessons.find(options.lesson, offered)
    folder = options.folder.resolve()
    if options.reset is not None:
        opened = lessons.find(options.reset, offered)
        backup = lessons.reset(folder, opened, offered)
        _tell(f"{opened} is as shipped" + (f"; yours is {backup.name}" if backup else ""))
    done = lessons.copy_lessons(folder, {**offered, **lessons.pages()})
    _report(folder, done)
    if options.copy_only:
        return 0
    if importlib.util.find_spec("jupyterlab") is None:
        raise F5liteError('JupyterLab is missing; install it: python -m pip install "f5lite[notebooks]"')
    return _open(folder, opened, options.no_browser, options.port)


def _open(folder: Path, lesson: str, no_browser: bool, port: int | None) -> int:
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={folder}"]
    # So that the address which --no-browser prints leads to the lesson, too.
    command.append(f"--LabApp.default_url=/lab/tree/{lesson}")
    command += ["--no-browser"] if no_browser else []
    command += [f"--port={port}"] if port else []
    _tell("JupyterLab is starting; stop it with Ctrl-C here, twice.")
    server = subprocess.Popen(command, cwd=folder)
    while True:
        try:
            return server.wait()
        except KeyboardInterrupt:
            # The server got the same Ctrl-C, and asks whether it is meant.
            continue


def _report(folder: Path, done) -> None:
    if done.new:
        _tell(f"{sum(name.endswith('.ipynb') for name in done.new)} lessons copied to {folder}")
    if done.renewed:
        _tell(f"renewed, since you hadn't changed them: {', '.join(done.renewed)}")
    if done.offered:
        _tell(f"you changed these, so the newer ones lie beside them: {', '.join(done.offered)}")


def _tell(text: str) -> None:
    print(text, file=sys.stderr)
