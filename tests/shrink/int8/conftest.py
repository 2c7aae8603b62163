"""A small model and its conversion, made once a file of tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from f5lite import machine
from f5lite.model import library
from f5lite.model.config import V1_BASE
from f5lite.shrink.int8 import best_product
from f5lite.shrink.int8.compiled import Set
from f5lite.shrink.int8.convert import Report, convert
from f5lite.shrink.int8.seams import Run
from tests.shrink.int8.models import small_model


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_model(tmp_path_factory.mktemp("source"))


@pytest.fixture(scope="module")
def done(source: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Report]:
    folder = tmp_path_factory.mktemp("done") / "small"
    return folder, convert(library.find(source), folder)


needs_compiler = pytest.mark.skipif(machine.card().compiler is None, reason="no C++ compiler here")


@pytest.fixture(scope="session")
def compiled_set() -> Set:
    """v1 Base's seams, compiled for this machine: seconds the first time, then kept in the cache folder."""
    return best_product.ready(V1_BASE.dit)


def agree(run: Run, plain: Run, given: Sequence[torch.Tensor], name: str) -> None:
    """A compiled seam gives an uncompiled one's numbers, and leaves alone what comes in."""
    kept = [tensor.clone() for tensor in given]
    for found, wanted in zip(run(*given), plain(*given), strict=True):
        assert (found.shape, found.dtype) == (wanted.shape, wanted.dtype), name
        if found.dtype in (torch.int8, torch.uint8):  # a rounding may fall to the other side
            off = (found.int() - wanted.int()).abs()
            assert off.max() <= 1 and int((off > 0).sum()) <= max(1, 1e-3 * off.numel()), name
        else:
            torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)
    assert all(torch.equal(a, b) for a, b in zip(kept, given, strict=True)), name
