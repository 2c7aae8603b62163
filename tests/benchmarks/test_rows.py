"""Rows: their schema, their files, and that a damaged file is as good as none."""

from __future__ import annotations

import json

import pytest

from benchmarks.rows import KEYS, Key, Row, Store, timed, wrong
from f5lite.errors import F5liteError
from tests.benchmarks import made


def test_every_row_has_the_nine_keys_and_unavailable_only_where_it_is_so():
    for row in made.rows():
        plain = row.to_dict()
        assert tuple(plain)[: len(KEYS)] == KEYS
        assert not wrong(plain)
        assert ("unavailable" in plain) == (row.median_s is None)
        assert Row.from_dict(json.loads(json.dumps(plain))) == row


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"work": "dance"}, "dance"),
        ({"variant": ""}, "variant"),
        ({"frames": 0}, "frames"),
        ({"median_s": None}, "neither"),
        ({"median_s": float("nan")}, "number"),
        ({"unavailable": "it is not"}, "both"),
    ],
)
def test_what_is_no_row_is_named(change, said):
    assert said in wrong(made.rows()[0].to_dict() | change)
    with pytest.raises(F5liteError, match=said):
        Row.from_dict(made.rows()[0].to_dict() | change)


def test_a_missing_key_is_named():
    plain = made.rows()[0].to_dict()
    del plain["threads"]
    assert "threads" in wrong(plain)


def test_ratios_are_taken_round_by_round():
    row = timed(Key("pass", "a", 512, 2), [1.0, 2.0, 4.0], [2.0, 2.0, 2.0])
    assert row.ratio == (1.0, 0.5, 2.0)
    assert (row.median_s, row.spread_s, row.repeats) == (2.0, 3.0, 3)


def test_one_repeat_has_no_spread():
    assert timed(Key("pass", "a", 512, 2), [1.0]).spread_s is None


def test_the_store_keeps_a_file_a_row_and_passes_over_damaged_ones(tmp_path):
    store = Store(tmp_path / "rows")
    rows = made.rows()
    for row in rows:
        store.keep(row)
    assert len(list((tmp_path / "rows").glob("*.json"))) == len(rows)
    assert {row.key for row in store.rows()} == {row.key for row in rows}
    (tmp_path / "rows" / rows[0].key.file_name).write_text('{"work": "pass"', encoding="utf-8")
    assert store.get(rows[0].key) is None
    assert len(store.rows()) == len(rows) - 1
    store.forget([rows[1].key])
    assert not store.has(rows[1].key)
