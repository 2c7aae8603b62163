"""The backends on the original f5-tts model: the same numbers as its own attention, and nothing left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.parity import environment
from tests.shrink.attention.upstream_side import CASES

pytestmark = pytest.mark.parity


@pytest.fixture(scope="module")
def report() -> dict[str, dict[str, float]]:
    if not environment.ready():
        message = f"upstream's package isn't in {environment.folder()}; run: {environment.COMMAND}"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    command = [sys.executable, "-m", "tests.shrink.attention.upstream_side"]
    done = subprocess.run(
        command, env=environment.variables(), cwd=environment.ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.mark.parametrize("case", CASES)
def test_agrees(report: dict[str, dict[str, float]], case: str) -> None:
    found = report[case]
    for name in ("math", "sdpa", "chunked"):
        assert found[name] < 2e-5, name
    assert 0 < found["chunked-bf16"] < 0.05
    assert found["after undoing"] == 0


@pytest.mark.parametrize("case", CASES)
def test_upstream_calls_the_stand_in_as_it_calls_the_package(
    report: dict[str, dict[str, float]], case: str
) -> None:
    """Both in bfloat16 throughout, so only roughly the same; a wrong layout or mask would be all wrong."""
    assert report[case]["upstream's flash_attn on the stand-in"] < 0.1
