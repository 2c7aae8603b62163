"""Which layers hurt when their numbers are int8, why, and how to keep those in higher precision.

Errors are measured on activations of a real pass (`capture`), for each layer alone: in its own product (`look`), and in
what the whole model says when only that layer is quantised (`felt`). Sources: outlier channels, their threshold of 6.0 and
the decomposition that keeps them are LLM.int8()'s (arXiv 2208.07339, section 3); a scale a token is ZeroQuant's (arXiv
2206.01861); that activations are harder than weights, and why, is SmoothQuant's (arXiv 2211.10438).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase

import torch
from torch import nn

from f5lite.errors import F5liteError
from f5lite.shrink.int8.engines import ENGINES
from f5lite.shrink.int8.layers import Int8Linear, set_engine
from f5lite.shrink.int8.quantise import LARGEST, dequantise, quantise_rows, quantise_tokens, relative_error

THRESHOLD = 6.0  # LLM.int8(): an activation of this size makes its channel an outlier
TOKENS = 512  # kept of a layer's input, evenly spread over the pass
JOINED = {"to_qkv": ("to_q", "to_k", "to_v")}  # what a joined layer stands for
Chosen = Callable[[str, nn.Linear], bool]


class Simulated:
    """int8 arithmetic in float32, on every machine and as slow as float: a scale a token, or one for all of them.

    largest: of a token's integers; some processors are exact with 7 bits of activations only (`products`), which is 63.
    """

    name = "simulated"
    devices: tuple[str, ...] = ("cpu", "cuda", "mps")

    def __init__(self, tokens: bool = True, largest: int = LARGEST):
        self.tokens, self.largest = tokens, largest

    def problem(self) -> str | None:
        return None

    def linear(
        self, x: torch.Tensor, weight: torch.Tensor, scale: torch.Tensor, bias: torch.Tensor | None
    ) -> torch.Tensor:
        """As every engine: x (…, in), weight (out, in) int8, scale (out,), bias (out,) or None -> (…, out) float32."""
        values, tokens = quantise_tokens(x if self.tokens else x.reshape(1, -1), self.largest)
        size, offset = tokens.split(1, -1)
        out = (values.view(x.shape).float() + offset) @ weight.float().t() * size * scale
        return out if bias is None else out + bias


@dataclass(frozen=True)
class Outliers:
    """Input channels that are far larger than the others.

    share: of channels with a value of `threshold` or more somewhere. largest: absolute value. ratio: the largest channel's
    peak over the median channel's: how much of the scale a quiet channel loses. channels: the outliers' numbers.
    """

    share: float
    largest: float
    ratio: float
    channels: tuple[int, ...]


@dataclass(frozen=True)
class Layer:
    """One linear layer quantised alone. Errors are relative (Frobenius) to the layer's own float product.

    error: a scale a token and a scale a row, as the engines do. weights_only: activations stay float. one_token_scale,
    one_row_scale: the same with one scale for all tokens, or for all rows. decomposed: outlier channels stay float
    (LLM.int8()). felt: relative error of the model's output, where it was measured.
    """

    name: str
    rows: int
    columns: int
    error: float
    weights_only: float
    one_token_scale: float
    one_row_scale: float
    decomposed: float
    outliers: Outliers
    felt: float | None = None


def every_linear(name: str, layer: nn.Linear) -> bool:
    return True


def capture(
    model: nn.Module, run: Callable[[], object], wanted: Chosen = every_linear, tokens: int = TOKENS
) -> dict[str, torch.Tensor]:
    """Inputs of the float linear layers while `run()` uses the model: name -> (tokens, in) float32, evenly thinned.

    F5liteError if `run()` reached none of the layers.
    """
    seen: dict[str, list[torch.Tensor]] = {}

    def keep(name: str) -> Callable[[nn.Module, tuple[torch.Tensor, ...]], None]:
        def hook(_: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
            flat = inputs[0].detach().float().reshape(-1, inputs[0].shape[-1])
            seen.setdefault(name, []).append(thinned(flat, tokens).clone())

        return hook

    hooks = [
        layer.register_forward_pre_hook(keep(name))
        for name, layer in model.named_modules()
        if isinstance(layer, nn.Linear) and wanted(name, layer)
    ]
    try:
        run()
    finally:
        for hook in hooks:
            hook.remove()
    if not seen:
        raise F5liteError("none of the wanted layers was used in this run; is it the same model?")
    return {name: thinned(torch.cat(parts), tokens) for name, parts in seen.items()}


def thinned(x: torch.Tensor, most: int) -> torch.Tensor:
    """At most that many rows of x, evenly spread."""
    return x if len(x) <= most else x[torch.linspace(0, len(x) - 1, most).long()]


def outliers(x: torch.Tensor, threshold: float = THRESHOLD) -> Outliers:
    """x: (tokens, in)."""
    peaks = x.abs().amax(0)
    loud = (peaks >= threshold).nonzero()[:, 0]
    middle, largest = float(peaks.median()), float(peaks.max())
    ratio = largest / middle if middle else (float("inf") if largest else 1.0)
    return Outliers(len(loud) / len(peaks), largest, ratio, tuple(loud.tolist()))


def look(
    name: str, layer: nn.Linear, x: torch.Tensor, threshold: float = THRESHOLD, largest: int = LARGEST
) -> Layer:
    """One layer on its captured input, (tokens, in). The bias is left out: it is float either way."""
    weight = layer.weight.detach().float()
    wanted = x @ weight.t()
    values, scale = quantise_rows(weight, name)
    whole, one_scale = quantise_rows(weight.reshape(1, -1), name)
    per_token, one_token = Simulated(largest=largest), Simulated(False, largest)
    found = outliers(x, threshold)
    quiet = x.clone()
    quiet[:, list(found.channels)] = 0
    rest = (x - quiet) @ weight.t()
    return Layer(
        name,
        *weight.shape,
        error=relative_error(wanted, per_token.linear(x, values, scale, None)),
        weights_only=relative_error(wanted, x @ dequantise(values, scale).t()),
        one_token_scale=relative_error(wanted, one_token.linear(x, values, scale, None)),
        one_row_scale=relative_error(wanted, per_token.linear(x, whole.view(weight.shape), one_scale, None)),
        decomposed=relative_error(wanted, rest + per_token.linear(quiet, values, scale, None)),
        outliers=found,
    )


def survey(
    model: nn.Module, inputs: Mapping[str, torch.Tensor], threshold: float = THRESHOLD, largest: int = LARGEST
) -> list[Layer]:
    """`look` at every captured layer, in the model's order."""
    with torch.no_grad():
        return [look(n, model.get_submodule(n), x, threshold, largest) for n, x in inputs.items()]


@contextmanager
def only(model: nn.Module, *names: str, largest: int = LARGEST) -> Iterator[nn.Module]:
    """The model with just these layers in simulated int8; they are float again afterwards."""
    kept = {name: model.get_submodule(name) for name in names}
    try:
        for name, layer in kept.items():
            _put(model, name, Int8Linear.of(layer, Simulated(largest=largest)))
        yield model
    finally:
        for name, layer in kept.items():
            _put(model, name, layer)


def felt(
    model: nn.Module,
    run: Callable[[], torch.Tensor],
    names: Iterable[str],
    done: Callable[[], object] = lambda: None,
    largest: int = LARGEST,
) -> dict[str, float]:
    """Relative error of what `run()` returns when one layer alone is int8: name -> error. `done` is called after each."""
    with torch.no_grad():
        wanted, errors = run(), {}
        for name in names:
            with only(model, name, largest=largest):
                errors[name] = relative_error(wanted, run())
            done()
    return errors


def ranked(layers: Iterable[Layer], by: str = "error") -> list[Layer]:
    """The most sensitive first. by: a field of `Layer` that is a number ("felt", "one_token_scale", …)."""
    return sorted(layers, key=lambda layer: -_number(layer, by))


def _number(layer: Layer, by: str) -> float:
    value = getattr(layer, by, None)
    if not isinstance(value, (int, float)):
        raise F5liteError(f"layers can't be ranked by {by!r}: {layer.name} has {value!r} there")
    return value


class Except:
    """Every layer but those named: a predicate for `layers.apply` and for `layers.set_engine`.

    A pattern is a whole name or the end of one, with `*` for anything: "ff.ff.2", "transformer_blocks.0.*", "to_q". A
    joined layer (`to_qkv`) is kept if any of its parts is.
    """

    def __init__(self, *patterns: str):
        self.patterns = patterns

    def __call__(self, name: str, layer: nn.Module | None = None) -> bool:
        return not self.keeps(name)

    def keeps(self, name: str) -> bool:
        """Whether this layer stays in higher precision."""
        stem, _, leaf = name.rpartition(".")
        names = [name] + [f"{stem}.{part}".lstrip(".") for part in JOINED.get(leaf, ())]
        return any(fnmatchcase(n, p) or fnmatchcase(n, f"*.{p}") for n in names for p in self.patterns)


def keep_higher(model: nn.Module, patterns: Sequence[str]) -> list[str]:
    """Let the named layers of a quantised model compute in float32 on their int8 weights; returns which they are.

    F5liteError if no layer has such a name: a misspelt one would otherwise be quantised in silence.
    """
    kept = Except(*patterns)
    names = [n for n, m in model.named_modules() if isinstance(m, Int8Linear) and kept.keeps(n)]
    if not names:
        raise F5liteError(
            f"no int8 layer is called {', '.join(map(repr, patterns))}; see model.named_modules()"
        )
    set_engine(model, ENGINES["reference"], kept.keeps)
    return names


def _put(model: nn.Module, name: str, layer: nn.Module) -> None:
    owner, _, leaf = name.rpartition(".")
    setattr(model.get_submodule(owner) if owner else model, leaf, layer)
