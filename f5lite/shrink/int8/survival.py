"""Kernels that may end the process they run in: tried in a process of its own first, once for a machine.

oneDNN's quantised layer met an illegal instruction on an emulated ARM processor; no `except` catches that. x86's kernels are
chosen by what the processor says it has, so there nothing is tried and nobody waits.
"""

from __future__ import annotations

import platform
import signal
import subprocess
import sys

from f5lite import machine

LONGEST = 120.0
TRUSTED = ("x86_64", "amd64", "i386", "i686")


def killer(name: str) -> str | None:
    """What the kernel `name` of `products.RISKY` does to a process that tries it here; None if it lives."""
    if platform.machine().lower() in TRUSTED:
        return None
    try:
        return machine.calibration(f"int8-kernel-{name}", lambda: attempt(name))
    except (OSError, subprocess.TimeoutExpired) as error:  # not kept: the next process tries again
        return f"it couldn't be tried in a process of its own ({type(error).__name__})"


def attempt(name: str) -> str | None:
    """Try it now, in a process of its own. OSError or TimeoutExpired where that can't be done."""
    command = [sys.executable, "-m", "f5lite.shrink.int8.products", name]
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=LONGEST,
    )
    if done.returncode == 0:
        return None
    return f"it ends the process that runs it ({ending(done.returncode)})"


def ending(code: int) -> str:
    """An exit status in words."""
    try:
        return signal.Signals(-code).name if code < 0 else f"exit status {code}"
    except ValueError:
        return f"signal {-code}"
