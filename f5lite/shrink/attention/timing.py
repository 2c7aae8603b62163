"""Time backends against each other, taking turns, so that whatever else the machine does disturbs all alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from statistics import median
from typing import Any

import torch

HEADS, DIM_HEAD, PAIR = 16, 64, 2  # F5TTS_v1_Base, and the guided pair


def tensors(
    frames: int,
    heads: int = HEADS,
    dim_head: int = DIM_HEAD,
    batch: int = PAIR,
    dtype: torch.dtype = torch.float32,
    device: str | torch.device = "cpu",
    seed: int = 0,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """q, k, v as a block hands them over: b h n d, of which v is a view of b n h d."""
    generator = torch.Generator().manual_seed(seed)
    q, k = (torch.randn(batch, heads, frames, dim_head, generator=generator) for _ in range(2))
    v = torch.randn(batch, frames, heads, dim_head, generator=generator).transpose(1, 2)
    return q.to(device, dtype), k.to(device, dtype), v.to(device, dtype)


def seconds(call: Callable[[], Any], device: str | torch.device = "cpu") -> float:
    """Wall time of one call, a card's queue included."""
    on_card = torch.device(device).type == "cuda"
    if on_card:
        torch.cuda.synchronize(device)
    begin = time.perf_counter()
    call()
    if on_card:
        torch.cuda.synchronize(device)
    return time.perf_counter() - begin


def interleaved(
    calls: Mapping[str, Callable[[], Any]],
    rounds: int = 5,
    *,
    warm: bool = True,
    budget: float | None = None,
    hopeless: float | None = None,
    device: str | torch.device = "cpu",
) -> dict[str, list[float]]:
    """Seconds of each call by name, `rounds` of them, each round through all calls.

    warm: one untimed call of each first. budget: seconds after which no further round begins (one always runs).
    hopeless: a call whose best after four rounds is that many times the fastest's median isn't repeated further.
    """
    began, taken = time.perf_counter(), {name: [] for name in calls}
    if warm:
        for call in calls.values():
            call()
    for number in range(rounds):
        if number and budget is not None and time.perf_counter() - began > budget:
            break
        fastest = min((median(times) for times in taken.values() if times), default=float("inf"))
        for name, call in calls.items():
            if hopeless is None or number < 4 or min(taken[name]) <= hopeless * fastest:
                taken[name].append(seconds(call, device))
    return taken


def timings(
    frames: int,
    names: Iterable[str] = ("math", "sdpa", "sdpa-bf16", "chunked", "chunked-bf16"),
    *,
    heads: int = HEADS,
    dim_head: int = DIM_HEAD,
    batch: int = PAIR,
    dtype: torch.dtype = torch.float32,
    device: str | torch.device = "cpu",
    rounds: int = 5,
) -> dict[str, list[float]]:
    """Seconds of one block's attention at that length, by backend, interleaved."""
    from f5lite.shrink.attention.switch import backend

    q, k, v = tensors(frames, heads, dim_head, batch, dtype, device)
    backends = {name: backend(name, device) for name in names}

    def call(run: Callable[..., torch.Tensor]) -> Callable[[], torch.Tensor]:
        return lambda: run(q, k, v, None)

    with torch.inference_mode():
        return interleaved({name: call(run) for name, run in backends.items()}, rounds, device=device)


def block_and_attention(frames: int, name: str = "sdpa", rounds: int = 5) -> tuple[list[float], list[float]]:
    """Seconds of one whole block of v1 Base, and of its attention alone, taking turns: the second over the first is the
    share of attention in a pass, which is 22 such blocks and little else."""
    from f5lite.model.acoustic import DiTBlock, rotary
    from f5lite.model.config import V1_BASE
    from f5lite.shrink.attention.switch import backend

    torch.manual_seed(0)
    block, chosen = DiTBlock(V1_BASE.dit).eval(), backend(name)
    block.attn.backend = chosen
    x, modulation = torch.randn(PAIR, frames, V1_BASE.dit.dim), torch.randn(1, 6 * V1_BASE.dit.dim)
    q, k, v = tensors(frames)
    rope = rotary(frames, DIM_HEAD)
    with torch.inference_mode():
        calls = {
            "block": lambda: block(x, modulation, None, rope),
            "attention": lambda: chosen(q, k, v, None),
        }
        taken = interleaved(calls, rounds)
    return taken["block"], taken["attention"]


def once(
    name: str,
    frames: int,
    heads: int = HEADS,
    dim_head: int = DIM_HEAD,
    batch: int = PAIR,
    dtype: torch.dtype = torch.float32,
) -> tuple[int, ...]:
    """One call of a backend: work for a process of its own, whose peak is measured. Returns the result's shape."""
    from f5lite.shrink.attention.switch import backend

    with torch.inference_mode():
        return tuple(backend(name)(*tensors(frames, heads, dim_head, batch, dtype), None).shape)
