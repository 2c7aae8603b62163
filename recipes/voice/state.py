"""Saving and resuming a training run: whole or not at all, and nothing but tensors and numbers in the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from f5lite.files import atomic


def save(path: Path, **parts: Any) -> None:
    """Write `parts` (state dicts, numbers) to `path`; a crash while writing leaves the last one."""
    with atomic(path) as temporary:
        torch.save(parts, temporary)


def load(path: Path, device: str) -> dict[str, Any]:
    """Read it back. Pickled code in the file would be refused."""
    return torch.load(path, weights_only=True, map_location=device)


class Average:
    """Exponential moving average of a module's parameters; short at first, then over about 1 / (1 − most) steps."""

    def __init__(self, module: nn.Module, most: float = 0.999):
        self.most, self.values = most, {k: v.detach().clone() for k, v in module.state_dict().items()}

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        share = 1 - min(self.most, (1 + step) / (10 + step))
        for name, value in module.state_dict().items():
            self.values[name].lerp_(value, share)


def rate_at(step: int, steps: int, highest: float, warm_up: int) -> float:
    """Up in `warm_up` steps, then straight down to 2 % at the end: half of what was gained came from the way down."""
    return highest * min(1, (step + 1) / warm_up) * max(0.02, 1 - step / steps)


class Muon(torch.optim.Optimizer):
    """Momentum whose matrix is made orthogonal by five Newton–Schulz iterations (Jordan 2024), scaled like AdamW's steps.

    torch.optim.Muon does the same in bf16 always, which is many times slower on a processor without bf16 instructions.
    """

    def __init__(self, matrices: list[nn.Parameter], lr: float, dtype: torch.dtype, decay: float = 0.01):
        super().__init__(matrices, {"lr": lr, "decay": decay})
        self.dtype = dtype

    @torch.no_grad()
    def step(self, closure: Callable | None = None) -> None:
        for group in self.param_groups:
            for same in alike([matrix for matrix in group["params"] if matrix.grad is not None]):
                momenta = [self.state[m].setdefault("momentum", torch.zeros_like(m)) for m in same]
                gradients = torch.stack([matrix.grad for matrix in same])
                momentum = torch.stack(momenta).lerp_(gradients, 0.05)
                torch._foreach_copy_(momenta, list(momentum))
                changes = orthogonal(gradients.lerp_(momentum, 0.95).to(self.dtype)).to(same[0].dtype)
                torch._foreach_mul_(same, 1 - group["lr"] * group["decay"])
                scale = -group["lr"] * 0.2 * max(same[0].shape) ** 0.5
                torch._foreach_add_(same, list(changes), alpha=scale)


def alike(matrices: list[torch.Tensor]) -> list[list[torch.Tensor]]:
    """By shape: matrices of one shape share their products."""
    groups: dict[torch.Size, list[torch.Tensor]] = {}
    for matrix in matrices:
        groups.setdefault(matrix.shape, []).append(matrix)
    return list(groups.values())


def orthogonal(x: torch.Tensor) -> torch.Tensor:
    """k r c: each matrix with its singular values pushed to about one."""
    tall = x.shape[1] > x.shape[2]
    x = x.mT if tall else x
    x = x / (torch.linalg.matrix_norm(x, keepdim=True) + 1e-7)
    for _ in range(5):
        square = x @ x.mT
        x = torch.baddbmm(
            x, torch.baddbmm(square, square, square, beta=-4.7750, alpha=2.0315), x, beta=3.4445
        )
    return x.mT if tall else x
