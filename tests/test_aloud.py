"""Speaking under a budget and from a file: what fits is spoken, what doesn't is refused in advance with its bytes."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from f5lite.aloud import megabytes, offers_for, speak_within
from f5lite.errors import F5liteError
from f5lite.model import library

QUICK = {"steps": 1, "guidance": 0.0}


@pytest.mark.parametrize(
    ("text", "expected"), [("360MB", 360), ("360", 360), ("1.5 GB", 1500), ("500kb", 0.5), (" 20 mb ", 20)]
)
def test_sizes(text, expected):
    assert megabytes(text) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["", "much", "-3MB", "0", "3TB", "MB"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(F5liteError, match="such as 360MB"):
        megabytes(text)


def test_offers_go_from_the_largest_to_the_smallest():
    offers = offers_for(library.find("tiny"), 7, 2.0)
    assert {offer.name for offer in offers} == {"resident", "on-demand", "streamed"}
    assert [offer.peak for offer in offers] == sorted((offer.peak for offer in offers), reverse=True)
    assert all(10e6 < offer.peak < 300e6 for offer in offers)


def test_a_budget_that_is_too_small_is_refused_before_anything_is_loaded(tmp_path):
    with pytest.raises(F5liteError, match=r"a\.wav: its smallest plan needs \d+ MB, and 9 MB are all"):
        speak_within("kumo says hello", tmp_path / "a.wav", budget_mb=9)
    assert list(tmp_path.iterdir()) == []


def test_text_without_a_known_symbol_is_refused_here_too(tmp_path):
    with pytest.raises(F5liteError):
        speak_within("\u4f60\u597d", tmp_path / "a.wav")


@pytest.mark.slow
def test_a_file_is_spoken_within_a_budget_and_says_how(tmp_path):
    book, output = tmp_path / "book.txt", tmp_path / "out.wav"
    book.write_text(
        "The train leaves on monday.\nThe lamp is in the kitchen, and it is red. She walks home in the rain.\n"
    )
    command = [
        sys.executable,
        "-m",
        "f5lite",
        "speak",
        "--file",
        str(book),
        "-o",
        str(output),
        "--budget",
        "150MB",
    ]
    command += ["--steps", "1", "--guidance", "0", "--json"]
    runs = [subprocess.run(command, capture_output=True, text=True, timeout=300) for _ in range(2)]
    assert runs[0].returncode == 0, runs[0].stderr
    found = json.loads(runs[0].stdout)
    assert found["duration_s"] > 2 and sum(found["plans"].values()) >= 1 and found["budget_mb"] == 150
    assert json.loads(runs[1].stdout)["duration_s"] == found["duration_s"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["book.txt", "out.wav"]


@pytest.mark.parametrize(
    ("more", "word"),
    [
        (["hello", "--file", "x.txt"], "two answers"),
        (["--file", "nowhere.txt"], "no file nowhere.txt"),
        (["--budget", "x", "hi"], "360MB"),
    ],
)
def test_bad_input_is_named(more, word, tmp_path):
    command = [sys.executable, "-m", "f5lite", "speak", "-o", str(tmp_path / "a.wav"), *more]
    run = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert run.returncode == 2 and word in run.stderr and run.stdout == ""
