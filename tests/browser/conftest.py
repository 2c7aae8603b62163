"""Browser tests need Chromium: on a machine of your own they are skipped without it, in CI they fail."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.browser import jupyter

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _browser() -> None:
    why = jupyter.missing()
    if why and os.environ.get("CI"):
        pytest.fail(why)
    if why:
        pytest.skip(why)
    pytest.importorskip("playwright")


@pytest.fixture
def lesson(tmp_path: Path) -> Iterator[Callable[..., jupyter.Lab]]:
    """`with lesson(notebook) as lab`: a JupyterLab that serves a copy of it, without its outputs, in quick mode."""

    def serve(notebook: Path, **options: object) -> jupyter.Lab:
        jupyter.copy(notebook, tmp_path / "lessons")
        return jupyter.Lab(tmp_path / "lessons", home=tmp_path / "home", **options)

    yield serve
