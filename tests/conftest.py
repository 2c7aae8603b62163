"""What several folders of tests share: a full-size model of seeded weights, a tiny one, and how near f5lite came to upstream."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from f5lite.model.config import V1_BASE, DiTConfig, ModelConfig, VocosConfig

# Large enough to go through every stage, small enough for hundreds of sentences a test.
SMALL = ModelConfig(
    name="small",
    dit=DiTConfig(dim=32, depth=1, heads=1, dim_head=32, text_dim=32, conv_layers=1, text_num_embeds=95),
    vocos=VocosConfig(dim=16, intermediate_dim=32, num_layers=1),
)


@pytest.fixture(scope="session")
def v1_base_synthetic() -> Path:
    """A folder with v1 Base's shape in seeded weights, 1.4 GB: written once into the cache folder, then used again."""
    from f5lite.evidence.workload import prepare

    return prepare(V1_BASE)


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model of a few kilobytes that says nothing, quickly; its vocabulary is printable ASCII."""
    from f5lite.model.synthetic import synthetic

    return synthetic(SMALL, tmp_path_factory.mktemp("small-model"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes figures of this machine, or waits for a browser, can be spoilt by other work: three attempts, the last of
    which counts. The summary names each test that needed more than one."""
    for item in items:
        if item.get_closest_marker("measures") or item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.flaky(reruns=2))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    compare = sys.modules.get("tests.golden.compare")
    if compare is not None and compare.WORST:
        terminalreporter.section("f5lite against upstream: largest difference over largest value")
        for line in compare.summary():
            terminalreporter.line(line)
    speed = sys.modules.get("tests.shrink.int8.test_speed_table")
    if speed is not None and speed.LINES:
        terminalreporter.section("int8 engines here: one block of v1 Base, 2 x 512 frames")
        for line in speed.LINES:
            terminalreporter.line(line)
