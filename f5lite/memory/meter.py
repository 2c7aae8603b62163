"""The memory, time and energy of one piece of work, measured in a process of its own.

`isolated(function, …)` runs it in a fresh process, `watch()` looks at a `with` block in this one. Both give a `Measured`.
The parent samples the child from outside, so a child that is killed still leaves its readings behind.
"""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from f5lite.errors import F5liteError
from f5lite.memory import child, energy, procfs
from f5lite.memory.measured import MB, Measured, Phase, fill_from_samples
from f5lite.memory.watch import to_sample, watch

__all__ = ["Measured", "WorkFailed", "isolated", "measure", "phase", "watch"]
IMPORTS = ("numpy", "torch", "f5lite.pipeline")
INTERVAL = 0.01
phases: list[tuple[str, float, float]] = []


class WorkFailed(F5liteError):
    """The work in a process of its own raised, was killed, or ran out of time. `measured` has the figures up to there."""

    def __init__(self, measured: Measured) -> None:
        tail = "\n".join(measured.printed.strip().splitlines()[-12:])
        super().__init__(
            f"the measured work {measured.failure}" + (f"; it printed last:\n{tail}" if tail else "")
        )
        self.measured = measured


@contextlib.contextmanager
def phase(name: str) -> Iterator[None]:
    """Name a part of the measured work: `with meter.phase("idle"): time.sleep(1)`. Figures can then be asked for by name."""
    start = time.monotonic()
    try:
        yield
    finally:
        phases.append((name, start, time.monotonic()))


def to_bytes(value: Any) -> bytes:
    """Pickle, with functions and classes of a notebook (`__main__`) or of a function's inside sent along by value."""
    try:
        plain = pickle.dumps(value)
        if b"__main__" not in plain:
            return plain
    except (pickle.PicklingError, AttributeError, TypeError):
        pass
    try:
        import cloudpickle
    except ImportError as error:
        raise F5liteError(
            "a function of a notebook cell goes to a process of its own through cloudpickle, which is not installed; "
            "run: pip install cloudpickle, or move the function to a module"
        ) from error
    return cloudpickle.dumps(value)


def isolated(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Measured:
    """Run `function(*args, **kwargs)` in a fresh process and return its result with its memory (`.result`, `.peak_rss_mb`, …).

    torch and f5lite are imported there before the baseline is taken. Raises `WorkFailed` when the work doesn't return.
    """
    return measure(function, args, kwargs)


def measure(
    function: Callable[..., Any],
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    imports: Sequence[str] = IMPORTS,
    interval: float = INTERVAL,
    timeout: float | None = None,
    python: str = sys.executable,
    paths: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    check: bool = True,
) -> Measured:
    """`isolated` with its settings.

    imports: modules that belong to the baseline (those that aren't installed are passed over).
    interval: seconds between samples. timeout: seconds until the work is killed.
    python, paths: another environment's interpreter, and folders to import from there.
    env: variables set on top of this process's.
    check: raise `WorkFailed` when the work doesn't return; with False, look at `.failure`.
    """
    here = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    foreign = python != sys.executable
    path = [here] if foreign else [entry or os.getcwd() for entry in sys.path]
    work = to_bytes((function, tuple(args), dict(kwargs or {})))
    request = pickle.dumps(child.Request(work, path + list(paths), foreign, os.getcwd(), tuple(imports)))
    program = f"import sys; sys.path.insert(0, {here!r}); from f5lite.memory.child import main; main()"
    process = subprocess.Popen(
        [python, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **(env or {})},
    )
    try:
        measured = _attend(process, request, interval, timeout)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
    if check and not measured.ok:
        raise WorkFailed(measured)
    return measured


def _attend(
    process: subprocess.Popen[bytes], request: bytes, interval: float, timeout: float | None
) -> Measured:
    """Send the request, sample until the answer is in or the child is gone, and put the figures together."""
    assert process.stdin and process.stdout and process.stderr
    before = energy.sensors()
    readers = [_Reader(process.stdout), _Reader(process.stderr)]
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(len(request).to_bytes(8, "little") + request)
        process.stdin.flush()
    moments: list[tuple[float, procfs.Reading]] = []
    deadline = None if timeout is None else time.monotonic() + timeout
    late, cpu = False, time.thread_time()
    with procfs.Probe(process.pid) as probe:
        while not readers[0].done.wait(interval):
            reading = probe.read()
            if reading is not None:
                moments.append((time.monotonic(), reading))
            elif process.poll() is not None:
                break
            if deadline is not None and time.monotonic() > deadline:
                late = True
                process.kill()
                break
        source = probe.source
    cpu = time.thread_time() - cpu
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for reader in readers:
        reader.done.wait(2)
    measured = Measured(source=source, sampling_interval=interval, sampler_cpu_seconds=cpu)
    measured.samples_taken = len(moments)
    measured.printed = bytes(readers[1].data).decode(errors="replace")
    after = energy.sensors()
    measured.joules, measured.joules_source = energy.joules_between(before, after)
    measured.clock_mhz, measured.celsius = after.clock_mhz, after.celsius
    answer = _open_answers(bytes(readers[0].data))
    if answer is None or (answer.ended is None and answer.failure is None):
        measured.failure = f"ran out of its {timeout:g} s" if late else how_it_ended(process.returncode)
    _put_together(measured, answer, moments)
    return measured


class _Reader:
    """Drains one pipe in a thread, so that a child with much to say never blocks."""

    def __init__(self, pipe: Any) -> None:
        self.data = bytearray()
        self.done = threading.Event()
        threading.Thread(target=self._drain, args=(pipe,), daemon=True).start()

    def _drain(self, pipe: Any) -> None:
        with pipe:
            while part := pipe.read1(1 << 20):
                self.data += part
        self.done.set()


def _open_answers(data: bytes) -> child.Answer | None:
    """The last whole answer in the pipe: none, the one sent with the baseline, or the final one."""
    answer, stream = None, io.BytesIO(data)
    with contextlib.suppress(EOFError, pickle.UnpicklingError):
        while stream.tell() < len(data):
            answer = pickle.load(stream)
    return answer


def how_it_ended(code: int) -> str:
    """What a process's exit code says, after "it …" or "the work …"."""
    if code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        hint = " (the system kills this way when memory runs out)" if name == "SIGKILL" else ""
        return f"was killed by {name}{hint}"
    return f"ended its process with exit code {code}"


def _put_together(
    measured: Measured, answer: child.Answer | None, moments: Sequence[tuple[float, procfs.Reading]]
) -> None:
    """Set the figures from the child's answer and from the samples; with no answer, from whatever was seen."""
    measured.failure = (answer.failure if answer else None) or measured.failure
    if answer is None or answer.baseline is None:
        measured.peak_source = "none: the work ended before its imports had"
        return
    baseline, began, ended = answer.baseline, answer.started, answer.ended
    measured.baseline_mb, measured.baseline_anonymous_mb = baseline.rss / MB, baseline.anonymous / MB
    inside = [(began, baseline)]
    inside += [(m, reading) for m, reading in moments if began <= m and (ended is None or m <= ended)]
    measured.peak_source = "highest sample"
    if ended is None or answer.at_return is None:
        measured.wall_seconds = inside[-1][0] - began
    else:
        inside.append((ended, answer.at_return))
        measured.wall_seconds, measured.cpu_seconds = ended - began, answer.cpu_seconds
        measured.minor_faults, measured.major_faults = answer.minor_faults, answer.major_faults
        measured.phases = [Phase(name, start - began, end - began) for name, start, end in answer.phases]
        if answer.peak_was_reset or answer.at_return.peak_rss > baseline.peak_rss:
            measured.peak_rss_mb = (answer.at_return.peak_rss - baseline.rss) / MB
            reset = "VmHWM, reset after the imports"
            measured.peak_source = (
                reset if answer.peak_was_reset else "the system's peak since the process began"
            )
    measured.samples = [to_sample(moment - began, reading) for moment, reading in inside]
    fill_from_samples(measured)
    if measured.ok and answer.result is not None:
        measured.result = pickle.loads(answer.result)
