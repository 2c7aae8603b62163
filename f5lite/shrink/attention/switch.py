"""Which backend a model uses: set on the model, or for the time of a `with` block.

use(dit, "chunked")                     # from now on
with attention("math"):                 # every model that speaks inside, if its blocks hold a `Switch`
with attention("math", dit):            # this model only; the original f5-tts model too
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import nn

from f5lite.errors import F5liteError
from f5lite.shrink.attention import auto, flash, own, upstream
from f5lite.shrink.attention.backends import Chunked, Math, Sdpa

Backend = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, "torch.Tensor | None"], torch.Tensor]
Device = str | torch.device | None

MAKERS: dict[str, Callable[[Device], Backend]] = {
    "math": lambda device: Math(),
    "sdpa": lambda device: Sdpa(),
    "sdpa-bf16": lambda device: Sdpa(torch.bfloat16),
    "chunked": lambda device: Chunked(),
    "chunked-bf16": lambda device: Chunked(torch.bfloat16),
    **{name: functools.partial(own.own, name) for name in own.NAMES},
    "flash_attn": flash.flash,
    "auto": lambda device: auto.Auto(),
}
UPSTREAM = {"torch": "sdpa"}  # upstream's word for it, in the configuration key `attn_backend`
NAMES = tuple(MAKERS)

_for_now: ContextVar[Backend | None] = ContextVar("attention backend", default=None)


def backend(name: str | Backend, device: Device = None) -> Backend:
    """The backend of that name: one of `NAMES`, or upstream's "torch". Raises F5liteError with the reason if it can't be had."""
    if not isinstance(name, str):
        return name
    known = UPSTREAM.get(name, name)
    if known not in MAKERS:
        raise F5liteError(f"no attention backend {name!r}; there are {', '.join((*NAMES, *UPSTREAM))}")
    return MAKERS[known](device)


class Switch:
    """A block's backend: `own`, unless a surrounding `with attention(…)` says otherwise. Called as any backend."""

    def __init__(self, own: Backend):
        self.own = own

    @property
    def name(self) -> str:
        return getattr(self.current, "name", "?")

    @property
    def current(self) -> Backend:
        return _for_now.get() or self.own

    def __call__(
        self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        return self.current(q, k, v, mask)


def resolved(
    backend: Backend, sizes: tuple[int, ...], dtype: torch.dtype = torch.float32, device: Device = "cpu"
) -> Backend:
    """The backend that does the work where `backend` is called with q of those sizes (b h n d), `dtype` and device."""
    backend = backend.current if isinstance(backend, Switch) else backend
    return (
        backend.chosen(sizes, dtype, torch.device(device))[0] if isinstance(backend, auto.Auto) else backend
    )


def install(dit: nn.Module, name: str | Backend, device: Device = None) -> nn.Module:
    """Give every block of a model a `Switch` with that backend; returns the model."""
    chosen = backend(name, device)
    for layer in layers(dit):
        layer.backend = Switch(chosen)
    return dit


def layers(model: nn.Module) -> list[nn.Module]:
    """The attention layers of one of our models. Raises F5liteError if there is none."""
    found = [m for m in model.modules() if hasattr(m, "to_q") and hasattr(m, "backend")]
    if not found:
        raise F5liteError(f"{type(model).__name__} has no attention layer whose backend can be changed")
    return found


def use(model: nn.Module, name: str | Backend) -> Callable[[], None]:
    """Let every attention layer of a model, ours or upstream's, use that backend. Returns a function that undoes it."""
    device = next((p.device for p in model.parameters() if p.device.type != "meta"), None)
    chosen = backend(name, device)
    theirs = upstream.layers(model)
    if theirs:
        before = [(layer, "processor", layer.processor) for layer in theirs]
        for layer in theirs:
            layer.processor = upstream.processor(layer, chosen)
    else:
        before = [(layer, "backend", layer.backend) for layer in layers(model)]
        for layer, *_ in before:
            layer.backend = chosen

    def undo() -> None:
        for layer, attribute, value in before:
            setattr(layer, attribute, value)

    return undo


@contextmanager
def attention(name: str | Backend | None, *models: nn.Module, device: Device = None) -> Iterator[None]:
    """Use that backend inside the block: on these models, or on all that hold a `Switch` (every loaded pipeline's do).

    None changes nothing. Without models it holds for this thread and task only (a context variable).
    """
    if name is None:
        yield
        return
    if models:
        undos = []
        try:
            undos.extend(use(model, name) for model in models)
            yield
        finally:
            for undo in undos:
                undo()
        return
    token = _for_now.set(backend(name, device))
    try:
        yield
    finally:
        _for_now.reset(token)
