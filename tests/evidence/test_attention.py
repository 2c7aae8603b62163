"""What attention costs: the rows, their arithmetic, and one small measurement against its prediction."""

from __future__ import annotations

import pytest

from f5lite.evidence import attention as costs
from f5lite.model.config import V1_BASE
from f5lite.shrink.attention import predict


def test_long_lengths_are_timed_on_fewer_heads() -> None:
    assert [costs.heads_at(n) for n in costs.LENGTHS] == [16, 16, 4, 1, 1]
    assert costs.heads_at(64) == 16 and costs.heads_at(100_000) == 1


def test_rows_are_computed_for_sixteen_heads(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = {"math": [0.4, 0.6, 0.5], "sdpa": [0.1, 0.2, 0.1]}
    monkeypatch.setattr(costs.timing, "timings", lambda frames, names, heads, rounds: taken)
    rows = costs.times((512, 1024), ("math", "sdpa"), rounds=3)
    assert [(r.frames, r.name, r.heads) for r in rows] == [
        (512, "math", 16), (512, "sdpa", 16), (1024, "math", 4), (1024, "sdpa", 4),
    ]  # fmt: skip
    assert rows[0].milliseconds == pytest.approx(500) and rows[2].milliseconds == pytest.approx(2000)
    assert costs.gains(rows, "math", "sdpa", 1024) == pytest.approx([4, 3, 5])
    assert rows[0].predicted_mb == predict.attention("math", 512, V1_BASE.dit).held / 1e6


def test_hopeless_backends_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        costs.auto, "calibrated", lambda: {"dropped": {"chunked-bf16": 27.0, "sdpa-bf16": 3.1}}
    )
    for more in ([], ["amx-bf16"]):
        monkeypatch.setattr(costs.own, "usable", lambda device, more=more: tuple(more))
        assert costs.worth_timing() == ["math", "sdpa", "chunked", "sdpa-bf16", *more]


def test_the_prediction_follows_the_heads() -> None:
    few, all_ = (costs.predicted_mb("math", 2048, heads) for heads in (2, 16))
    assert all_ == pytest.approx(8 * few)


def test_a_peak_and_its_prediction_agree() -> None:
    """`math` on one head: 134 MB of scores and weights, in a process of its own."""
    found, expected = costs.peak_mb("math", 2048, 1), costs.predicted_mb("math", 2048, 1)
    assert found == pytest.approx(expected, abs=25)
    assert costs.peak_mb("chunked", 2048, 1) < expected / 3


def test_the_share_of_attention_is_a_share() -> None:
    found = costs.shares(64, rounds=3)
    assert len(found) == 3 and all(0 < share < 100 for share in found)
