"""What is the largest tensor that some lines of code make? Answers without measuring memory, by watching every operation."""

from __future__ import annotations

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Largest(TorchDispatchMode):
    """Notes the largest tensor that any operation inside makes."""

    def __init__(self) -> None:
        super().__init__()
        self.elements = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        for leaf in tree_leaves(out):
            # A view with strides of zero, or one of an input, holds nothing new.
            if isinstance(leaf, torch.Tensor):
                self.elements = max(self.elements, min(leaf.numel(), leaf.untyped_storage().nbytes() // 4))
        return out
