"""Lesson 04's dashboard in a real browser: start, hand in requests, move the hog, see the level and the plans change, stop."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, writes

pytestmark = pytest.mark.browser

START = "from f5lite import lab\nlab.start('04')"
# Requests that only hold memory, so that the test is about the page.
MADE = """
from f5lite.lab.dashboard import Dashboard
from f5lite.memory.menu import Listed, Offer
from f5lite.memory.stand_in import Holding
from f5lite.memory.worker import Worker
shares = {"large": 1.0, "medium": 0.6, "small": 0.4}
menu = Listed([Offer(name, int(share * 40e6)) for name, share in shares.items()])
board = Dashboard(lambda: Worker("f5lite.memory.stand_in:Holder", shares), menu,
                  lambda number: Holding(40_000_000, 0.1), limit_mb=80)
board.demonstrate()
board
"""
CHECK = """
from f5lite.lab import callbacks
assert callbacks.FAILURES == [], callbacks.FAILURES
print("running:", board.running, "hog:", board.hog.alive)
"""


def notebook(folder: Path) -> Path:
    made = new_notebook(
        cells=[
            new_markdown_cell("# A queue"),
            new_code_cell(START),
            new_code_cell(MADE),
            new_code_cell(CHECK),
        ]
    )
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    path = folder / "board.ipynb"
    path.write_text(writes(made), encoding="utf-8")
    return path


def until(page, name: str, value: str) -> None:
    page.tab.locator(f'.f5-board[data-{name}="{value}"]').first.wait_for(timeout=20_000)


def hold(page, megabytes: float) -> None:
    slider = page.tab.locator('.f5-board input[aria-label="The hog holds"]')
    slider.evaluate(
        "(node, value) => { node.value = value; node.dispatchEvent(new Event('input', { bubbles: true })); }",
        megabytes,
    )


def test_the_reader_plays_with_the_queue(lesson, tmp_path: Path) -> None:
    with lesson(notebook(tmp_path)) as lab, lab.page("board.ipynb") as page:
        page.run_all()
        page.check_clean()
        tab, board = page.tab, page.tab.locator(".f5-board")
        page.show(".f5-board")
        assert tab.locator(".f5-static:visible").count() == 0, "the static picture is still there"
        assert re.search(r"\b([5-9]) submitted · \1 done", board.inner_text()), board.inner_text()
        assert board.locator("svg path").count() == 2
        assert board.get_by_role("button", name="Hand in a request: urgent").is_disabled()

        board.get_by_role("button", name="Start again").click()
        until(page, "running", "true")
        board.get_by_role("button", name="Hand in a request: normal").click()
        until(page, "done", "1")
        assert "large" in board.inner_text()
        hold(page, 58)
        until(page, "level", "tight")
        board.get_by_role("button", name="Hand in a request: normal").click()
        until(page, "done", "2")
        assert "request 2 runs as small" in board.inner_text()

        # Nothing fits: requests wait in their lanes until the hog goes, the urgent one first.
        hold(page, 80)
        until(page, "level", "critical")
        for lane in ("whenever", "urgent"):
            board.get_by_role("button", name=f"Hand in a request: {lane}").click()
        board.locator(".f5-lane", has_text="urgent").locator(".f5-chip").wait_for(timeout=10_000)
        assert "nothing fits" in board.inner_text()
        hold(page, 0)
        until(page, "done", "4")
        said = board.inner_text()
        assert said.index("request 4 done") < said.index("request 3 done")

        # The policy: a threshold that the level follows.
        board.locator("summary").click()
        tight = board.locator('input[aria-label="tight below"]')
        tight.evaluate(
            "(node) => { node.value = 80; node.dispatchEvent(new Event('input', { bubbles: true })); }"
        )
        hold(page, 30)
        until(page, "level", "tight")
        board.get_by_role("button", name="Stop").click()
        until(page, "running", "false")
        tab.locator(".jp-Notebook .jp-CodeCell .cm-content").last.click()
        tab.keyboard.press("Control+Enter")
        page.idle()
        page.check_clean()
        assert "running: False hog: False" in tab.locator(".jp-OutputArea").last.inner_text()
