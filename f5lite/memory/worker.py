"""The process that a queue's model lives in, seen from both sides.

An allocation that fails in native code, an abort or a SIGKILL ends this process and not the caller's; ending it gives every
byte back. `Worker` is the near side, `main` the far one. Messages are pickles with their length before them.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import pickle
import subprocess
import sys
import threading
import traceback
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal, Protocol

from f5lite.errors import F5liteError
from f5lite.memory import procfs

SHORT_OF_MEMORY = (
    "allocate memory",
    "not enough memory",
    "out of memory",
    "bad_alloc",
    "enforce fail at alloc",
)


class Handler(Protocol):
    """What does the work in there. A worker is told its factory's name, "module:function"."""

    def run(self, job: Any, offer: str) -> Any: ...
    def keep(self, stages: tuple[str, ...]) -> None: ...

    # A handler may also have `holds() -> dict[str, int]`: the stages that are loaded now, with their bytes.


@dataclass(frozen=True)
class Outcome:
    """How a job ended. kind: "done"; "allocation" (memory ran out); "error" (it raised); "died" (the process is gone)."""

    kind: Literal["done", "allocation", "error", "died"]
    value: Any = None
    message: str = ""


def send(pipe: BinaryIO, message: Any) -> None:
    data = pickle.dumps(message)
    pipe.write(len(data).to_bytes(8, "little") + data)
    pipe.flush()


def receive(pipe: BinaryIO) -> Any:
    """The next message; EOFError when the other side is gone."""
    head = pipe.read(8)
    if len(head) < 8:
        raise EOFError
    size = int.from_bytes(head, "little")
    data = pipe.read(size)
    if len(data) < size:
        raise EOFError
    return pickle.loads(data)


class Worker:
    """The near side: starts the process when needed, hands it one job at a time, knows what it holds.

    factory: "module:function", called in the process with `settings`. cap: what each new process joins.
    """

    def __init__(self, factory: str, settings: Any = None, cap: Any = None) -> None:
        self.factory, self.settings, self.cap = factory, settings, cap
        self.deaths = 0
        self.stages: dict[str, int] = {}  # what it had loaded when it last answered, in bytes
        self.imported = self._imported_rss = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._probe: procfs.Probe | None = None
        self._tail = bytearray()

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    @property
    def held(self) -> int:
        """Bytes of anonymous memory beyond the imports that the process holds now; 0 when there is none."""
        reading = self._probe.read() if self._probe is not None else None
        return max(0, reading.anonymous - self.imported) if reading else 0

    @property
    def peak(self) -> int:
        """Bytes of its highest RSS so far, beyond the imports; 0 when there is no process."""
        reading = self._probe.read() if self._probe is not None else None
        return max(0, reading.peak_rss - self._imported_rss) if reading else 0

    def start(self) -> None:
        """Start the process and wait until it has imported what it needs. Raises F5liteError when it can't."""
        if self.alive:
            return
        self.end()
        here = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        program = f"import sys; sys.path.insert(0, {here!r}); from f5lite.memory.worker import main; main()"
        process = subprocess.Popen(
            [sys.executable, "-c", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._process, self._tail = process, bytearray()
        threading.Thread(target=_drain, args=(process.stderr, self._tail), daemon=True).start()
        try:
            if self.cap is not None:
                self.cap.join(process.pid)
            send(process.stdin, (self.factory, self.settings, [entry or os.getcwd() for entry in sys.path]))
            ready = receive(process.stdout)
        except (EOFError, OSError):
            reason = self._how_it_ended()
            raise F5liteError(f"the worker process could not start: it {reason}") from None
        if ready is not None:
            self.end()
            raise F5liteError(f"the worker process could not start: {ready}")
        self._probe = procfs.Probe(process.pid)
        reading = self._probe.read()
        self.imported = reading.anonymous if reading else 0
        self._imported_rss = reading.rss if reading else 0

    def run(self, job: Any, offer: str) -> Outcome:
        """Do one job in the process, started if need be. Blocks; never raises for what happens in there."""
        try:
            self.start()
        except F5liteError as error:
            return Outcome("died", message=str(error))
        return self._ask(("run", job, offer))

    def keep(self, stages: tuple[str, ...]) -> Outcome:
        """Let the process release every stage that isn't named."""
        return self._ask(("keep", stages)) if self.alive else Outcome("done")

    def _ask(self, message: Any) -> Outcome:
        assert self._process is not None
        try:
            send(self._process.stdin, message)
            kind, value, words, self.stages = receive(self._process.stdout)
            return Outcome(kind, value, words)
        except (EOFError, OSError, pickle.UnpicklingError):
            reason = self._how_it_ended()
            self.deaths += 1
            return Outcome("died", message=f"the worker process {reason}")

    def _how_it_ended(self) -> str:
        from f5lite.memory.meter import how_it_ended

        assert self._process is not None
        try:
            code = self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        last = bytes(self._tail[-300:]).decode(errors="replace").strip().splitlines()
        self.end()
        return how_it_ended(code) + (f" ({last[-1]})" if last else "")

    def kill(self) -> None:
        """End the process at once, from any thread; a job that runs there ends as "died"."""
        process = self._process
        if process is not None:
            process.kill()

    def end(self) -> None:
        """End the process and give all its memory back. Ending twice is fine."""
        process, self._process = self._process, None
        self.stages = {}
        if self._probe is not None:
            self._probe.close()
            self._probe = None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with contextlib.suppress(OSError):
                    pipe.close()


def _drain(pipe: BinaryIO, tail: bytearray) -> None:
    with pipe:
        while part := pipe.read1(65536):
            tail += part
            del tail[:-65536]


def ran_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that an allocation failed: Python's own, or torch's in its various words."""
    if isinstance(error, MemoryError):
        return True
    words = str(error).lower()
    return isinstance(error, (RuntimeError, OSError)) and any(part in words for part in SHORT_OF_MEMORY)


def main() -> None:
    """The far side: build the handler, then answer one message at a time until the other side goes away."""
    inlet, outlet = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    factory, settings, path = receive(inlet)
    sys.path[:] = path
    try:
        module, _, name = factory.partition(":")
        handler: Handler = getattr(importlib.import_module(module), name)(settings)
        send(outlet, None)
    except BaseException as error:
        send(outlet, f"{type(error).__name__}: {error}")
        return
    with contextlib.suppress(EOFError):
        while True:
            send(outlet, (*_answer(handler, receive(inlet)), _holds(handler)))
    os._exit(0)


def _holds(handler: Handler) -> dict[str, int]:
    return handler.holds() if hasattr(handler, "holds") else {}


def _answer(handler: Handler, message: tuple[Any, ...]) -> tuple[str, Any, str]:
    try:
        if message[0] == "keep":
            handler.keep(message[1])
            return "done", None, ""
        return "done", handler.run(message[1], message[2]), ""
    except Exception as error:
        words = f"{type(error).__name__}: {error}"
        if ran_out_of_memory(error):
            error.__traceback__ = None  # its frames hold the memory that is missing
            with contextlib.suppress(Exception):
                handler.keep(())
            return "allocation", None, words
        if not isinstance(error, F5liteError):
            traceback.print_exc()
        return "error", None, str(error) if isinstance(error, F5liteError) else words
