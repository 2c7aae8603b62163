"""A stand-in for the flash-attn package on a machine without one: its published signatures, real attention inside.

Written from the signatures and the documented meaning of flash-attn 2.7 (`flash_attn_interface.py`, `bert_padding.py`): tensors
are b n h d or packed (total, h, d), half precision only, an item's queries meet its own keys only. What it is given wrongly
(layout, dtype, offsets) it refuses, or computes into something that the comparison with `math` shows.
"""

from __future__ import annotations

import importlib.machinery
import types

import torch

HALF = (torch.float16, torch.bfloat16)


def _checked(*tensors: torch.Tensor, dimensions: int) -> None:
    for tensor in tensors:
        assert tensor.dtype in HALF, "FlashAttention only support fp16 and bf16 data type"
        assert tensor.ndim == dimensions and tensor.shape[-1] <= 256 and tensor.stride(-1) == 1


def _plain(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float | None) -> torch.Tensor:
    """n h d of one item, in float32 inside."""
    q32, k32, v32 = (t.float().transpose(0, 1) for t in (q, k, v))
    scores = q32 @ k32.transpose(1, 2) * (scale or q.shape[-1] ** -0.5)
    return (scores.softmax(-1) @ v32).transpose(0, 1).to(q.dtype)


def flash_attn_func(
    q, k, v, dropout_p=0.0, softmax_scale=None, causal=False, window_size=(-1, -1), softcap=0.0,
    alibi_slopes=None, deterministic=False, return_attn_probs=False,
):  # fmt: skip
    """q, k, v: b n h d -> b n h d."""
    assert not (dropout_p or causal or softcap or return_attn_probs) and window_size == (-1, -1)
    _checked(q, k, v, dimensions=4)
    return torch.stack([_plain(*item, softmax_scale) for item in zip(q, k, v, strict=True)])


def flash_attn_varlen_func(
    q, k, v, cu_seqlens_q, cu_seqlens_k, max_seqlen_q, max_seqlen_k, dropout_p=0.0, softmax_scale=None,
    causal=False, window_size=(-1, -1), softcap=0.0, alibi_slopes=None, deterministic=False,
    return_attn_probs=False, block_table=None,
):  # fmt: skip
    """q, k, v: (total, h, d), items one after the other, beginning at cu_seqlens (b + 1, int32) -> (total, h, d)."""
    assert not (dropout_p or causal or softcap or return_attn_probs) and window_size == (-1, -1)
    _checked(q, k, v, dimensions=3)
    out = torch.zeros_like(q)
    for starts, total, longest in (
        (cu_seqlens_q, q.shape[0], max_seqlen_q), (cu_seqlens_k, k.shape[0], max_seqlen_k)
    ):  # fmt: skip
        assert starts.dtype == torch.int32 and starts[0] == 0 and starts[-1] == total
        assert isinstance(longest, int) and longest >= int(starts.diff().max())
    edges = zip(cu_seqlens_q, cu_seqlens_q[1:], cu_seqlens_k, cu_seqlens_k[1:], strict=False)
    for q0, q1, k0, k1 in edges:
        if q1 > q0:
            out[q0:q1] = _plain(q[q0:q1], k[k0:k1], v[k0:k1], softmax_scale)
    return out


def unpad_input(hidden_states, attention_mask, unused_mask=None):
    """(b, n, …) and b n -> (total, …), the places in the flattened b n, cu_seqlens (b + 1), the longest, used (b)."""
    assert unused_mask is None
    used = attention_mask.sum(dim=-1, dtype=torch.int32)
    places = attention_mask.flatten().nonzero()[:, 0]
    starts = torch.cat((torch.zeros(1, dtype=torch.int32), used.cumsum(0).to(torch.int32)))
    return hidden_states.flatten(0, 1)[places], places, starts, int(used.max()), used


def unpad_input_before_2_7(hidden_states, attention_mask):
    """The same without the last value."""
    return unpad_input(hidden_states, attention_mask)[:4]


def pad_input(hidden_states, indices, batch, seqlen):
    """(total, …) back to (batch, seqlen, …), zeros elsewhere."""
    out = hidden_states.new_zeros(batch * seqlen, *hidden_states.shape[1:])
    out[indices] = hidden_states
    return out.view(batch, seqlen, *hidden_states.shape[1:])


def modules(unpad=unpad_input) -> dict[str, types.ModuleType]:
    """For `sys.modules`."""
    package = types.ModuleType("flash_attn")
    package.__spec__ = importlib.machinery.ModuleSpec("flash_attn", None, is_package=True)
    package.__path__ = []
    package.flash_attn_func, package.flash_attn_varlen_func = flash_attn_func, flash_attn_varlen_func
    padding = types.ModuleType("flash_attn.bert_padding")
    padding.unpad_input, padding.pad_input = unpad, pad_input
    package.bert_padding = padding
    return {"flash_attn": package, "flash_attn.bert_padding": padding}
