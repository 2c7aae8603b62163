"""The head of a lesson, the way through the course, what was found, checks, explanations and the ledger's buttons."""

from __future__ import annotations

import base64
import subprocess
import sys

import pytest

from f5lite import lab
from f5lite.errors import F5liteError
from f5lite.evidence.claims import CLAIMS
from f5lite.evidence.measurement import Measurement
from f5lite.lab import course, nav, view
from f5lite.lab.lessons import lesson_template


def test_the_course_is_thirteen_lessons_in_order() -> None:
    assert [one.number for one in course.LESSONS] == [f"{index:02}" for index in range(13)]
    assert course.around("00")[0] is None and course.around("12")[1] is None
    assert course.around("03")[0].number == "02" and course.around("03")[1].number == "04"


def test_a_lesson_opens_with_its_question_and_machine(monkeypatch) -> None:
    monkeypatch.setenv("F5LITE_QUICK", "1")
    head = lab.start("03")
    html = head.html()
    assert (
        head.card in html.replace("&#x27;", "'")
        and "What does splitting save" in html
        and "Quick mode" in html
    )
    assert html.count("f5-done") - head_rules(html, "f5-done") == 3 and "<style>" in html
    assert "Quick mode" in head.plain() and "03 · " in head.plain()
    assert "<h" not in html.split("</style>")[1], "a heading here would break the order of the page's own"


def test_the_glossary_is_linked_where_it_is(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "glossary" not in lab.start("01").html()
    (tmp_path / "glossary.md").write_text("# Words")
    assert '<a href="glossary.md">' in lab.start("01").html()


def head_rules(html: str, name: str) -> int:
    return html.split("</style>")[0].count(name)


def test_starting_twice_keeps_typed_guesses(own_session) -> None:
    lab.start("00")
    lab.predict("x", "How much?", default=1).guess(2)
    lab.start("00")
    assert own_session.predictions["x"].value == 2 and own_session.lesson == "00"


def test_links_only_where_a_notebook_is(tmp_path) -> None:
    (tmp_path / "04_monitor.ipynb").write_text("{}")
    way = nav.Way("03", tmp_path)
    assert 'href="04_monitor.ipynb"' in way.html() and way.html().count("href=") == 1
    assert "Before: 02" in way.plain() and "Next: 04" in way.plain()
    listed = nav.Contents("03", tmp_path).html()
    assert listed.count("being written") == 11, "all but this one and the one that is there"
    assert listed.count("<li>") == 13 and listed.count("href=") == 1 and 'aria-current="page"' in listed
    assert "This is the first." in nav.Way("00", tmp_path).html()
    assert "That was the last one." in nav.Way("12", tmp_path).html()


def test_what_was_found_comes_from_the_ledger(own_session) -> None:
    assert "Nothing yet" in lab.found().html()
    names = CLAIMS["int8-size"].needs
    own_session.ledger.record(
        "int8-size",
        *(
            Measurement.of(name, 100.0 if index == 0 else 20.0, "MB", exact=True)
            for index, name in enumerate(names)
        ),
    )
    lab.predict("x", "How much?", default=1).keep()
    found = lab.found()
    assert [claim.id for claim, _ in found.verdicts] == ["int8-size"]
    assert (
        found.count.startswith(f"1 of the article's {len(CLAIMS)} claims") and "0 of 1 guesses" in found.count
    )
    shown = lab.verdict("int8-size")
    assert shown.verdict.outcome in shown.plain() and shown.claim.words in shown.plain()


def test_a_claim_without_figures_cannot_be_told() -> None:
    shown = lab.verdict("int8-size")
    assert shown.verdict.outcome == "can't tell" and "can&#x27;t tell" in shown.html()


def test_checks_show_how_it_went_and_never_stop() -> None:
    def stub(before, after):
        raise NotImplementedError

    assert not lab.check.share(stub).result.passed and "still the stub" in lab.check.share(stub).html()
    assert not lab.check.share(lambda before, after: 0.5).result.passed
    done = lab.check.share(lambda before, after: (before - after) / before)
    assert done.result.passed and ">Done<" in done.html()
    with pytest.raises(F5liteError, match="no check 'shore'"):
        lab.check.shore(stub)


def test_explain_chooses_by_the_figures() -> None:
    def told(before: float, after: float):
        values = [(before * w, after * w) for w in (0.99, 1.0, 1.01, 1.0, 0.995)]
        return lab.explain("template/product", [a for a, _ in values], [b for _, b in values])

    texts = {
        told(2.0, 1.0).told.outcome: told(2.0, 1.0).plain(),
        told(1.0, 2.0).told.outcome: told(1.0, 2.0).plain(),
    }
    texts[told(1.0, 1.0).told.outcome] = told(1.0, 1.0).plain()
    assert set(texts) == {"lower", "higher", "can't tell"} and len(set(texts.values())) == 3
    guess = lab.predict("template", "How much?", default=50, unit="%")
    guess.guess(40)
    shown = lab.explain("template/product", [2.0, 2.0], [1.0, 1.0], guess=guess)
    assert "You guessed 40 %" in shown.plain() and "You guessed 40 %" in shown.html()


def test_the_ledger_can_be_taken_away_and_brought_back(own_session, tmp_path) -> None:
    from f5lite.evidence.ledger import Ledger
    from f5lite.lab.ledger_view import LedgerButtons

    lab.predict("x", "How much?", default=1).guess(2)
    name, data = lab.ledger_buttons().save()
    assert name.endswith(".json") and b'"x"' in data
    fresh = LedgerButtons(Ledger(tmp_path / "other.json", card={"fingerprint": "that-one"}))
    assert fresh.restore(name, data) == 1 and "1 new entry" in fresh.said
    assert fresh.restore(name, data) == 0
    with pytest.raises(F5liteError, match="holiday.json"):
        fresh.restore("holiday.json", b"{not a ledger")
    with pytest.raises(F5liteError, match="less than one"):
        fresh.restore("film.mp4", b"0" * 20_000_001)


def test_the_ledgers_buttons_pass_on() -> None:
    buttons = lab.ledger_buttons()
    panel = buttons.view()
    panel.event = {"name": "save", "value": True, "count": 1}
    assert base64.b64decode(panel.state["download"]["data"]) and panel.state["download"]["count"] == 1
    panel.event = {"name": "restore", "value": {"name": "x.json", "data": "!"}, "count": 2}
    assert "arrived damaged" in panel.state["error"]
    data = base64.b64encode(buttons.save()[1]).decode()
    panel.event = {"name": "restore", "value": {"name": "x.json", "data": data}, "count": 3}
    assert panel.state["error"] == "" and "0 new entries" in panel.state["said"]


def test_every_kind_of_view_is_drawn_by_the_script() -> None:
    for kind in ("page", "predict", "live", "explore", "ledger"):
        assert f"function {kind}(" in view.View._esm
    assert (
        "http://" not in view.View._esm.replace("http://www.w3.org/2000/svg", "")
        and "https://" not in view.View._esm
    )


def test_the_templates_sound_is_rounded_to_so_many_values() -> None:
    assert len(set(lesson_template.in_bits(lesson_template.voice(), 4).wave.tolist())) <= 17


def test_nothing_below_the_lab_imports_widgets_or_charts() -> None:
    code = (
        "import f5lite, f5lite.machine, f5lite.evidence.claims, f5lite.evidence.ledger, sys;"
        "print([name for name in ('matplotlib', 'ipywidgets', 'anywidget', 'IPython') if name in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
