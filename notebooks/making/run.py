"""Run a lesson from top to bottom in a fresh kernel, as Run All does, and say how long it took."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from notebooks.making.clock import Clock

LIMIT_FULL, LIMIT_QUICK = 120, 45  # seconds a lesson, on two cores


@dataclass(frozen=True)
class Run:
    """`seconds` from the kernel's start to its end, without waiting for other work on this machine; `error` is empty
    when every cell ran."""

    notebook: NotebookNode
    seconds: float
    error: str = ""


def environment(ledger: Path, *, quick: bool) -> dict[str, str]:
    """The kernel's environment: its own ledger, so that nobody's is touched, and quick mode or not."""
    env = {**os.environ, "F5LITE_LEDGER": str(ledger), "PYTHONHASHSEED": "0"}
    env.pop("F5LITE_QUICK", None)
    return {**env, "F5LITE_QUICK": "1"} if quick else env


def run(
    notebook: NotebookNode,
    folder: Path,
    env: dict[str, str],
    *,
    cell_limit: int = 600,
    started: Callable[[int], None] | None = None,
) -> Run:
    """Execute every cell in `folder`. `started` is told the kernel's process id before the first cell."""
    client = NotebookClient(
        notebook,
        timeout=cell_limit,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        store_widget_state=False,
        record_timing=False,
        coalesce_streams=True,
    )

    def tell(**_: object) -> None:
        process = getattr(client.km.provisioner, "pid", None)
        if started is not None and process:
            started(process)

    client.on_notebook_start = tell
    clock = Clock()
    error = ""
    try:
        client.execute(env=env)
    except CellExecutionError as failed:
        error = f"a cell failed with {failed.ename}: {failed.evalue}\n{failed}"
    except CellTimeoutError as failed:
        error = f"a cell took longer than {cell_limit} s: {failed}"
    except DeadKernelError:
        error = "the kernel died: out of memory, or a crash in native code"
    return Run(notebook, clock.fair, error)
