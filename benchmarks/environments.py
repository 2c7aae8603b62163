"""Environments of the peers: one folder a library, built by the command, kept in f5lite's cache outside the repository.

Each has its own interpreter and its own library. What they share with this environment, by a `.pth` file at the end of
their search path, is torch and numpy: the same build for all, so that a difference is the library's. The library's own
requirements win where both are there.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Sequence
from pathlib import Path

from f5lite import machine
from f5lite.errors import F5liteError

LONGEST = 900  # seconds for one installation
Run = Callable[..., "subprocess.CompletedProcess[str]"]


class NotInstalled(F5liteError):
    """A peer's environment can't be built; the message is the reason, in one line."""


def folder(name: str, requirements: Sequence[str]) -> Path:
    """Where the environment of these requirements is, or will be."""
    content = "\n".join((*requirements, sys.version.split()[0], sys.platform, sys.prefix))
    digest = hashlib.sha256(content.encode()).hexdigest()[:12]
    return machine.cache_folder() / "benchmarks" / "environments" / f"{name}-{digest}"


def python_of(target: Path) -> Path:
    """The interpreter of an environment."""
    return target / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def ready(name: str, requirements: Sequence[str]) -> bool:
    return (folder(name, requirements) / "READY").is_file()


def build(name: str, requirements: Sequence[str], run: Run = subprocess.run) -> Path:
    """The interpreter of an environment with these requirements, built if it isn't there yet. Raises `NotInstalled`."""
    target = folder(name, requirements)
    if ready(name, requirements):
        return python_of(target)
    shutil.rmtree(target, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    pip = [sys.executable, "-m", "pip", "--python", str(python_of(target)), "install", "--quiet",
           "--disable-pip-version-check", "--retries", "1"]  # fmt: skip
    try:
        _run(run, [sys.executable, "-m", "venv", "--without-pip", str(target)])
        share(target)
        if requirements:
            _run(run, [*pip, *requirements])
        (target / "READY").write_text("\n".join(requirements) + "\n", encoding="utf-8")
    except NotInstalled:
        shutil.rmtree(target, ignore_errors=True)
        raise
    return python_of(target)


def share(target: Path) -> None:
    """Let an environment see this one's packages, behind its own."""
    here = sysconfig.get_paths()["purelib"]
    places = [path for path in target.rglob("site-packages") if path.is_dir()]
    if not places:
        raise NotInstalled(f"no site-packages in {target}")
    (places[0] / "zz_shared.pth").write_text(here + "\n", encoding="utf-8")


def _run(run: Run, command: list[str]) -> None:
    try:
        done = run(command, capture_output=True, text=True, timeout=LONGEST)
    except subprocess.TimeoutExpired:
        raise NotInstalled(f"installing took longer than {LONGEST} s") from None
    except OSError as problem:
        raise NotInstalled(f"can't start {command[0]}: {problem.strerror}") from None
    if done.returncode:
        raise NotInstalled(reason(done.stderr))


def reason(said: str) -> str:
    """The line of pip's output that tells most: its last error."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")]
    return (errors or lines or ["no reason given"])[-1].removeprefix("ERROR:").strip()[:300]
