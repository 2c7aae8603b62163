"""Lesson 06: the layers of the bundled voice, each in int8 alone, and what sparing some of them does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

import f5lite
from f5lite.evidence import int8_speed
from f5lite.evidence.measurement import Measurement
from f5lite.lab.charts import bars, scatter
from f5lite.lab.figure import Figure, Table
from f5lite.machine import quick
from f5lite.shrink.int8 import layout, sensitivity

SENTENCE = "the river runs to the sea"


class Trained:
    """The bundled voice with a recorded pass: what its layers see, and its flow at one step, as a call."""

    def __init__(self) -> None:
        self.voice = f5lite.load("tiny")
        with self.voice.acoustic as dit:
            self.dit = dit
        embedded: list[tuple[Any, ...]] = []
        hook = self.dit.input_embed.register_forward_pre_hook(lambda _, given: embedded.append(given))
        times: list[torch.Tensor] = []
        other = self.dit.time_embed.register_forward_pre_hook(lambda _, given: times.append(given[0]))
        try:
            self.inputs = sensitivity.capture(
                self.dit, lambda: self.voice.speak(SENTENCE, steps=int8_speed.STEPS, seed=3)
            )
        finally:
            hook.remove()
            other.remove()
        per_pass = len(embedded) // int8_speed.STEPS
        self.given = embedded[per_pass * int8_speed.STEP : per_pass * (int8_speed.STEP + 1)]
        self.time = times[int8_speed.STEP]

    def flow(self) -> torch.Tensor:
        """The model's answer at that step, float or with whatever layers it has now."""
        with torch.inference_mode():
            x = torch.cat([self.dit.embed(*given) for given in self.given])
            return self.dit.flow(x, self.time)

    @property
    def names(self) -> list[str]:
        """The layers to try one by one: all, or a block and what is outside of the blocks in quick mode."""
        return [n for n in self.inputs if not quick() or "blocks." not in n or "blocks.3." in n]


def sensitivities(trained: Trained, largest: int, done: Callable[[], object]) -> list[sensitivity.Layer]:
    """Every layer alone: its own error, and how much of it the model's answer shows. largest: of a token's integers."""
    felt = sensitivity.felt(trained.dit, trained.flow, trained.names, done, largest)
    inputs = {name: trained.inputs[name] for name in trained.names}
    layers = sensitivity.survey(trained.dit, inputs, largest=largest)
    return [replace(layer, felt=felt[layer.name]) for layer in layers]


PARTS = {
    "ff.ff.0.0": "ff, first",
    "ff.ff.2": "ff, second",
    "attn.to_out.0": "to_out",
    "attn_norm.linear": "AdaLN",
}


def short(name: str) -> str:
    """A layer's name as the lesson writes it: "block 3, to_v"."""
    if not name.startswith("transformer_blocks."):
        return name
    _, block, part = name.split(".", 2)
    return f"block {block}, {PARTS.get(part, part.removeprefix('attn.'))}"


def sensitivity_picture(layers: list[sensitivity.Layer]) -> Figure:
    """Own error across, what the model shows of it upwards; the table has outliers and other ways to share scales."""
    worst = sensitivity.ranked(layers, "felt")
    loud = sensitivity.ranked(layers)
    named = {layer.name for layer in (*worst[:3], loud[0])}
    picture = scatter(
        [
            (short(layer.name) if layer.name in named else "", 100 * layer.error, 100 * max(layer.felt, 1e-5))
            for layer in sorted(layers, key=lambda layer: layer.name not in named)
        ],
        title="One layer in int8, everything else in fp32",
        x_label="error of the layer's own product (%)",
        y_label="error of the model's answer (%)",
        log_y=True,
        highlight=[short(worst[0].name)],
        alt=(
            f"Scatter chart of {len(layers)} layers. Felt most: {short(worst[0].name)}, {100 * worst[0].felt:.2g} % of the "
            f"model's answer for {100 * worst[0].error:.2g} % of its own product. Largest own error: {short(loud[0].name)}, "
            f"{100 * loud[0].error:.2g} %, of which the answer shows {100 * loud[0].felt:.2g} %."
        ),
    )
    columns = (
        "layer",
        "answer (%)",
        "own (%)",
        "one scale for all tokens (%)",
        "one for all rows (%)",
        "outlier channels kept (%)",
        "outlier channels (%)",
    )
    rows = [
        (
            short(layer.name),
            *(
                f"{100 * value:.2f}"
                for value in (
                    layer.felt,
                    layer.error,
                    layer.one_token_scale,
                    layer.one_row_scale,
                    layer.decomposed,
                )
            ),
            f"{100 * layer.outliers.share:.0f}",
        )
        for layer in worst[:12]
    ]
    return replace(picture, table=Table.of(columns, rows))


def felt_figures(layers: list[sensitivity.Layer]) -> tuple[Measurement, ...]:
    """The layer whose rounding the answer shows most, and the one whose own error is largest: what each does to the answer."""
    worst, loudest = sensitivity.ranked(layers, "felt")[0], sensitivity.ranked(layers)[0]
    pairs = (
        ("felt_worst", worst.felt),
        ("own_of_worst", worst.error),
        ("felt_loudest", loudest.felt),
        ("own_loudest", loudest.error),
    )
    made = tuple(Measurement.of(name, 100 * value, "%", exact=True) for name, value in pairs)
    return (*made, Measurement.fact("same_layer", worst.name == loudest.name))


def sparing(trained: Trained, *patterns: str, largest: int) -> float:
    """Error of the answer, in percent, when every linear layer but the named is int8. The model is float again afterwards."""
    keep = sensitivity.Except(*patterns) if patterns else sensitivity.every_linear
    names = [n for n, m in trained.dit.named_modules() if isinstance(m, torch.nn.Linear) and keep(n, m)]
    wanted = trained.flow()
    with sensitivity.only(trained.dit, *names, largest=largest):
        return 100 * sensitivity.relative_error(wanted, trained.flow())


def sparing_picture(trained: Trained, layers: list[sensitivity.Layer], largest: int) -> Figure:
    """Everything int8; everything but the worst layer; what `f5lite convert` makes int8."""
    worst = sensitivity.ranked(layers, "felt")[0].name
    kept = [n for n in trained.inputs if layout.kind_of(f"{n}.weight", (256, 256)) != layout.INT8]
    return bars(
        {
            "all layers": sparing(trained, largest=largest),
            f"all but {short(worst)}": sparing(trained, worst, largest=largest),
            "as f5lite converts": sparing(trained, *kept, largest=largest),
        },
        title="Error of the model's answer, by what is int8",
        unit="%",
        note="The bundled voice, one step of seven.",
    )


def all_int8(trained: Trained, largest: int) -> Any:
    """The same sentence with every linear layer in int8, spared ones too."""
    names = list(trained.inputs)
    with sensitivity.only(trained.dit, *names, largest=largest):
        return trained.voice.speak(SENTENCE, steps=int8_speed.STEPS, seed=3)
