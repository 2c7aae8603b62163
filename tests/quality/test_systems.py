"""Lines that name a system, and what makes two systems the same."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from f5lite.errors import F5liteError
from f5lite.evidence.quality.coarse import coarsen
from f5lite.evidence.quality.systems import code_digest, options_of, system


def test_a_line_is_a_model_and_options():
    assert options_of("tiny") == ("tiny", {})
    assert options_of("tiny:steps=7,guidance=1.5") == ("tiny", {"steps": 7, "guidance": 1.5})
    assert options_of(r"C:\models\a:steps=7") == (r"C:\models\a", {"steps": 7})
    assert options_of(r"C:\models\a") == (r"C:\models\a", {})


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("tiny:speed", "no option"),
        ("tiny:colour=red", "no option"),
        ("tiny:steps=many", "takes a number"),
        ("tiny:coarse=1", "2 to 8"),
        ("tiny:dtype=int7", "dtype=int7"),
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
