"""Each rule finds what it is for: made-up lessons, one fault each."""

from __future__ import annotations

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from notebooks.making import clean, page, rules

HEAD = "# 03 · Load three stages\n\n**You'll do**: split it. **You'll learn**: what. **You need**: lesson 01, 12 minutes."
PROSE = "Now measure what happens when each of these stages is loaded at its turn and released again. " * 3
ALT = "Bars: the peak falls from 1,421 to 1,379 MB."
PICTURE = (
    f'<figure><svg role="img" aria-label="{ALT}"><path/></svg><table><tr><td>1</td></tr></table></figure>'
)


def html(text: str):
    return new_output("display_data", {"text/html": text, "text/plain": "shown"})


def lesson(*outputs, code: str = "a = 1\na", prose: str = PROSE, head: str = HEAD):
    cell = new_code_cell(code, execution_count=1, outputs=list(outputs))
    made = new_notebook(cells=[new_markdown_cell(head), new_markdown_cell(prose), cell])
    made.metadata["f5lite"] = {"quick": False}
    return made


def test_a_good_lesson_has_nothing_against_it() -> None:
    good = lesson(html(PICTURE), html('<p class="f5-words">Turn it off.</p><audio src="data:,x"></audio>'))
    for rule in (*rules.SOURCE_RULES, *rules.STORED_RULES):
        assert rule(good) == [], rule.__name__


@pytest.mark.parametrize(
    ("rule", "bad", "says"),
    [
        (rules.head, lesson(head=HEAD.replace("# 03 ·", "## 03")), "must start with"),
        (rules.head, lesson(head=HEAD.replace("You need", "Bring")), "You need"),
        (rules.head, lesson(head=HEAD.replace("12 minutes", "a while")), "minutes"),
        (rules.head, new_notebook(cells=[new_code_cell("1")]), "first cell"),
        (rules.head, new_notebook(), "first cell"),
        (rules.prose_length, lesson(prose="Look."), "1 words"),
        (rules.prose_length, lesson(prose="word " * 120), "120 words"),
        (rules.code_length, lesson(code="\n".join("abcdefghijklmnopqrst")), "20 lines"),
        (rules.pictures_in_prose, lesson(prose=PROSE + "![](a.png)"), "without alt text"),
        (rules.pictures_in_prose, lesson(prose=PROSE + '<img src="a.png">'), "without alt text"),
        (rules.heading_order, lesson(prose="#### Deep\n\n" + PROSE), "level 4 follows one of level 1"),
        (rules.heading_order, lesson(prose="# Another\n\n" + PROSE), "there are 2"),
        (rules.heading_order, lesson(html("<h5>Deep</h5>")), "level 5"),
        (rules.pictures, lesson(html('<img src="x"><table></table>')), "without alt text"),
        (rules.pictures, lesson(html("<svg></svg><table></table>")), "without alt text"),
        (rules.pictures, lesson(html('<img alt="chart"><table></table>')), "says too little"),
        (rules.pictures, lesson(html(f'<img alt="{ALT}">')), "no table"),
        (rules.pictures, lesson(new_output("display_data", {"image/png": "iVBO"})), "without alt text"),
        (rules.transcripts, lesson(html("<audio></audio>")), "without a transcript"),
        (rules.transcripts, lesson(html(clean.SILENCE)), "without a transcript"),
        (rules.quiet, lesson(new_output("error", ename="KeyError", evalue="'x'", traceback=[])), "KeyError"),
        (rules.quiet, lesson(new_output("stream", name="stderr", text="loading")), "standard error"),
        (rules.quiet, lesson(new_output("stream", name="stdout", text="UserWarning: old")), "a warning"),
        (rules.quiet, lesson(new_output("execute_result", {"text/plain": "<F at 0x7f12>"})), "bare object"),
        (rules.stored, lesson(new_output("display_data", {clean.WIDGETS[0]: {}})), "widget"),
        (rules.stored, lesson(html(f"<audio>{'x' * 310_000}</audio>")), "310 kB of sound"),
    ],
)
def test_each_fault_is_found(rule, bad, says: str) -> None:
    assert any(says in complaint for complaint in rule(bad)), rule(bad)


def test_pages_that_were_not_run_in_full_are_found() -> None:
    quick, partly, state = lesson(), lesson(), lesson()
    quick.metadata["f5lite"]["quick"] = True
    partly.cells[-1].execution_count = 7
    state.metadata["widgets"] = {}
    for bad, says in ((quick, "not run in full"), (partly, "not all run"), (state, "widget state")):
        assert any(says in complaint for complaint in rules.stored(bad))


def test_hidden_and_nested_pictures_need_no_words_of_their_own() -> None:
    hidden = (
        f'<svg role="img" aria-label="{ALT}"><svg></svg></svg><i aria-hidden="true"><img></i><table></table>'
    )
    assert rules.pictures(lesson(html(hidden))) == []


def test_words_are_counted_without_code_links_and_marks() -> None:
    assert page.words("Read **this** [page](https://example.org/a-b) now.\n\n```python\nx = 1\n```") == 4
    assert page.links("![a](b.png) [c](d.md#e) <a href='f.html'>g</a>") == ["b.png", "d.md#e", "f.html"]
    assert page.headings("# One\n\ntext\n\n```\n# no\n```\n### Three") == [(1, "One"), (3, "Three")]


def test_cleaning_keeps_the_picture_and_drops_the_widget() -> None:
    view = {clean.WIDGETS[0]: {"model_id": "x"}}
    notebook = lesson(
        new_output("display_data", {**view, "text/plain": "Slider()"}),
        new_output("display_data", {**view, "text/html": PICTURE, "text/plain": "figure"}),
    )
    notebook.metadata["widgets"] = {"state": {}}
    notebook.cells[-1].metadata["execution"] = {"iopub.execute_input": "2030"}
    cleaned = clean.clean(notebook)
    kept = cleaned.cells[-1].outputs
    assert len(kept) == 1 and set(kept[0].data) == {"text/html", "text/plain"}
    assert rules.stored(cleaned) == []
    nbformat.validate(cleaned)


def test_sound_is_kept_up_to_its_limit_the_largest_goes_first() -> None:
    def player(size: int) -> str:
        return f'<p class="transcript">Hello.</p><audio src="{"x" * size}"></audio>'

    notebook = clean.clean(lesson(html(player(200_000)), html(player(150_000)), html(player(90_000))))
    shown = [output.data["text/html"] for output in notebook.cells[-1].outputs]
    assert [clean.SILENCE in text for text in shown] == [True, False, False]
    assert rules.stored(notebook) == [] and rules.transcripts(notebook) == []
