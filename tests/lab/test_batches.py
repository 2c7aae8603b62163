"""Lesson 03's batch of two: what is measured for each way, and how it is shown."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from f5lite.lab.lessons import batches


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_batch_of_two_is_one_pass_for_two_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("F5LITE_QUICK", "1")
    found = batches.batches(Path("tiny"), 512)
    assert list(found) == [batches.ALONE, batches.MASKED, batches.PAIR]
    pair, alone = found[batches.PAIR], found[batches.ALONE]
    assert pair.each.median == pytest.approx(pair.seconds.median / 2) and alone.each == alone.seconds
    assert pair.memory.interval[0] > alone.memory.interval[1], "two sentences need more than one"
    shown = batches.side_by_side(found)
    assert [row[1] for row in shown.table.rows] == ["1", "1", "2"] and shown.table.caption
