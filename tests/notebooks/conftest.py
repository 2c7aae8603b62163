"""Every lesson there is, found by its name: a new one joins these tests by itself."""

from __future__ import annotations

import nbformat
import pytest

from notebooks.making import source as sources

LESSONS = sources.sources()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "lesson" in metafunc.fixturenames:
        metafunc.parametrize("lesson", LESSONS, ids=[path.stem for path in LESSONS])


@pytest.fixture
def stored(lesson):
    """The lesson's notebook as it is in the repository."""
    path = sources.target(lesson)
    assert path.exists(), f"{path.name} is missing: run `make notebooks`"
    return nbformat.read(path, as_version=4)
