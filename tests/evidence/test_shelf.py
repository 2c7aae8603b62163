"""The shelf: only levels that this processor has, set where the child reads them, with fp32 as it is."""

from __future__ import annotations

import os

import pytest

from f5lite import machine
from f5lite.evidence import shelf
from f5lite.evidence.shelf import Board, Level, levels


@pytest.mark.parametrize(
    ("sets", "names"),
    [
        ((), []),
        (("NEON", "DOTPROD", "I8MM"), []),
        (("AVX2", "FMA"), ["AVX2", "SSE4.1"]),
        (("AVX2", "AVX_VNNI"), ["AVX2, VNNI", "AVX2", "SSE4.1"]),
        (("AVX2", "AVX512", "AVX512_VNNI"), ["AVX-512, VNNI", "AVX-512", "AVX2", "SSE4.1"]),
        (
            ("AVX2", "AVX512", "AVX512_VNNI", "AVX512_BF16", "AMX_INT8", "AMX_BF16", "AVX_VNNI"),
            ["AMX", "AVX-512, BF16", "AVX-512, VNNI", "AVX-512", "AVX2, VNNI", "AVX2", "SSE4.1"],
        ),
    ],
)
def test_a_machine_plays_its_own_level_and_those_below(sets: tuple[str, ...], names: list[str]) -> None:
    assert [level.name for level in levels(sets)] == names


def test_a_board_compares_with_fp32() -> None:
    made = Board(
        "AVX2",
        {"fp32": (0.02,), "reference": (0.01,), "onednn": (0.01,), "torch": (0.5,), "bf16": (0.1,)},
        {},
    )
    assert made.int8 == "onednn" and made.faster("onednn") == 2
    assert Board("x", {"fp32": (0.02,), "bf16": (0.1,)}, {}).int8 is None


@pytest.mark.skipif("AVX2" not in machine.card().instruction_sets, reason="no x86 with AVX2")
def test_a_played_processor_has_its_figures(monkeypatch) -> None:
    level = levels(machine.card().instruction_sets)[-2]
    before = dict(os.environ)
    found = shelf.board(level, rounds=1)
    assert dict(os.environ) == before, "only the child is lowered"
    assert {"fp32", "reference"} <= set(found.seconds)
    assert all(seconds > 0 for times in found.seconds.values() for seconds in times)
    assert found.int8 is None or found.faster(found.int8) > 0
    assert not set(found.missing) & set(found.seconds)


def test_a_level_that_cannot_be_played_says_why(monkeypatch) -> None:
    monkeypatch.setattr(shelf, "product_times", dies)
    found = shelf.board(Level("none", "SSE41", "default"))
    assert found.seconds == {} and "exit code 3" in found.missing["all"] and found.int8 is None


def dies(rounds: int) -> None:
    os._exit(3)
