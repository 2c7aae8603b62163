"""What lesson 06 computes from its figures, on made-up ones."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from f5lite.evidence import explain
from f5lite.evidence.int8_speed import REST, Lap, Turn
from f5lite.evidence.listening import Score
from f5lite.evidence.quality.result import Result
from f5lite.evidence.shelf import Board
from f5lite.lab.lessons import int8_sound
from f5lite.lab.lessons import lesson_06 as helpers
from f5lite.shrink.int8 import sensitivity

LAPS = [
    Lap("fp32", (0.1, 0.11, 0.1), 0.0),
    Lap("naive", (0.12, 0.13, 0.12), 0.001),
    Lap("reference", (0.11, 0.11, 0.11), 0.001),
    Lap("onednn", (0.06, 0.05, 0.06), 0.01),
    Lap("torch", (3.0,), 0.01, hopeless=True),
]


def test_the_race_shows_who_ran_and_names_the_best_engine() -> None:
    picture = helpers.race_picture(LAPS)
    assert helpers.best(LAPS) == "onednn"
    assert "torch" not in picture.data["values"] and "torch" in picture.note
    assert any(row[0] == "torch" and row[3] == "called once" for row in picture.table.rows)
    assert helpers.lap(LAPS, "naive", "naive_block").median == pytest.approx(120)


def test_fp32_and_the_naive_way_are_no_engines_even_where_they_win() -> None:
    laps = [replace(LAPS[0], seconds=(0.001,)), replace(LAPS[1], seconds=(0.001,)), *LAPS[2:]]
    assert helpers.best(laps) == "onednn"


def test_what_grew_is_found_in_the_profiles() -> None:
    before = {"products": 80.0, REST: 5.0}
    after = {"products": 81.0, "copies and conversions": 16.0, REST: 20.0}
    told = explain.tell("06/where", *helpers.grown(before, after))
    assert told.outcome == "conversions" and "31 ms" in told.text


@pytest.mark.parametrize("joules", [None, 4.0])
def test_energy_is_recorded_or_its_absence_is(joules: float | None) -> None:
    turns = [Turn(1.0, 2.0, joules), Turn(1.1, 2.1, joules)]
    figures = helpers.pass_figures({"fp32": turns, "int8": turns})
    assert figures["fp32_pass"].median == 1.05 and figures["int8_cpu"].median == 2.05
    assert bool(figures["fp32_energy"].missing) == (joules is None)


def board(level: str, int8: float, bf16: float = 0.5) -> Board:
    return Board(
        level, {"fp32": (1.0,), "onednn": (1 / int8,), "bf16": (1 / bf16,)}, {"torch": "sums saturate"}
    )


@pytest.mark.parametrize(
    ("boards", "outcome"),
    [
        ([], "none"),
        ([Board("AVX2", {}, {"all": "it ended"})], "never"),
        ([board("AVX2", 2.0), board("SSE4.1", 1.3)], "everywhere"),
        ([board("AVX2", 2.0), board("SSE4.1", 0.3)], "somewhere"),
        ([board("AVX2", 1.05)], "never"),
    ],
)
def test_the_shelf_is_told_by_how_many_levels_pay(boards: list[Board], outcome: str) -> None:
    assert explain.tell("06/shelf", *helpers.paying(boards)).outcome == outcome
    shown = helpers.shelf_picture(boards)
    played = any(one.seconds for one in boards)
    assert ("not lowered" in shown.plain()) == played and (played or "can be played" in shown.plain())


def test_a_shelf_without_integer_engines_is_a_table() -> None:
    shown = helpers.shelf_picture(
        [Board("AVX2", {"fp32": (1.0,), "reference": (1.1,)}, {"onednn": "it saturates"})]
    )
    assert "it saturates" in shown.plain() and "0.91" in shown.plain()


def layer(name: str, error: float, felt: float) -> sensitivity.Layer:
    quiet = sensitivity.Outliers(0.0, 1.0, 1.0, ())
    return sensitivity.Layer(name, 8, 8, error, error / 2, error, error, error, quiet, felt)


def test_the_layers_text_follows_which_one_leads() -> None:
    one = [layer("time_embed.time_mlp.0", 0.001, 0.3), layer("transformer_blocks.1.ff.ff.2", 0.02, 0.001)]
    told = explain.tell("06/layers", *helpers.felt_figures(one))
    assert told.outcome == "other" and "30 %" in told.text
    assert "Felt most: time_embed.time_mlp.0" in helpers.sensitivity_picture(one).alt
    both = [layer("a", 0.02, 0.3), layer("b", 0.001, 0.001)]
    assert explain.tell("06/layers", *helpers.felt_figures(both)).outcome == "same"


def result(precision: str, change: tuple[float, float, float]) -> Result:
    value, low, high = change
    interval = {"value": value, "low": low, "high": high, "count": 40}
    plain = {
        "figures": [
            {"metric": "wer", "change": interval, "a": interval, "b": interval, "status": "", "verdict": ""}
        ],
        "a": "tiny:steps=7",
        "b": "tiny@int8,7",
        "model": "tiny (0)",
        "sentences": 40,
        "voices": ["kumo"],
        "seeds": [0],
        "about": {
            "settings": {"precision": precision, "steps": 7, "guidance": 1.0},
            "baseline": {"precision": "fp32", "steps": 7, "guidance": 1.0},
        },
        "missing": {},
    }
    return Result.from_dict(json.loads(json.dumps(plain)))


@pytest.mark.parametrize(
    ("shipped", "outcome"),
    [
        ({}, "none"),
        ({"steps": result("fp32", (0.0, -0.1, 0.1))}, "none"),
        ({"int8": result("int8", (0.2, -0.5, 0.7))}, "within"),
        ({"int8": result("int8", (4.0, 2.0, 6.0))}, "worse"),
        ({"int8": result("int8", (0.2, -2.5, 2.7))}, "can't tell"),
    ],
)
def test_quality_is_what_is_shipped_and_nothing_else(monkeypatch, shipped: dict, outcome: str) -> None:
    monkeypatch.setattr(int8_sound, "shipped", lambda: shipped)
    difference = helpers.wer_difference()
    assert explain.tell("06/quality", difference).outcome == outcome
    assert bool(difference.missing) == (outcome == "none") == (helpers.about_quality() == "")
    assert ("none shipped" in helpers.quality_table().plain()) == (outcome == "none")


def test_a_difference_of_nothing_has_no_sign() -> None:
    assert int8_sound.signed(-0.0001, 3) == "0.000" and int8_sound.signed(-1.94, 1) == "−1.9"


def test_the_last_blind_test_is_remembered(own_session) -> None:
    class Player:
        class blind:
            answers, score = (), Score(0, 0)

    assert helpers.said(Player()).outcome == "none"
    own_session.ledger.record("int8-sound", *Score(9, 10).figures())
    assert helpers.said(Player()) == Score(9, 10)
    Player.blind.answers, Player.blind.score = ((0, 0),), Score(1, 1)
    assert helpers.said(Player()) == Score(1, 1)


def test_an_engine_has_the_bits_that_its_product_is_exact_with() -> None:
    assert helpers.bits("reference") == 127 and helpers.bits("onednn") in (63, 127)


def test_small_and_large_effects_fit_one_picture() -> None:
    """One layer is felt a thousand times as much as another; even one that isn't felt at all is a dot."""
    drawn = helpers.sensitivity_picture(
        [layer("a", 0.01, 0.3), layer("b", 0.02, 0.0003), layer("c", 0.01, 0.0)]
    )
    heights = [y for _, _, y in drawn.data["points"]]
    assert max(heights) == pytest.approx(30) and min(heights) > 0 and "felt most: a" in drawn.alt.lower()
    dots = [float(y) for y in re.findall(r'<circle cx="[\d.]+" cy="([\d.]+)"', drawn.svg)]
    assert max(dots) - min(dots) > 100, "by powers of two, so that they don't all lie on the axis"


def test_fused_races_only_where_it_is_compiled(monkeypatch) -> None:
    from f5lite.shrink.int8 import products

    monkeypatch.setattr(helpers.auto, "usable", lambda config: None)
    assert "fused" not in helpers.candidates() and "reference" in helpers.candidates()
    assert "compile" in helpers.refused()["fused"]
    monkeypatch.setattr(helpers.auto, "usable", lambda config: products.ONEDNN_7_BITS)
    assert helpers.candidates()[-1] == "fused" and "fused" not in helpers.refused()
    assert helpers.bits("fused") == 63


def test_what_auto_takes_is_said_with_its_reason(monkeypatch) -> None:
    made = helpers.auto.Choice("onednn", "onednn was the fastest block.", True)
    monkeypatch.setattr(helpers.auto, "choice", lambda config: made)
    assert helpers.taken().table.rows == (("onednn", "onednn was the fastest block."),)
