"""Lesson 06: the checks of its exercises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from f5lite.evidence.exercises import exercise, expect


@exercise(
    "outlier_channels",
    lesson="06",
    praise="a channel counts when any token is loud in it, whatever its sign.",
)
def outlier_channels(attempt: Callable[[Any, float], Any]) -> None:
    """A function from x (tokens × channels) and a threshold to the list of outlier channels."""
    import torch

    x = torch.randn(40, 12, generator=torch.Generator().manual_seed(0)).clamp(-3, 3)
    x[7, 2], x[9, 5], x[30, 11] = 8.0, -9.0, 6.0
    got = attempt(x.clone(), 6.0)
    got = sorted(int(n) for n in (got.tolist() if hasattr(got, "tolist") else got))
    expect(len(got) < 12, "that is every channel: look for those that reach the threshold")
    expect(5 in got, "−9 is far from zero too: take the absolute value")
    expect(2 in got, "channel 2 has an 8 in one token; one is enough")
    expect(11 in got, "6 reaches a threshold of 6")
    expect(
        got == [2, 5, 11],
        f"channels 2, 5 and 11 are loud, yours are {got}: columns are channels, rows are tokens",
    )
    quiet = attempt(torch.zeros(3, 4), 6.0)
    expect(len(quiet) == 0, "where nothing is loud the list is empty")


@exercise(
    "int8_linear",
    lesson="06",
    praise="integers inside, two scales outside, and a loud token harms nobody else.",
)
def int8_linear(attempt: Callable[[Any, Any, Any], Any]) -> None:
    """A function from x (tokens × in), int8 values (out × in) and a scale a row to x @ weightᵀ, the product in integers."""
    import torch

    from f5lite.shrink.int8.quantise import dequantise, quantise_rows, relative_error

    generator = torch.Generator().manual_seed(0)
    x, w = torch.randn(9, 48, generator=generator), torch.randn(20, 48, generator=generator)
    values, scale = quantise_rows(w)
    got = attempt(x.clone(), values, scale)
    expect(tuple(got.shape) == (9, 20), f"9 tokens and 20 rows make 9 × 20, yours is {list(got.shape)}")
    wanted = x @ w.t()
    off = relative_error(wanted, got.float())
    expect(off < 0.5, "far from the product: are both scales in it, one a token and one a row?")
    exact = relative_error(x @ dequantise(values, scale).t(), got.float())
    expect(exact > 1e-5, "that product is in floats: round each token to integers first")
    expect(off < 0.03, f"off by {100 * off:.1f} %: 127 is the largest integer of a token; round, don't cut")
    x[3] *= 1000
    loud, wanted = attempt(x.clone(), values, scale).float(), x @ w.t()
    quiet = [n for n in range(9) if n != 3]
    spoilt = relative_error(wanted[quiet], loud[quiet])
    expect(spoilt < 0.03, "one loud token spoils all the others: give each token a scale of its own")
    x[5] = 0
    zero = attempt(x.clone(), values, scale).float()
    expect(bool(torch.isfinite(zero).all()), "a token of zeros has the scale 0: dividing by it gives NaN")
