"""Prints how near f5lite came to upstream, at the end of a run."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.golden import compare


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    """As the golden files were made: sums come out in one order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if compare.WORST:
        terminalreporter.section("f5lite against upstream: largest difference over largest value")
        for line in compare.summary():
            terminalreporter.line(line)
