"""What counts as the same words."""

from __future__ import annotations

import pytest

from f5lite.evidence.quality.words import cardinal, errors, normalised, ordinal


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("Set a timer for 12 minutes.", "set a timer for twelve minutes"),
        ("Memory is at 40%", "memory is at forty percent"),
        ("Call Anna at 10 on Monday!", "call anna at ten on monday"),
        ("wake me at 7:30", "wake me at seven thirty"),
        ("7:00", "seven o'clock"),
        ("the 21st of May", "the twenty first of may"),
        ("1,342 MB", "one thousand three hundred forty two mb"),
        ("3.14", "three point one four"),
        ("twenty-five", "twenty five"),
        ("don’t — 'quoted'", "don't quoted"),
        ("my favourite colour", "my favorite color"),
        ("", ""),
    ],
)
def test_written_and_spoken_agree(written, spoken):
    assert normalised(written) == spoken


@pytest.mark.parametrize("number", [0, 7, 13, 20, 21, 99, 100, 342, 1000, 12_345, 999_999])
def test_a_number_in_words_is_its_own_normal_form(number):
    assert normalised(str(number)) == cardinal(number) == normalised(cardinal(number))


def test_ordinals():
    assert [ordinal(n) for n in (1, 2, 3, 4, 5, 8, 9, 12, 20, 21, 100)] == [
        *("first", "second", "third", "fourth", "fifth", "eighth", "ninth", "twelfth", "twentieth"),
        "twenty first",
        "one hundredth",
    ]


@pytest.mark.parametrize(
    ("said", "heard", "count"),
    [
        ("call anna at ten", "Call Anna at 10.", (0, 4)),
        ("call anna at ten", "call hannah at ten", (1, 4)),
        ("call anna at ten", "anna at ten", (1, 4)),
        ("call anna at ten", "please call anna at ten", (1, 4)),
        ("call anna at ten", "", (4, 4)),
    ],
)
def test_errors(said, heard, count):
    assert errors(said, heard) == count


def test_a_sentence_without_words_is_refused():
    with pytest.raises(ValueError, match="no word"):
        errors("…", "hello")
