"""This side of a worker: start it, ask it, watch its memory, end it."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from f5lite.errors import F5liteError
from f5lite.memory import procfs

ROOT = Path(__file__).resolve().parents[1]
INTERVAL = 0.01


class Failed(F5liteError):
    """The variant can't be measured; the message is the reason."""


def variables(
    threads: int, paths: Sequence[str] = (), more: Mapping[str, str] | None = None
) -> dict[str, str]:
    """A worker's environment: its number of threads, and this repository in its search path."""
    count = str(threads)
    settings = {name: count for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    kept = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    return {**kept, **settings, "PYTHONPATH": os.pathsep.join([*paths, str(ROOT)]), "TOKENIZERS_PARALLELISM": "false",
            **(more or {})}  # fmt: skip


class Session:
    """One worker. `peak_rss`, `peak_anonymous`: bytes seen while watched; `baseline`: its memory with imports done."""

    def __init__(self, python: str, spec: dict[str, Any], environment: dict[str, str], log: Path) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        self.log = log
        self.errors = open(log, "w", encoding="utf-8", errors="replace")  # noqa: SIM115 - closed in `close`
        self.process = subprocess.Popen(
            [python, "-m", "benchmarks.worker", json.dumps(spec)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True, env=environment, cwd=ROOT,
        )  # fmt: skip
        self.answers: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.baseline: dict[str, int] = {}
        self.peak_anonymous = 0

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.answers.put(line)
        self.answers.put(None)

    def ask(self, what: str, timeout: float, watch: bool = False, **command: Any) -> dict[str, Any]:
        """The answer to one command. Raises `Failed` with the reason. watch: sample anonymous memory meanwhile."""
        assert self.process.stdin
        try:
            self.process.stdin.write(json.dumps({"do": what, **command}) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Failed(self._ended()) from None
        line = self._watched(timeout) if watch else self._waited(timeout)
        said = json.loads(line)
        if "failure" in said:
            raise Failed(said["failure"])
        return said

    def _waited(self, timeout: float) -> str:
        try:
            line = self.answers.get(timeout=timeout)
        except queue.Empty:
            self.process.kill()
            raise Failed(f"took longer than {timeout:.0f} s") from None
        if line is None:
            raise Failed(self._ended())
        return line

    def _watched(self, timeout: float) -> str:
        deadline = time.monotonic() + timeout
        with procfs.Probe(self.process.pid) as probe:
            while True:
                reading = probe.read()
                if reading is not None:
                    self.peak_anonymous = max(self.peak_anonymous, reading.anonymous)
                try:
                    line = self.answers.get(timeout=INTERVAL)
                except queue.Empty:
                    if time.monotonic() > deadline:
                        return self._waited(0.01)
                    continue
                if line is None:
                    raise Failed(self._ended())
                return line

    def _ended(self) -> str:
        from f5lite.memory.meter import how_it_ended

        self.process.wait(10)
        tail = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return how_it_ended(self.process.returncode) + (f": {tail[-1][:200]}" if tail else "")

    def close(self) -> None:
        if self.process.poll() is None:
            if self.process.stdin:
                self.process.stdin.close()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()
        self.errors.close()


def prepare(python: str, spec: dict[str, Any], environment: dict[str, str], timeout: float = 1200) -> None:
    """Let a variant make its files (convert, export, compile). Raises `Failed` with the reason."""
    command = [python, "-m", "benchmarks.worker", json.dumps(spec | {"prepare": True})]
    try:
        done = subprocess.run(
            command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=timeout
        )
    except subprocess.TimeoutExpired:
        raise Failed(f"making its files took longer than {timeout:.0f} s") from None
    if done.returncode:
        tail = [line for line in done.stderr.strip().splitlines() if line.strip()] or ["no reason given"]
        raise Failed(f"making its files failed: {tail[-1][:300]}")


def this_python() -> str:
    return sys.executable
