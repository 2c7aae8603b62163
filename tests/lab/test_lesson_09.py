"""What lesson 09 shows, whatever was counted, and the sums that it does."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from f5lite.evidence import explain, int8_bytes, workload
from f5lite.evidence.measurement import Measurement
from f5lite.lab.lessons import lesson_09, past_words
from f5lite.model.config import V1_BASE


@dataclass
class Run:
    peak_rss_mb: float
    result: dict[str, float]


def costs() -> lesson_09.Costs:
    made = lesson_09.Costs.__new__(lesson_09.Costs)
    made.pair, made.single = [1.0, 1.2, 1.1], [0.6, 0.7, 0.5]
    return made


RUNS = {
    "on-demand": [
        Run(260.0, {"acoustic": 2.0}),
        Run(262.0, {"acoustic": 2.2}),
        Run(261.0, {"acoustic": 2.1}),
    ],
    "streamed": [Run(120.0, {"acoustic": 4.0}), Run(121.0, {"acoustic": 4.4}), Run(122.0, {"acoustic": 4.2})],
}


def test_what_was_counted_ships_with_the_voice() -> None:
    for what in past_words.COUNTED:
        result = past_words.counted(what)
        assert result is not None and result.sentences >= 100, what
        assert not lesson_09.more_wrong(what).missing


def test_the_listing_has_a_row_for_each_way_and_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    table = lesson_09.words(*past_words.COUNTED).table
    assert [row[0] for row in table.rows] == list(past_words.COUNTED)
    monkeypatch.setattr(past_words, "counted", lambda what: None)
    assert all("wasn't counted" in row[-1] for row in lesson_09.words(*past_words.COUNTED).table.rows)
    missing = lesson_09.more_wrong("not guided")
    assert missing.missing and explain.tell("09/guidance", missing).outcome == "none"


def test_utterances_are_sums_of_pairs_and_single_passes() -> None:
    taken = lesson_09.utterances(costs())
    assert taken["32 steps, guided"].values == pytest.approx((32.0, 38.4, 35.2))
    assert taken["7 steps, guided"].values == pytest.approx((7.0, 8.4, 7.7))
    assert taken["7, not guided"].values == pytest.approx((4.2, 4.9, 3.5))
    pairs = sum(time < lesson_09.UNTIL for time in lesson_09.grid("EPSS", 7)[:-1].tolist())
    assert 0 < pairs < 7
    assert taken["7, guided at first"].values[0] == pytest.approx(pairs * 1.0 + (7 - pairs) * 0.6)
    many, few = lesson_09.ends(costs())
    assert (many.name, few.name) == ("many", "few") and few.median < many.median / 4
    assert explain.tell("09/time", many, few).outcome == "lower"


def test_memory_and_wait_come_from_the_requests() -> None:
    on_demand, streamed = lesson_09.peaks(RUNS)
    assert (on_demand.median, streamed.median) == (261.0, 121.0)
    assert [one.median for one in lesson_09.waits(RUNS)] == [2.1, 4.2]
    assert explain.tell("09/peak", on_demand, streamed).outcome == "lower"
    assert explain.tell("09/wait", *lesson_09.waits(RUNS)).outcome == "higher"
    points = {name: rest for name, *rest in lesson_09.low(costs(), RUNS).data["points"]}
    assert points["7 steps, on demand"] == pytest.approx([261.0, 7.7])
    assert points["7 steps, streamed"] == pytest.approx([121.0, 15.4]), "streaming took twice as long"
    assert len(points) == 6, "three guided ways, each in two residencies"


def test_a_price_that_cannot_be_told_is_not_drawn() -> None:
    runs = dict(RUNS, streamed=[Run(120.0, {"acoustic": seconds}) for seconds in (1.9, 2.2, 2.3)])
    figure = lesson_09.low(costs(), runs)
    points = {name: seconds for name, _, seconds in figure.data["points"]}
    assert (
        points["7 steps, streamed"] == points["7 steps, on demand"]
        and "couldn't be told apart" in figure.note
    )


@pytest.mark.parametrize(
    ("bounds", "outcome"),
    [
        ((-0.5, 0.9), "no worse"),
        ((0.2, 0.8), "no worse"),
        ((-3.0, -0.2), "better"),
        ((0.1, 4.0), "worse"),
        ((-2.0, 2.0), "can't tell"),
    ],
)
def test_words_are_judged_by_the_interval(bounds: tuple[float, float], outcome: str) -> None:
    found = Measurement.of("more_wrong", sum(bounds) / 2, "points", bounds=bounds)
    assert explain.tell("09/steps", found).outcome == outcome
    assert explain.tell("09/guidance", found).outcome == outcome


def test_the_nearest_grid_is_named() -> None:
    found = {"even": {7: 4.4}, "swayed": {7: 2.0}, "EPSS": {7: 1.5}}
    told = explain.tell("09/grid", *lesson_09.at_seven(found))
    assert told.outcome == "epss" and "4.4 dB" in told.text


@pytest.mark.parametrize(
    ("outcomes", "name", "told"),
    [
        ({"5 steps": "no worse", "not guided": "worse"}, "5 steps, guided", "steps"),
        ({"5 steps": "no worse", "not guided": "better"}, "7, not guided", "guidance"),
        ({"32 steps": "no worse", "5 steps": "can't tell", "not guided": "none"}, "7 steps, guided", "seven"),
    ],
)
def test_the_least_is_the_one_that_costs_no_words(
    monkeypatch: pytest.MonkeyPatch, outcomes: dict[str, str], name: str, told: str
) -> None:
    monkeypatch.setattr(lesson_09, "more_wrong", lambda what: what)
    monkeypatch.setattr(past_words, "judged", lambda what: outcomes.get(what, "worse"))
    assert lesson_09.least() == name
    assert explain.tell("09/least", *lesson_09.least_figures()).outcome == told


def test_seven_against_32_is_the_shipped_comparison_turned_round(monkeypatch: pytest.MonkeyPatch) -> None:
    found, turned = lesson_09.more_wrong("32 steps"), lesson_09.seven_more_wrong()
    assert turned.median == -found.median
    assert turned.interval == (-found.interval[1], -found.interval[0])
    monkeypatch.setattr(past_words, "counted", lambda what: None)
    assert explain.tell("09/steps", lesson_09.seven_more_wrong()).outcome == "none"


def test_costs_are_measured_on_the_pair_and_on_one() -> None:
    config = V1_BASE.with_blocks(1)
    folder = int8_bytes.converted(workload.prepare(config), int8_bytes.beside(workload.prepare(config)))
    done: list[int] = []
    found = lesson_09.Costs(folder, 64, lambda: done.append(1))
    assert len(found.pair) == len(found.single) == lesson_09.passes() and len(done) == lesson_09.passes() + 1
    assert all(seconds > 0 for seconds in found.pair + found.single)
    assert explain.tell("09/pair", *found.figures()).outcome in ("lower", "can't tell", "higher")
