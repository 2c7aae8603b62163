"""Single evaluations of the network against upstream's: every option, with and without mask, text, reference, guidance."""

from __future__ import annotations

import functools

import pytest
import torch

from tests.golden import cases, compare, ours, seeded

GOLDEN = "passes"


@functools.cache
def model(shape: str) -> ours.Model:
    return ours.Model(cases.shape(shape), "dit", shape)


@functools.cache
def pass_difference(shape: str, name: str) -> float:
    case = cases.PASSES[name]
    found = ours.run_pass(model(shape), cases.pass_inputs(name, case), case)
    return compare.difference(
        compare.thinned(found), compare.arrays(GOLDEN)[f"{shape}/{name}"], f"pass/{shape}/{name}"
    )


@functools.cache
def text_difference(shape: str, name: str) -> float:
    case = cases.PASSES[name]
    found = ours.text_embedding(model(shape), cases.pass_inputs(name, case), case)
    return compare.difference(
        compare.thinned(found), compare.arrays(GOLDEN)[f"{shape}/{name}/text"], f"text/{shape}/{name}"
    )


@pytest.mark.parametrize("shape", cases.SHAPES)
def test_parameters_have_upstreams_names_and_shapes(shape: str) -> None:
    drawn = model(shape).weights
    noted = compare.notes(GOLDEN)[shape]
    assert {key: list(value.shape) for key, value in drawn.items()} == noted["keys"]
    assert noted["arguments"] == cases.shape(shape), "the cases changed: run make_golden again"
    assert seeded.fingerprint(drawn) == noted["sha256"], (
        "the drawn weights are not those that upstream was given"
    )


@pytest.mark.parametrize("name", cases.PASSES)
@pytest.mark.parametrize("shape", cases.SHAPES)
def test_pass_is_upstreams(shape: str, name: str) -> None:
    assert pass_difference(shape, name) <= compare.LIMIT


@pytest.mark.parametrize("name", [name for name, case in cases.PASSES.items() if not case.get("packed")])
@pytest.mark.parametrize("shape", cases.SHAPES)
def test_text_embedding_is_upstreams(shape: str, name: str) -> None:
    assert text_difference(shape, name) <= compare.LIMIT


def test_most_passes_are_within_the_usual_difference() -> None:
    found = [pass_difference(shape, name) for shape in cases.SHAPES for name in cases.PASSES]
    assert sum(value <= compare.USUAL for value in found) >= 0.9 * len(found)


PARTS = [
    "transformer_blocks.1.attn.to_q", "transformer_blocks.0.attn.to_v", "transformer_blocks.1.attn.to_out.0",
    "transformer_blocks.1.ff.ff.2",
    "transformer_blocks.0.attn_norm.linear", "norm_out.linear", "time_embed.time_mlp.2", "input_embed.conv_pos_embed.conv1d.2",
]  # fmt: skip


@pytest.mark.parametrize("part", PARTS)
def test_the_golden_files_notice_a_hundredth(part: str) -> None:
    """One weight matrix of a real result, larger by 1 %: the comparison must fail."""
    changed = ours.Model(cases.shape("average"), "dit", "average")
    with torch.no_grad():
        changed.acoustic.get_submodule(part).weight.mul_(1.01)
    case = cases.PASSES["pair-masked"]
    found = compare.thinned(ours.run_pass(changed, cases.pass_inputs("pair-masked", case), case))
    theirs = compare.arrays(GOLDEN)["average/pair-masked"]
    assert abs(found - theirs).max() / abs(theirs).max() > compare.LIMIT
