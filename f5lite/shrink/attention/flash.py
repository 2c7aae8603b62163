"""The flash-attn package as a backend: NVIDIA cards only, and it says why it can't where it can't.

Its functions take b n h d in half precision; a mask becomes packing: the real frames of all items in one row, with
the places where each item begins (github.com/Dao-AILab/flash-attention, `flash_attn_interface.py`, `bert_padding.py`).
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

import torch

from f5lite.errors import F5liteError

OLDEST = (8, 0)  # compute capability: Ampere


@dataclass(frozen=True)
class Flash:
    """Attention by flash-attn; float32 is worked on as `dtype`. Shapes as in `backends.Math`; masked rows are zeros."""

    dtype: torch.dtype = torch.bfloat16
    name = "flash_attn"

    def __call__(
        self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        from flash_attn import flash_attn_func, flash_attn_varlen_func
        from flash_attn.bert_padding import pad_input, unpad_input

        given = q.dtype
        half = given if given in (torch.float16, torch.bfloat16) else self.dtype
        q, k, v = (t.to(half).transpose(1, 2) for t in (q, k, v))
        if mask is None:
            mixed = flash_attn_func(q, k, v)
        else:
            batch, frames = mask.shape
            q, where, starts, longest = unpad_input(q, mask)[
                :4
            ]  # releases before 2.7 return four, later ones five
            k, v = unpad_input(k, mask)[0], unpad_input(v, mask)[0]
            mixed = flash_attn_varlen_func(q, k, v, starts, starts, longest, longest)
            # Back to all the frames, not to the longest item's: `where` counts in the padded batch.
            mixed = pad_input(mixed, where, batch, frames)
        return mixed.transpose(1, 2).to(given)


def refusal(device: str | torch.device | None = None) -> str | None:
    """Why flash-attn can't run here, in words that a user can act on; None where it can. device: where the model is."""
    if device is not None and torch.device(device).type != "cuda":
        return f"it runs on NVIDIA cards only, and the model is on {torch.device(device).type}"
    if not torch.cuda.is_available():
        return f"it runs on NVIDIA cards only, and torch {torch.__version__} finds none here"
    capability = torch.cuda.get_device_capability()
    if capability < OLDEST:
        return f"it needs compute capability 8.0, and this card has {capability[0]}.{capability[1]}"
    if importlib.util.find_spec("flash_attn") is None:
        return "the package is missing; pip install flash-attn --no-build-isolation"
    return None


def flash(device: str | torch.device | None = None) -> Flash:
    """The backend, or an `F5liteError` with the reason."""
    reason = refusal(device)
    if reason is not None:
        raise F5liteError(
            f"attention backend 'flash_attn' is refused: {reason}. Pass attention='sdpa', 'chunked' or 'auto'"
        )
    return Flash()
