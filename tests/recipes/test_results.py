"""The results that ship: made by one command, from what its workers left on the shelf."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import pytest

from f5lite.evidence.quality.instruments import Instruments
from f5lite.evidence.quality.rendering import Shelf
from f5lite.evidence.quality.shipped import shipped
from f5lite.evidence.quality.systems import system
from recipes.voice import results
from recipes.voice.results import RESULTS, Wanted


def test_what_ships_is_what_the_command_makes():
    there = shipped()
    assert set(there) == set(RESULTS)
    for name, one in RESULTS.items():
        found = there[name]
        assert (found.a, found.b, found.sentences) == (one.a, one.b, one.sentences), name
        assert (found.voices, found.about["spread"]) == (list(one.voices), one.spread), name
        assert found.about["settings"] == one.settings and found.about["baseline"] == one.baseline, name
        assert one.more.items() <= found.about.items(), name


def test_parts_make_the_whole_and_nothing_is_spoken_twice(tmp_path, monkeypatch):
    wanted = {"few": Wanted("tiny@fp32,5", 3, {"steps": 5}, a="tiny@fp32,4", baseline={"steps": 4})}
    shelf, tools = tmp_path / "shelf", Instruments(1)
    for part in (0, 1):
        results.speak_part(wanted, part, 2, Shelf(shelf), tools)

    def silent(line):
        return replace(system(line), make=lambda: pytest.fail("spoken again"))

    monkeypatch.setattr(results, "system", silent)
    results.write(wanted, tmp_path, shelf, tools)
    found = json.loads((tmp_path / "few.json").read_text())
    assert found["sentences"] == 3 and found["about"]["settings"] == {"steps": 5}
    assert found["about"]["baseline"] == {"steps": 4}
    assert {figure["metric"] for figure in found["figures"]} >= {"wer"}


def test_an_unknown_result_is_named(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["results", "speed-0.9", "spede"])
    with pytest.raises(SystemExit):
        results.main()
    assert "no result 'spede'; there are 32-steps-against-7" in capsys.readouterr().err
