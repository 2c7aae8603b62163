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
            for matrix in group["params"]:
                if matrix.grad is None:
                    continue
                momentum = self.state[matrix].setdefault("momentum", torch.zeros_like(matrix))
                momentum.lerp_(matrix.grad, 0.05)
                change = orthogonal(matrix.grad.lerp(momentum, 0.95).to(self.dtype)).to(matrix.dtype)
                matrix.mul_(1 - group["lr"] * group["decay"])
                matrix.add_(change, alpha=-group["lr"] * 0.2 * max(matrix.shape) ** 0.5)


def orthogonal(x: torch.Tensor) -> torch.Tensor:
    """The matrix with its singular values pushed to about one."""
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    x = x / (x.norm() + 1e-7)
    for _ in range(5):
        square = x @ x.T
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return x.T if tall else x
