"""Technique 1: a stage's weights are loaded when its turn comes, and released after it if they needn't stay."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from torch import nn

from f5lite.errors import F5liteError
from f5lite.shrink.trim import give_back

Module = TypeVar("Module", bound=nn.Module)
RESIDENCIES = ("resident", "on-demand")


class Stage(Generic[Module]):
    """A stage as a handle: `with stage as module:` loads it on first use and, on demand, releases it afterwards."""

    def __init__(self, name: str, load: Callable[[], Module], residency: str = "resident"):
        if residency not in RESIDENCIES:
            raise F5liteError(f"residency must be one of {', '.join(RESIDENCIES)}, found {residency!r}")
        self.name, self.load, self.residency = name, load, residency
        self.module: Module | None = None
        self.users = 0
        self.lock = threading.RLock()

    @property
    def loaded(self) -> bool:
        return self.module is not None

    def __enter__(self) -> Module:
        with self.lock:
            if self.module is None:
                self.module = self.load()
            self.users += 1
            return self.module

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.users -= 1
            if self.residency == "on-demand" and not self.users:
                self.release()

    def release(self) -> None:
        """Drop the weights and give their memory back to the system. Not while the stage is in use."""
        with self.lock:
            if self.users:
                raise F5liteError(f"the {self.name} stage is in use; release it after its `with` block")
            self.module = None
        give_back()
