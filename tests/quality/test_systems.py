"""Lines that name a system, and what makes two systems the same."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from f5lite.errors import F5liteError
from f5lite.evidence.quality.coarse import coarsen
from f5lite.evidence.quality.plans import line
from f5lite.evidence.quality.systems import code_digest, options_of, system
from f5lite.model.checkpoint import Checkpoint
from f5lite.plan import Plan
from f5lite.shrink.int8.file import header_of


def test_a_line_is_a_model_and_options():
    assert options_of("tiny") == ("tiny", {})
    assert options_of("tiny:steps=7,guidance=1.5") == ("tiny", {"steps": 7, "guidance": 1.5})
    assert options_of(r"C:\models\a:steps=7") == (r"C:\models\a", {"steps": 7})
    assert options_of(r"C:\models\a") == (r"C:\models\a", {})


def test_a_plan_is_a_system():
    assert options_of("tiny@int8,7") == ("tiny", {"precision": "int8", "steps": 7})
    assert options_of("tiny@fp32,16,guidance=1") == (
        "tiny",
        {"precision": "fp32", "steps": 16, "guidance": 1.0},
    )
    plan = Plan("int8", steps=7, engine="reference")
    assert line("tiny", plan) == "tiny@int8,7,guidance=2,engine=reference"
    assert line("tiny", Plan(steps=16)) == "tiny@fp32,16,guidance=2"
    assert system("tiny@fp32,7").key == system("tiny:steps=7").key != system("tiny@int8,7").key


def test_a_converted_plan_speaks_in_eight_bits(tmp_path, monkeypatch):
    monkeypatch.setenv("F5LITE_CACHE", str(tmp_path))
    for text, table in (("tiny@int8,5,engine=reference", 5), ("tiny@bf16", None)):
        made = system(text)
        header = header_of(Checkpoint(made.pipeline.files.weights).source.metadata, "it")
        assert (header.precision, header.steps) == (text[5:9], table)
        assert made.key != system("tiny:steps=5").key
    folders = list((tmp_path / "quality-converted").iterdir())
    assert len(folders) == 2 and system("tiny@bf16").pipeline.files.weights.parent in folders


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("tiny:speed", "no option"),
        ("tiny:colour=red", "no option"),
        ("tiny:steps=many", "takes a number"),
        ("tiny:coarse=1", "2 to 8"),
        ("tiny:dtype=int7", "dtype=int7"),
        ("tiny@int7,7", "no option"),
        ("tiny:precision=int7", "precision=int7"),
        ("tiny@int8,7,coarse=4", "leave precision=int8 out"),
        ("nowhere", "no model 'nowhere'"),
    ],
)
def test_what_is_refused(line, message):
    with pytest.raises(F5liteError, match=message):
        system(line)


def test_identity_is_what_changes_the_sound():
    assert system("tiny").key == system("tiny", name="another").key == system("tiny:seeds=5").key
    keys = {
        system(line).key for line in ("tiny", "tiny:steps=7", "tiny:coarse=4", "tiny:vocoder=griffin-lim")
    }
    assert len(keys) == 4


def test_the_code_that_makes_the_sound_belongs_to_it():
    assert code_digest() == code_digest() and len(code_digest()) == 20


def test_coarse_leaves_few_levels_and_the_mapped_weights_alone():
    layer = nn.Sequential(nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 8))
    before = layer[0].weight.data
    kept = before.clone()
    assert coarsen(layer, 4) == 2
    assert len(torch.unique(layer[0].weight)) <= 15
    assert torch.equal(before, kept)
    with pytest.raises(ValueError, match="2 to 8"):
        coarsen(layer, 1)
