"""Technique 1: a stage's weights are loaded when its turn comes, and released after it if they needn't stay.

`with pipeline.acoustic as dit:` loads it, unless it is there already; after the block it is released, if its residency
is "on-demand".
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Generic, TypeVar

from torch import nn

from f5lite.errors import F5liteError
from f5lite.shrink.timeline import Timeline
from f5lite.shrink.trim import give_back, kept

Module = TypeVar("Module", bound=nn.Module)
RESIDENCIES = ("resident", "on-demand", "streamed")


class Stage(Generic[Module]):
    """A stage as a handle. residency: "resident" keeps the weights after use, and freed memory while in use (`trim.kept`);
    "on-demand" releases them, "streamed" does too and reads them block by block meanwhile (its loader sees to that); set it
    at any time.

    load: makes the module, told the residency. forget: gives back what the weights' file keeps mapped, called after the
    module is gone.
    timeline: where loading, use and release are noted. Several threads may use a stage at once: it is loaded once, and
    released by the last that leaves.
    """

    def __init__(
        self,
        name: str,
        load: Callable[[str], Module],
        residency: str = "resident",
        *,
        forget: Callable[[], object] | None = None,
        timeline: Timeline | None = None,
    ):
        self.name, self.load, self.forget = name, load, forget
        self.residency = residency
        self.timeline = Timeline() if timeline is None else timeline
        self.module: Module | None = None
        self.users = 0
        self.in_use = ExitStack()  # what ends when the last user leaves
        self.lock = threading.RLock()

    @property
    def residency(self) -> str:
        return self._residency

    @residency.setter
    def residency(self, value: str) -> None:
        if value not in RESIDENCIES:
            raise F5liteError(f"residency must be one of {', '.join(RESIDENCIES)}, found {value!r}")
        self._residency = value

    @property
    def loaded(self) -> bool:
        return self.module is not None

    @property
    def bytes(self) -> int:
        """Bytes of the weights that are in the module now, buffers included; 0 when it isn't loaded."""
        return 0 if self.module is None else weight_bytes(self.module)

    def __enter__(self) -> Module:
        with self.lock:
            if self.module is None:
                self.timeline.note(self.name, "load")
                self.module = self.load(self.residency)
                self.timeline.note(self.name, "loaded", self.bytes)
            if not self.users and self.residency == "resident":
                self.in_use.enter_context(kept())
            self.users += 1
            self.timeline.note(self.name, "use")
            return self.module

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.users -= 1
            self.timeline.note(self.name, "done")
            if not self.users:
                self.in_use.close()
            if self.residency != "resident" and not self.users:
                self.release()

    def release(self) -> int:
        """Drop the weights, give their memory back to the system, and return their bytes. Not while the stage is in use.

        A module that somebody still holds (a notebook's `dit`, after its block) is left without weights.
        """
        with self.lock:
            if self.users:
                raise F5liteError(f"the {self.name} stage is in use; release it after its `with` block")
            freed = self.bytes
            if self.module is None:
                return 0
            empty(self.module)
            self.module = None
            give_back(collect=False)  # the weights went by reference count: nothing is left for a collection
            if self.forget is not None:
                self.forget()
            self.timeline.note(self.name, "release", freed)
            return freed


def empty(module: nn.Module) -> None:
    """Take a module's weights away, whoever still holds the module: each becomes a shape without memory (meta)."""
    for part in module.modules():
        for name, weight in part._parameters.items():
            if weight is not None:
                part._parameters[name] = nn.Parameter(weight.to("meta"), requires_grad=False)
        for name, buffer in part._buffers.items():
            if buffer is not None:
                part._buffers[name] = buffer.to("meta")


def weight_bytes(module: nn.Module) -> int:
    """Bytes of a module's parameters and buffers, each storage counted once."""
    tensors = [*module.parameters(), *module.buffers()]
    return sum({t.data_ptr(): t.numel() * t.element_size() for t in tensors}.values())


def release_all(stages: Iterable[Stage], keep: Iterable[str] = ()) -> int:
    """Release every stage that isn't named in `keep` and isn't in use. Returns the bytes of weights that went."""
    kept = set(keep)
    return sum(stage.release() for stage in stages if stage.name not in kept and not stage.users)
