"""A small model and its conversion, made once a file of tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from f5lite.model import library
from f5lite.shrink.int8.convert import Report, convert
from tests.shrink.int8.models import small_model


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_model(tmp_path_factory.mktemp("source"))


@pytest.fixture(scope="module")
def done(source: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Report]:
    folder = tmp_path_factory.mktemp("done") / "small"
    return folder, convert(library.find(source), folder)
