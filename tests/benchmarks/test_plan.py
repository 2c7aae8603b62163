"""Which rows are wanted, in which pieces, and how long they take."""

from __future__ import annotations

from benchmarks import plan
from benchmarks.rows import Key
from benchmarks.variants import FP32, UPSTREAM, Variant
from tests.benchmarks import made

EVERYONE = [
    Variant(FP32, "f5lite", "x", grid=True),
    Variant("f5lite int8, onednn", "f5lite", "x", grid=True),
    Variant("f5lite int8, torch", "f5lite", "x"),
    Variant(UPSTREAM, "upstream", "x"),
    *(Variant(f"peer {number}", "peer", "x") for number in range(6)),
    Variant(f"{FP32}, 7 steps", "f5lite", "x", work="utterance", steps=7),
]


def test_everyone_at_512_frames_on_two_threads_and_the_grid_for_few():
    keys = plan.wanted(EVERYONE)
    middle = {key.variant for key in keys if (key.work, key.frames, key.threads) == ("pass", 512, 2)}
    assert middle == {each.name for each in EVERYONE if each.work == "pass"}
    assert {key.variant for key in keys if key.frames == 2048} == {FP32, "f5lite int8, onednn"}
    assert [key for key in keys if key.work == "utterance"] == [Key("utterance", f"{FP32}, 7 steps", 512, 2)]
    assert len(keys) == len(set(keys))


def test_full_is_the_grid_for_all():
    keys = plan.wanted(EVERYONE, full=True)
    assert sum(key.work == "pass" for key in keys) == 8 * sum(each.work == "pass" for each in EVERYONE)


def test_only_takes_words_of_work_or_variant():
    assert {key.variant for key in plan.wanted(EVERYONE, only=["PEER 3"])} == {"peer 3"}
    assert {key.work for key in plan.wanted(EVERYONE, only=["utterance"])} == {"utterance"}


def test_pieces_hold_every_row_once_and_few_variants():
    keys = plan.wanted(EVERYONE)
    pieces = plan.pieces(keys, together=3)
    held = [
        Key(p.work, name, frames, p.threads) for p in pieces for name in p.variants for frames in p.frames
    ]
    assert sorted(held, key=str) == sorted(keys, key=str)
    assert all(len(piece.variants) <= 3 for piece in pieces)
    assert [piece.threads for piece in pieces] == sorted((piece.threads for piece in pieces), reverse=True)


def test_what_is_there_is_in_no_piece():
    keys = plan.wanted(EVERYONE)
    rest = plan.pieces([key for key in keys if key.variant != "peer 3"], together=3)
    assert all("peer 3" not in piece.variants for piece in rest)


def test_a_small_machine_holds_one_variant_beside_the_anchor():
    assert plan.together(2 << 30) == 1
    assert plan.together(64 << 30) == 5


def test_slow_ones_are_repeated_less_and_hopeless_ones_not_at_all():
    repeats = [plan.repeats_for(first, "pass", False) for first in (1.0, 25.0, 100.0)]
    assert repeats == [5, 3, 0]
    assert plan.repeats_for(1.0, "pass", True) > 5


def test_an_estimate_follows_what_was_measured():
    operations = {frames: 1e9 * frames for frames in plan.LENGTHS}
    guess = plan.Estimate([], operations)
    informed = plan.Estimate(made.rows(), operations)
    assert informed.once(FP32, 512, 2) == 3.0
    assert informed.once("peer 1", 512, 2) == 3.0  # nothing is known of it: as fp32
    assert informed.once("vox-tts q8", 512, 2) == 4.0
    piece = plan.Piece("pass", 2, (512,), ("peer 1",))
    assert guess.piece(piece) > 0
    assert informed.piece(piece) > plan.STARTING * 2 + 2 * 5 * 3.0
