"""Stand-ins for the model in a queue's worker: they allocate what they are told, fail when they are told, and answer."""

from __future__ import annotations

import os
import random
import signal
import time
from typing import Any


class Desk:
    """jobs: {"size": bytes, "seconds": s, "fail": word, "fail_for": offers, "answer": value}; settings: chances and a seed."""

    def __init__(self, settings: dict[str, Any] | None) -> None:
        self.settings = settings or {}
        self.random = random.Random(self.settings.get("seed", os.getpid()))
        self.kept: list[tuple[str, ...]] = []

    def run(self, job: dict[str, Any], offer: str) -> Any:
        share = self.settings.get("sizes", {}).get(offer, 1.0)
        block = bytearray(int(job.get("size", 0) * share))
        block[::4096] = b"\1" * len(block[::4096])
        time.sleep(job.get("seconds", 0))
        self._fail(job.get("fail") if offer in job.get("fail_for", [offer]) else None)
        for word in ("allocation", "kill"):
            if self.random.random() < self.settings.get(word, 0):
                self._fail(word)
        return {"answer": job.get("answer"), "offer": offer, "pid": os.getpid(), "bytes": len(block)}

    def _fail(self, word: str | None) -> None:
        if word == "allocation":
            raise RuntimeError(
                "[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory"
            )
        if word == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if word == "abort":
            os.abort()
        if word == "error":
            raise ValueError("no such word")

    def keep(self, stages: tuple[str, ...]) -> None:
        self.kept.append(stages)


def broken(settings: Any) -> Desk:
    raise ImportError("no model here")


class Jobs:
    """Work of one or more jobs; the result is the list of answers."""

    def __init__(self, *jobs: dict[str, Any]) -> None:
        self.jobs, self.answers = list(jobs), []

    def next_job(self) -> dict[str, Any] | None:
        return self.jobs[len(self.answers)] if len(self.answers) < len(self.jobs) else None

    def take(self, value: Any) -> Any:
        self.answers.append(value)
        return value

    def result(self) -> list[Any]:
        return self.answers
