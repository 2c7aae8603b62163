"""The A/B player in a real browser: play, switch by click and by key at one playhead, take a blind test, reload."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, writes

pytestmark = pytest.mark.browser

TONES = """
import numpy
from f5lite import lab
lab.start("06")
time = numpy.arange(int(24000 * 2.0)) / 24000
tones = {name: 0.2 * numpy.sin(2 * numpy.pi * hertz * time) for name, hertz in (("low", 300), ("high", 500))}
"""
PLAYER = 'player = lab.ab(tones, rate=24000, text="a tone", claim="int8-sound", rounds=2, seed=3)\nplayer'
CHECK = """
from f5lite.lab import callbacks
assert callbacks.FAILURES == [], callbacks.FAILURES
print("answers:", player.blind.answers, "callbacks failed:", len(callbacks.FAILURES))
"""


def notebook(folder: Path) -> Path:
    made = new_notebook(cells=[new_markdown_cell("# Two tones"), *map(new_code_cell, (TONES, PLAYER))])
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    path = folder / "ab.ipynb"
    path.write_text(writes(made), encoding="utf-8")
    return path


def data(page, name: str) -> str:
    return page.tab.locator(".f5-ab").first.get_attribute(f"data-{name}")


def until(page, name: str, value: str) -> None:
    page.tab.locator(f".f5-ab[data-{name}={json.dumps(value)}]").first.wait_for(timeout=15_000)


def kept(path: Path) -> list[dict]:
    entries = json.loads(path.read_text())["entries"]
    every = entries.values() if isinstance(entries, dict) else entries
    return [one for one in every if one["kind"] == "measurement" and one["claim"] == "int8-sound"]


def test_switching_and_a_blind_test(lesson, tmp_path: Path) -> None:
    with lesson(notebook(tmp_path)) as lab, lab.page("ab.ipynb") as page:
        page.run_all()
        page.check_clean()
        tab = page.tab
        page.show(".f5-ab")
        assert tab.locator(".f5-static:visible").count() == 0, "the static twin is still there"
        assert tab.locator(".f5-ab svg image:visible").count() == 1, "one picture at a time"

        # Play by click; switch by click, by digit and by letter while it goes on.
        tab.locator(".f5-ab-play").click()
        until(page, "playing", "true")
        tab.wait_for_function("() => Number(document.querySelector('.f5-ab').dataset.place) > 0.2")
        tab.get_by_role("button", name="2 high").click()
        until(page, "heard", "high")
        place = float(data(page, "place"))
        tab.keyboard.press("1")
        until(page, "heard", "low")
        assert float(data(page, "place")) >= place, "switching went back"
        tab.keyboard.press("b")
        until(page, "heard", "high")
        assert tab.get_by_role("button", name="2 high").get_attribute("aria-pressed") == "true"
        tab.keyboard.press("p")
        until(page, "playing", "false")

        # The playhead by keyboard, and by a click into the picture.
        tab.locator(".f5-ab-play").focus()
        before = float(data(page, "place"))
        tab.keyboard.press("ArrowLeft")
        assert float(data(page, "place")) < before or before == 0
        picture = tab.locator(".f5-ab-picture")
        box = picture.bounding_box()
        picture.click(position={"x": box["width"] / 2, "y": box["height"] / 2})
        assert 0.7 < float(data(page, "place")) < 1.2

        # Blind: X has to be heard before it can be named; nothing shows which it is.
        tab.get_by_role("button", name="Test me blind").click()
        until(page, "round", "1")
        answer = tab.get_by_role("button", name="X is high")
        assert answer.is_disabled()
        tab.keyboard.press("x")
        until(page, "heard", "X")
        assert tab.locator(".f5-ab svg image:visible").count() == 0
        answer.click()
        until(page, "round", "2")
        assert data(page, "heard") != "X", "a new X must be asked for"
        tab.keyboard.press("x")
        tab.get_by_role("button", name="X is low").click()
        tab.locator(".f5-ab-said", has_text="of 2 right").wait_for(timeout=15_000)
        assert not tab.get_by_role("button", name="X which one?").is_visible()
        entries = kept(lab.home / "ledger.json")
        assert len(entries) == 1, entries
        figures = {figure["name"]: figure for figure in entries[0]["figures"]}
        assert figures["blind_answers"]["values"] == [2] and len(figures["blind_right"]["bounds"]) == 2
        page.check_clean()

        # Reload: the kernel lives on, the score and the player do too.
        page.saved()
        page.reload()
        tab.locator(".f5-ab-said", has_text="of 2 right").wait_for(state="attached", timeout=20_000)
        page.show(".f5-ab-play").click()
        until(page, "playing", "true")
        page.check_clean()


def test_a_callback_that_fails_is_seen(lesson, tmp_path: Path) -> None:
    broken = notebook(tmp_path)
    plain = json.loads(broken.read_text())
    plain["cells"][2]["source"] = PLAYER.replace(
        "\nplayer", '\nplayer.blind.start = lambda: {}["gone"]\nplayer'
    )
    broken.write_text(json.dumps(plain))
    with lesson(broken) as lab, lab.page("ab.ipynb") as page:
        page.run_all()
        page.show(".f5-ab")
        page.tab.get_by_role("button", name="Test me blind").click()
        page.tab.locator(".f5-ab .f5-error", has_text="KeyError").wait_for(timeout=15_000)
        with pytest.raises(AssertionError, match="a widget shows an error"):
            page.check_clean()
