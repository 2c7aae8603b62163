"""The file that tells nbval which parts of an output may differ between two runs."""

from __future__ import annotations

import configparser
import re

import pytest

from f5lite.evidence.comparison import Comparison
from notebooks.making.trial import SANITIZE
from tests.evidence.made import exactly, runs


def blanked(text: str) -> str:
    file = configparser.RawConfigParser()
    file.read(SANITIZE, encoding="ascii")  # fails if a byte isn't ASCII
    for name in file.sections():
        text = re.sub(file[name]["regex"], file[name]["replace"], text)
    return text


def test_two_runs_of_one_outcome_read_alike_once_figures_are_blanked() -> None:
    one = Comparison(runs("a", 1421, 6), runs("b", 1300, 6)).sentence("the peak")
    other = Comparison(runs("a", 998.4, 3.2), runs("b", 731, 9.5)).sentence("the peak")
    assert blanked(one) == blanked(other) == "The peak fell by PERCENT (CHANGE, 5 runs each, SPREAD)."


def test_another_outcome_still_reads_differently() -> None:
    fell = Comparison(exactly("a", 2, "s"), exactly("b", 1, "s")).sentence("the time")
    rose = Comparison(exactly("a", 1, "s"), exactly("b", 1.5, "s")).sentence("the time")
    assert blanked(fell) != blanked(rose)


@pytest.mark.parametrize("text", ["5 requests done", "layers: 22", "version 1.1.22", "done"])
def test_what_is_no_measured_figure_stays(text: str) -> None:
    assert blanked(text) == text
