"""The far side of `meter.measure`: a fresh process that imports, notes its baseline, does the work, and answers once.

It reads one request from standard input and writes its answer twice to what was standard output: when the
baseline is known, and when the work has ended (a child that is killed leaves the first). Whatever the work
prints goes to standard error. When the asking process goes away, this one ends too.
"""

from __future__ import annotations

import importlib
import os
import pickle
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from f5lite.memory import procfs


@dataclass
class Request:
    """What to do. `work` is a pickle of (function, args, kwargs), opened only when `path` and `imports` are in place.

    `path` replaces this interpreter's search path, or goes in front of it when `own_path` is set (another environment's python).
    """

    work: bytes
    path: list[str]
    own_path: bool
    folder: str
    imports: Sequence[str]


@dataclass
class Answer:
    """What happened, in this process's own figures; moments are on the system-wide monotonic clock."""

    baseline: procfs.Reading | None = None
    at_return: procfs.Reading | None = None
    started: float = 0.0
    ended: float | None = None
    cpu_seconds: float = 0.0
    minor_faults: int = 0
    major_faults: int = 0
    peak_was_reset: bool = False
    phases: list[tuple[str, float, float]] = field(default_factory=list)
    result: bytes | None = None
    failure: str | None = None


def _end_with_parent() -> None:
    """Block until the asking process closes our standard input, which it does by ending; then end."""
    while os.read(0, 4096):
        pass
    os._exit(1)


def _load(imports: Sequence[str]) -> None:
    for name in imports:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is None or not (name == error.name or name.startswith(error.name + ".")):
                raise


def _carry_out(request: Request, answer: Answer, pipe: BinaryIO) -> None:
    from f5lite.memory import meter
    from f5lite.shrink.trim import give_back

    os.chdir(request.folder)
    sys.path[:] = request.path + (sys.path if request.own_path else [])
    _load(request.imports)
    function, args, kwargs = pickle.loads(request.work)
    meter.phases.clear()
    give_back()
    with procfs.Probe() as probe:
        answer.peak_was_reset = procfs.reset_peak()
        answer.baseline = probe.read()
        minor, major = procfs.page_faults()
        cpu = time.process_time()
        answer.started = time.monotonic()
        pickle.dump(answer, pipe)
        pipe.flush()
        try:
            result: Any = function(*args, **kwargs)
        finally:
            answer.ended = time.monotonic()
            answer.at_return = probe.read()
            answer.cpu_seconds = time.process_time() - cpu
            minor_now, major_now = procfs.page_faults()
            answer.minor_faults, answer.major_faults = minor_now - minor, major_now - major
            answer.phases = list(meter.phases)
    answer.result = meter.to_bytes(result)


def main() -> None:
    """Serve one request. Always answers unless the process is killed or aborts."""
    size = int.from_bytes(_exactly(8), "little")
    request: Request = pickle.loads(_exactly(size))
    pipe = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    answer = Answer()
    try:
        _carry_out(request, answer, pipe)
    except BaseException as error:  # the work may raise anything, SystemExit included: all of it is an answer
        traceback.print_exc()
        answer.failure = f"raised {type(error).__name__}: {error}"
    sys.stdout.flush()
    pickle.dump(answer, pipe)
    pipe.flush()
    sys.stderr.flush()
    os._exit(0)


def _exactly(size: int) -> bytes:
    parts = []
    while size:
        part = os.read(0, min(size, 1 << 20))
        if not part:
            os._exit(1)
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
