"""The real speaker in a worker that has bad luck: torch's allocator gives up, or the kernel kills it, amid a request."""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode

WORDS = (
    "[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: "
    "you tried to allocate 4194304 bytes. Error code 12 (Cannot allocate memory)"
)


class At(TorchDispatchMode):
    """Counts operations; before number `at` (from 1) an allocation fails, or with `kill` the process is killed."""

    def __init__(self, at: int | None = None, kill: bool = False) -> None:
        super().__init__()
        self.at, self.kill, self.count = at, kill, 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.count += 1
        if self.count == self.at:
            if self.kill:
                os.kill(os.getpid(), signal.SIGKILL)
            raise RuntimeError(WORDS)
        return function(*args, **(kwargs or {}))


class Unlucky:
    """settings: ways (see `Speaker`); allocation, kill: the share of the jobs that end that way; seed."""

    def __init__(self, settings: dict[str, Any]) -> None:
        import torch

        from f5lite.memory.speaker import Speaker

        torch.set_num_threads(1)
        self.speaker, self.settings = Speaker(settings["ways"]), settings
        # Another process must not have the luck of the one before it.
        self.random = random.Random(f"{settings['seed']}-{os.getpid()}")
        self.operations: dict[str, int] = {}
        self.counted: Counter[str] = Counter()

    def run(self, job: dict[str, Any], offer: str) -> Any:
        if "cut" in job:
            return self.speaker.run(job, offer)
        luck = self.random.random()
        for word in ("allocation", "kill"):
            if offer in self.operations and luck < self.settings.get(word, 0.0):
                at = self.random.randint(1, self.operations[offer])
                with At(at, kill=word == "kill"):
                    return self.speaker.run(job, offer)
        if (
            self.counted[offer] >= 2
        ):  # the first run loads besides, so two are needed to know how many there are
            return self.speaker.run(job, offer)
        self.counted[offer] += 1
        with At() as counting:
            answer = self.speaker.run(job, offer)
        self.operations[offer] = min(counting.count, self.operations.get(offer, counting.count))
        return answer

    def holds(self) -> dict[str, int]:
        return self.speaker.holds()

    def keep(self, stages: tuple[str, ...]) -> None:
        self.speaker.keep(stages)
