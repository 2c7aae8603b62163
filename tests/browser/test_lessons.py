"""Lessons in a real browser: open, run all in quick mode, play what there is to play, reload. No error anywhere.

`F5LITE_BROWSER=all` (make browser) takes every lesson; otherwise the four with the most to go wrong.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.browser.conftest import ROOT

CHOSEN = ("00", "04", "06", "08")
LESSONS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
if os.environ.get("F5LITE_BROWSER") != "all":
    LESSONS = [path for path in LESSONS if path.name[:2] in CHOSEN]
pytestmark = pytest.mark.browser


@pytest.mark.parametrize("notebook", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_runs_and_survives_a_reload(lesson, notebook: Path) -> None:
    with lesson(notebook) as lab, lab.page(notebook.name) as page:
        page.run_all(seconds=600)  # a ceiling for a busy machine; a lesson takes well under a minute
        page.check_clean()
        page.play_all()
        page.reload()
        page.check_clean()
