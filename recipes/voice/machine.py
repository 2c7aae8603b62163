"""How to train on this machine: which numbers, which device, how many threads."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Sequence

import torch

from f5lite import machine


def precision(device: str) -> torch.dtype:
    """bf16 where the processor or the card multiplies it fast, fp32 elsewhere: there autocast costs several times more."""
    if device.startswith("cuda"):
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    return torch.bfloat16 if machine.card().bf16_instructions else torch.float32


def autocast(device: str) -> contextlib.AbstractContextManager:
    """Autocast to `precision`, or nothing."""
    chosen, kind = precision(device), device.split(":")[0]
    if chosen == torch.float32:
        return contextlib.nullcontext()
    return torch.autocast(kind, dtype=chosen)


def usual_device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"


def alone() -> None:
    """One thread in this process, and in those that it starts. What was spoken with two has another place on the shelf."""
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)


def in_parts(module: str, arguments: Sequence[str], workers: int) -> None:
    """Run a module of this package in so many processes, each told its part: `--part K N`. CalledProcessError if one fails."""
    command, running = [sys.executable, "-m", module, *arguments, "--part"], []
    for part in range(workers):
        running.append(subprocess.Popen([*command, str(part), str(workers)]))
    failed = [process.args for process in running if process.wait()]
    if failed:
        raise subprocess.CalledProcessError(1, failed[0])


def threads(count: int | None) -> None:
    """One fewer than the cores unless asked, so that the machine stays usable."""
    torch.set_num_threads(count or max(1, (os.cpu_count() or 2) - 1))
