"""Every lesson's computed text, from made-up figures: another text for each outcome, and a true one."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

import pytest

import f5lite.lab.lessons as lessons
from f5lite.evidence import explain
from f5lite.evidence.measurement import Measurement
from tests.evidence.made import exactly, ledger, once, runs
from tests.evidence.texts import complaints, rendered

for module in pkgutil.iter_modules(lessons.__path__):
    importlib.import_module(f"{lessons.__name__}.{module.name}")
TEXTS = dict(explain.REGISTRY)


@pytest.mark.parametrize("text", TEXTS.values(), ids=list(TEXTS))
def test_every_lessons_text_has_a_true_branch_for_each_outcome(text: explain.Text) -> None:
    assert complaints(text) == []
    assert len({told[0].text for told in rendered(text).values()}) == len(text.outcomes)


def test_there_are_texts_to_test() -> None:
    assert "template/product" in TEXTS


def made(**words: str) -> explain.Text:
    """A text with these words for lower, higher and can't tell; {saved} is filled in."""
    text = explain.Text("test/made", subject="the peak", compare=("a", "b"), unit="MB", around=(1400, 1300))
    for outcome, said in words.items():
        text.when(outcome.replace("cant", "can't").replace("_", " "))(
            lambda f, said=said: said.format(saved=f.saved, percent=f.percent, times=f.times)
        )
    return text


GOOD = {
    "lower": "What came back are {saved}, {percent} of the whole.",
    "higher": "The allocator kept the {saved} of the freed blocks for itself.",
    "cant_tell": "The runs are too few to show a difference; take more of them.",
}


def test_a_good_text_passes() -> None:
    assert complaints(made(**GOOD)) == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({name: "It became {saved} of memory less, as was expected." for name in GOOD}, "say the same"),
        ({"higher": "Nothing to see."}, "says too little"),
        ({"lower": "What came back are the 76 MB of text and vocoder."}, "written as a fact"),
    ],
)
def test_an_f_string_around_one_outcome_and_its_like_fail(change: dict[str, str], says: str) -> None:
    assert any(says in complaint for complaint in complaints(made(**{**GOOD, **change})))


def test_a_missing_branch_fails() -> None:
    text = made(**{name: GOOD[name] for name in ("lower", "higher")})
    assert complaints(text) == ["test/made: no words for can't tell"]
    with pytest.raises(ValueError, match='no words for "can\'t tell"'):
        text.tell(runs("a", 100, 9), runs("b", 101, 9))


def test_named_outcomes_are_decided_by_a_function(tmp_path: Path) -> None:
    text = explain.Text(
        "test/survivors",
        outcomes=("all", "some"),
        decide=lambda f: "all" if f["lost"].median == 0 else "some",
        examples={"all": (exactly("lost", 0, ""),), "some": (exactly("lost", 3, ""),)},
    )
    text.when("all")(lambda f: "Every request came to its end, as the queue promises.")
    text.when("some")(lambda f: f"Of the requests {f.of('lost')} were lost: look at the cap that you set.")
    assert complaints(text) == []
    assert text.tell(exactly("lost", 7, "")).text.startswith("Of the requests 7 were")
    text.decide = lambda f: "some"
    assert any("lead to 'some'" in complaint for complaint in complaints(text))


def test_the_guess_stands_between_result_and_reason(tmp_path: Path) -> None:
    kept = ledger(tmp_path / "l.json")
    typed = kept.predict("x", 50, unit="%")
    default = kept.predict("x", 20, unit="%", typed=False)
    text = made(**GOOD)
    told = text.tell(runs("a", 1400, 3), runs("b", 1300, 3), guess=typed)
    assert told.outcome == "lower" and told.lead.startswith("The peak fell by 7.1 %")
    assert told.text == f"{told.lead} You guessed 50 %. What came back are 100 MB, 7.1 % of the whole."
    assert "left at its default, 20 %" in text.tell(runs("a", 1, 0), runs("b", 2, 0), guess=default).text


def test_what_can_not_be_measured_here_and_single_runs_can_not_be_told() -> None:
    text = made(**GOOD)
    assert (
        text.tell(Measurement.none("a", "no such counter"), runs("b", 1)).text
        == "It can't be told here: no such counter."
    )
    assert text.tell(once("a", 100), once("b", 50)).outcome == "can't tell"


def test_mistakes_of_a_lesson_are_named() -> None:
    text = made(**GOOD)
    with pytest.raises(ValueError, match="missing"):
        text.tell(runs("a", 1), runs("c", 1))
    with pytest.raises(ValueError, match="once"):
        text.when("lower")(lambda f: "again")
    with pytest.raises(ValueError, match="one of"):
        text.when("sideways")(lambda f: "never")
    with pytest.raises(ValueError, match="no text '99/none'.*template/product"):
        explain.tell("99/none")


def test_exact_figures_that_agree_are_the_same_where_a_text_has_words_for_it() -> None:
    text = made(**GOOD)
    assert text.tell(exactly("a", 5), exactly("b", 5)).outcome == "can't tell"
    text.outcomes = (*text.outcomes, "same")
    text.when("same")(lambda f: "Both count to the last byte, so there is nothing to explain.")
    assert text.tell(exactly("a", 5), exactly("b", 5)).outcome == "same" and complaints(text) == []
