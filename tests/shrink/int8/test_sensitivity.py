"""Sensitivity: the errors are those of the layer alone, planted faults are found, and named layers stay as they were."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

import f5lite
from f5lite.errors import F5liteError
from f5lite.model.acoustic import TimeEmbedding
from f5lite.shrink.int8 import layout
from f5lite.shrink.int8 import sensitivity as s
from f5lite.shrink.int8.engines import ENGINES, engine
from f5lite.shrink.int8.layers import HalfLinear, Int8Linear, apply
from f5lite.shrink.int8.quantise import quantise_rows, quantise_tokens, relative_error
from tests.shrink.int8.test_engines import random, small_dit


def linear(weight: torch.Tensor) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
    layer.weight = nn.Parameter(weight)
    return layer


def test_captured_inputs_are_what_the_layers_were_given() -> None:
    dit, x = small_dit(), random(2, 21, 32)
    outputs = {}
    layer = dit.transformer_blocks[1].ff.ff[2]
    hook = layer.register_forward_hook(lambda _, given, out: outputs.update(y=out))
    with torch.no_grad():
        inputs = s.capture(dit, lambda: dit.flow(x, torch.tensor(0.3)))
        hook.remove()
        again = layer(inputs["transformer_blocks.1.ff.ff.2"])
    torch.testing.assert_close(again, outputs["y"].flatten(0, 1))
    linears = {n for n, m in dit.named_modules() if isinstance(m, nn.Linear)}
    assert set(inputs) == linears - {"input_embed.proj"}, "all that flow uses"


def test_long_inputs_are_thinned_evenly_and_hooks_go_even_after_an_error() -> None:
    model = nn.Sequential(nn.Linear(1, 2))

    def fails() -> None:
        model(torch.arange(1000.0)[:, None])
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        s.capture(model, fails)
    assert not model[0]._forward_pre_hooks
    found = s.capture(model, lambda: model(torch.arange(1000.0)[:, None]), tokens=5)["0"]
    assert found[:, 0].tolist() == [0, 249, 499, 749, 999]
    with pytest.raises(F5liteError, match="none of the wanted layers"):
        s.capture(model, lambda: None)


def test_simulated_int8_is_the_formula_and_defined_everywhere() -> None:
    x, w, bias = random(40, 96), random(64, 96, seed=1), random(64, seed=2)
    values, scale = quantise_rows(w)
    integers, tokens = quantise_tokens(x)
    size, offset = tokens.double().split(1, -1)
    wanted = ((integers.double() + offset) @ values.double().t() * size * scale + bias).float()
    torch.testing.assert_close(s.Simulated().linear(x, values, scale, bias), wanted, rtol=1e-5, atol=1e-5)
    x[1, 0] = math.nan
    spoilt = s.Simulated().linear(x, values, scale, None)
    assert not torch.isfinite(spoilt[1]).any() and torch.isfinite(spoilt[[0, 2]]).all()
    assert s.Simulated().linear(torch.zeros(3, 96), values, scale, bias).equal(bias.expand(3, 64))
    assert s.Simulated(tokens=False).linear(torch.empty(0, 96), values, scale, bias).shape == (0, 64)


@pytest.mark.parametrize(
    ("plant", "worse", "times"),
    [("a loud token", "one_token_scale", 5), ("a loud row", "one_row_scale", 5), ("nothing", "error", 1)],
)
def test_each_planted_fault_shows_where_it_should(plant: str, worse: str, times: float) -> None:
    x, w = random(64, 128), random(32, 128, seed=1)
    if plant == "a loud token":
        x[3] *= 100
    if plant == "a loud row":
        w[5] *= 100
    quiet = [n for n in range(64) if n != 3], [n for n in range(32) if n != 5]
    found = s.look("a", linear(w), x)
    # The loud one itself is well served; its neighbours are looked at without it.
    mine = s.Simulated(worse != "one_token_scale")
    scale_w, scale = quantise_rows(w.reshape(1, -1) if worse == "one_row_scale" else w)
    got = mine.linear(x, scale_w.view(w.shape), scale, None)[quiet[0]][:, quiet[1]]
    per_both = s.Simulated().linear(x, *quantise_rows(w), None)[quiet[0]][:, quiet[1]]
    wanted = (x @ w.t())[quiet[0]][:, quiet[1]]
    off = (got - wanted).norm(), (per_both - wanted).norm()
    assert off[0] >= times * off[1] * 0.999
    assert found.weights_only < found.error < 0.02 and getattr(found, worse) >= found.error
    assert found.rows == 32 and found.columns == 128 and found.felt is None


def test_outlier_channels_are_counted_and_keeping_them_helps() -> None:
    x, w = random(64, 100).clamp(-4, 4), random(32, 100, seed=1)
    x[:, 7] *= 30
    x[5, 60] = -6.0
    found = s.look("a", linear(w), x)
    assert found.outliers.channels == (7, 60) and found.outliers.share == 0.02
    assert found.outliers.largest == pytest.approx(float(x.abs().max())) and found.outliers.ratio > 10
    assert found.decomposed < found.error / 3
    assert s.outliers(torch.zeros(3, 4)) == s.Outliers(0.0, 0.0, 1.0, ())
    assert s.outliers(x, threshold=1000).share == 0


def test_a_layer_that_the_model_amplifies_is_felt_though_its_own_error_is_small() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 64, bias=False), nn.Linear(64, 64, bias=False))
    with torch.no_grad():
        model[1].weight.mul_(0.01)
    both = nn.ModuleDict({"small": model, "large": nn.Linear(64, 64, bias=False)})
    x = random(20, 64)

    def run() -> torch.Tensor:
        return both["small"](x) + 10 * both["large"](x)

    steps = []
    errors = s.felt(both, run, ["small.0", "small.1", "large"], done=lambda: steps.append(1))
    assert errors["large"] > 10 * max(errors["small.0"], errors["small.1"]) > 0 and len(steps) == 3
    assert all(type(m) is nn.Linear for m in (model[0], model[1], both["large"])), "float again"


def test_only_the_named_layer_is_int8_and_it_is_float_again_after_an_error() -> None:
    dit = small_dit()
    name = "transformer_blocks.0.attn.to_k"
    with pytest.raises(RuntimeError), s.only(dit, name) as changed:
        kinds = {n for n, m in changed.named_modules() if isinstance(m, Int8Linear)}
        assert kinds == {name}
        raise RuntimeError
    assert not [m for m in dit.modules() if isinstance(m, Int8Linear)]


def test_seven_bits_of_activations_cost_about_twice_the_error_of_eight() -> None:
    layer, x = linear(random(32, 128, seed=1)), random(64, 128)
    eight, seven = s.look("a", layer, x), s.look("a", layer, x, largest=63)
    assert eight.weights_only == seven.weights_only
    activations = [(each.error**2 - each.weights_only**2) ** 0.5 for each in (eight, seven)]
    assert activations[1] == pytest.approx(2 * activations[0], rel=0.1)
    model = nn.ModuleDict({"a": layer})
    felt = [s.felt(model, lambda: layer_of(model)(x), ["a"], largest=n)["a"] for n in (127, 63)]
    assert felt == pytest.approx([eight.error, seven.error], rel=1e-4)


def layer_of(model: nn.ModuleDict) -> nn.Module:
    return model["a"]


def test_ranking_puts_the_worst_first_and_refuses_what_is_no_number() -> None:
    layers = [s.look(str(n), linear(random(16, 32, seed=n)), random(9, 32) * n) for n in (1, 2, 3)]
    errors = [layer.one_row_scale for layer in s.ranked(layers, "one_row_scale")]
    assert errors == sorted(errors, reverse=True)
    with pytest.raises(F5liteError, match="'felt'"):
        s.ranked(layers, "felt")
    with pytest.raises(F5liteError, match="'colour'"):
        s.ranked(layers, "colour")


def test_named_layers_stay_float_when_a_model_is_quantised() -> None:
    dit = small_dit()
    apply(dit, engine("reference"), s.Except("ff.ff.2", "transformer_blocks.1.*", "proj_out", "attn.to_q"))
    left = {n for n, m in dit.named_modules() if isinstance(m, nn.Linear)}
    assert {"transformer_blocks.0.ff.ff.2", "transformer_blocks.1.attn.to_k", "proj_out"} <= left
    assert "transformer_blocks.0.attn.to_q" in left, "so q, k and v weren't joined"
    assert isinstance(dit.transformer_blocks[0].ff.ff[0][0], Int8Linear)
    assert not s.Except("to_q").keeps("blocks.0.into_q") and s.Except("to_v").keeps("to_qkv")


def test_named_layers_of_a_quantised_model_compute_higher() -> None:
    dit = small_dit()
    apply(dit, s.Simulated(), lambda name, layer: "transformer_blocks" in name)
    kept = s.keep_higher(dit, ["transformer_blocks.1.attn.to_k", "ff.ff.0.0"])
    assert kept == [
        "transformer_blocks.0.ff.ff.0.0",
        "transformer_blocks.1.attn.to_qkv",
        "transformer_blocks.1.ff.ff.0.0",
    ]
    engines = {n: m.engine for n, m in dit.named_modules() if isinstance(m, Int8Linear)}
    assert all((engine is ENGINES["reference"]) == (name in kept) for name, engine in engines.items())
    with pytest.raises(F5liteError, match="no int8 layer is called 'attn.to_x'"):
        s.keep_higher(dit, ["attn.to_x"])


def test_on_trained_weights_the_layers_that_the_layout_spares_are_the_ones_that_hurt() -> None:
    """The bundled voice: what is int8 in the file is felt less than what the file keeps out of int8."""
    voice = f5lite.load("tiny")
    with voice.acoustic as dit:
        inputs = s.capture(dit, lambda: voice.speak("hello there", voice="alpha", steps=1, seed=1))
        found = {layer.name: layer for layer in s.survey(dit, inputs)}
        blocks = [n for n in found if layout.kind_of(f"{n}.weight", (256, 256)) == layout.INT8]
        assert len(blocks) == 6 * voice.config.dit.depth
        x = random(2, 80, voice.config.dit.dim)
        names = ["proj_out", "time_embed.time_mlp.0", "time_embed.time_mlp.2", *blocks[:12]]
        errors = s.felt(dit, lambda: dit.flow(x, torch.tensor(0.3)), names)
    assert s.ranked(found.values())[0].error < 0.05
    assert max(errors, key=errors.get) == "proj_out"
    assert errors["time_embed.time_mlp.0"] < 10 * found["time_embed.time_mlp.0"].error, (
        "its input stays float"
    )
    assert all(found[n].error < found[n].one_token_scale for n in blocks)


@pytest.mark.parametrize("kind", ["int8", "bf16"])
def test_the_time_embedding_stays_near_float_whatever_its_weights_are(kind: str) -> None:
    """Sines and cosines are at most 1: a layer of integers must not get them as integers."""
    time = TimeEmbedding(64)
    moments = torch.linspace(0, 1, 9)
    with torch.no_grad():
        wanted = time(moments)
        first = time.time_mlp[0]
        time.time_mlp[0] = (
            Int8Linear.of(first, s.Simulated())
            if kind == "int8"
            else HalfLinear(first.weight.detach().bfloat16(), first.bias.detach())
        )
        found = time(moments)
    assert found.dtype == torch.float32 and relative_error(wanted, found) < 0.01
