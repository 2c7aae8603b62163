"""The instrument on the bundled voice: it finds a model that is worse on purpose, and finds nothing between seeds."""

from __future__ import annotations

import pytest

from f5lite.evidence.quality.instruments import Instruments
from f5lite.evidence.quality.run import compare
from f5lite.evidence.quality.sentences import bundled_sentences
from f5lite.evidence.quality.systems import system

SENTENCES, RUN = 12, "tiny:steps=5"


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    return {"folder": tmp_path_factory.mktemp("kept"), "instruments": Instruments(threads=1)}


def test_four_bits_with_one_scale_a_tensor_are_worse(shared):
    good, coarse = system(RUN), system(f"{RUN},coarse=4")
    result, rows = compare(good, coarse, bundled_sentences(SENTENCES), **shared)
    assert result.figure("wer").status == result.figure("similarity").status == "worse"
    assert result.figure("same_voice").change.value < 0.9
    assert len(rows) == SENTENCES and result.missing == {}


def test_other_seeds_are_no_different(shared):
    good, other = system(RUN), system(f"{RUN},seeds=1000")
    result, _ = compare(good, other, bundled_sentences(SENTENCES), **shared)
    assert result.figure("wer").status != "worse"
    assert abs(result.figure("similarity").change.value) < 0.05
    assert {figure.metric for figure in result.figures} == {"wer", "similarity", "opinion"}
