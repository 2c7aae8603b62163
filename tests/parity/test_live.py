"""f5lite against upstream's package itself, on models, inputs and texts drawn anew at every run.

Upstream runs in a process of its own; `python -m tests.parity.environment` installs it. F5LITE_PARITY_SEED repeats a run.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from f5lite.model.tokens import Vocabulary, chunks, to_pinyin
from tests.golden import cases, compare, ours
from tests.parity import drawn, environment

pytestmark = pytest.mark.parity


@dataclass
class Upstream:
    """What upstream answered, and the seed of what it was asked."""

    seed: int
    arrays: dict[str, np.ndarray]
    words: dict[str, Any]


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Upstream:
    if not environment.ready():
        message = f"upstream's package isn't in {environment.folder()}; run: {environment.COMMAND}"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    seed = int(os.environ.get("F5LITE_PARITY_SEED") or random.SystemRandom().randrange(2**31))
    folder: Path = tmp_path_factory.mktemp("upstream")
    command = [sys.executable, "-m", "tests.parity.answer", str(seed), str(folder)]
    done = subprocess.run(
        command, env=environment.variables(), cwd=environment.ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, f"upstream failed on seed {seed}:\n{done.stderr[-3000:]}"
    words = json.loads((folder / "words.json").read_text(encoding="utf-8"))
    return Upstream(seed, load_file(folder / "arrays.safetensors"), words)


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("index", range(drawn.MODELS))
def test_random_model_agrees(upstream: Upstream, index: int) -> None:
    seed = upstream.seed
    arguments = drawn.model(seed, index)
    print(f"F5LITE_PARITY_SEED={seed}, model {index}: {arguments}")  # shown when the test fails
    model = ours.Model(arguments, "live", seed, index)
    name, symbols = f"{seed}/{index}", arguments["text_num_embeds"]

    case, frames = drawn.one_pass(seed, index)
    print(f"pass: {case}, {frames} frames")
    found = ours.run_pass(model, cases.pass_inputs(name, case, frames, symbols), case)
    assert (
        compare.difference(found, upstream.arrays[f"{index}/pass"], f"live pass/{seed}/{index}")
        <= compare.LIMIT
    )

    case = drawn.one_sample(seed, index)
    print(f"sample: {case}")
    found = ours.run_sample(model, cases.sample_inputs(name, case, symbols))
    assert (
        compare.difference(found, upstream.arrays[f"{index}/sample"], f"live sample/{seed}/{index}")
        <= compare.LIMIT
    )


@pytest.mark.parametrize("index", range(drawn.MODELS))
def test_random_vocoder_agrees(upstream: Upstream, index: int) -> None:
    model, _ = ours.vocos(drawn.vocos(upstream.seed, index), "live", upstream.seed, index)
    with torch.no_grad():
        found = model(torch.from_numpy(cases.vocos_mel()).transpose(1, 2)).numpy()
    what = f"live vocos/{upstream.seed}/{index}"
    assert compare.difference(found, upstream.arrays[f"{index}/vocos"], what) <= compare.LIMIT


def test_random_texts_become_the_same_symbols(upstream: Upstream) -> None:
    print(f"F5LITE_PARITY_SEED={upstream.seed}")
    vocabulary = Vocabulary.read(Path(upstream.words["vocabulary"]))
    assert len(vocabulary) == 2545
    for answer in upstream.words["tokens"]:
        assert to_pinyin(answer["text"]) == answer["symbols"], answer["text"]
        assert vocabulary.encode([answer["text"]])[0].tolist() == answer["ids"], answer["text"]


def test_random_texts_are_cut_the_same(upstream: Upstream) -> None:
    print(f"F5LITE_PARITY_SEED={upstream.seed}")
    for text, cut in zip(drawn.texts(upstream.seed), upstream.words["chunks"], strict=True):
        for size, theirs in zip(drawn.chunk_bytes(upstream.seed), cut, strict=True):
            assert chunks(text, size) == theirs, (text, size)
