"""A check says how an attempt stands, helps, and never stops the notebook."""

from __future__ import annotations

import pytest

from f5lite.evidence import exercises
from f5lite.evidence.exercises import REGISTRY, exercise, expect


def checks():
    @exercise("double", lesson="99", praise="twice as much, as asked.")
    def double(attempt):
        got = attempt(2)
        expect(got == 4, f"double(2) should be 4, yours returned {got!r}")

    return double


def test_each_way_an_attempt_can_end() -> None:
    def stub(value):
        raise NotImplementedError

    def broken(value):
        return value["x"]

    double, before = checks(), len(exercises.results())
    good, wrong = double(lambda value: 2 * value), double(lambda value: value)
    empty, failed = double(stub), double(broken)
    assert good.passed and str(good) == "Done: twice as much, as asked."
    assert not wrong.passed and str(wrong) == "Not yet: double(2) should be 4, yours returned 2"
    assert not empty.passed and "still the stub" in empty.message
    assert not failed.passed and "TypeError" in failed.message and 'value["x"]' in failed.message
    assert exercises.results()[before:] == [good, wrong, empty, failed]
    assert good.to_dict() == {
        "name": "double",
        "passed": True,
        "message": "twice as much, as asked.",
        "lesson": "99",
    }


def test_a_check_may_say_what_it_found() -> None:
    @exercise("a_share_of_ten", lesson="99")
    def share(attempt):
        return f"a share of {attempt()}"

    assert share(lambda: 0.25).message == "a share of 0.25"
    assert REGISTRY["a_share_of_ten"] is share


def test_two_lessons_cannot_share_the_name_of_a_check() -> None:
    exercise("taken_once", lesson="98")(lambda attempt: None)
    exercise("taken_once", lesson="98")(lambda attempt: None)  # the same lesson, run again
    with pytest.raises(ValueError, match="lesson 98 has a check 'taken_once'"):
        exercise("taken_once", lesson="99")
