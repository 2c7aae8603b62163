"""Weights by name, from a hub on loopback: each download ends well or with a clear error, and none of them half.

huggingface_hub reads its settings when it is imported, so every case runs in a process of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from f5lite.model import hub as ours
from tests.pipeline.hub_stand_in import Hub

NAME = "F5TTS_v1_Base"
PUBLISHED = ours.PUBLISHED[NAME]
WEIGHTS, VOCABULARY = (PUBLISHED.repository, PUBLISHED.weights), (PUBLISHED.repository, PUBLISHED.vocabulary)

# The published name with a small network behind it: only the configuration is told, everything else is the real way.
SPEAK = """
    from f5lite.model.config import ModelConfig
    config = ModelConfig.from_json(open({config!r}).read())
    spoken = f5lite.load({name!r}, config=config).speak("hello there", steps=1, seed=1)
    answer = dict(samples=len(spoken.wave), sum=float(abs(spoken.wave).sum()))
"""
# What `load` does first, without torch: quicker where only the download is asked about.
DOWNLOAD = """
    from f5lite.model import hub
    one = hub.PUBLISHED[{name!r}]
    wanted = [(one.repository, one.weights), (one.repository, one.vocabulary), hub.VOCOS]
    answer = dict(samples=sum(hub.download(*file).stat().st_size for file in wanted))
"""
PROGRAM = """
import json
import f5lite
try:{work}except f5lite.F5liteError as error:
    answer = dict(error=str(error))
print(json.dumps(answer))
"""


@pytest.fixture
def files(small_model: Path) -> dict[tuple[str, str], bytes]:
    """The small model as it would stand on the hub; the vocoder as the torch file that is published."""
    import io

    vocoder = io.BytesIO()
    torch.save(load_file(small_model / "vocoder.safetensors"), vocoder)
    return {
        WEIGHTS: (small_model / "model.safetensors").read_bytes(),
        VOCABULARY: (small_model / "vocab.txt").read_bytes(),
        ours.VOCOS: vocoder.getvalue(),
    }


def run(work: str, small_model: Path, cache: Path, url: str, **variables: str) -> tuple[dict, str]:
    """Load the published name in a process of its own: what it answers, and its standard error."""
    program = PROGRAM.format(work=work.format(config=str(small_model / "config.json"), name=NAME))
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "HUGGING"))}
    environment |= {
        "HF_ENDPOINT": url,
        "HF_HOME": str(cache),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "OMP_NUM_THREADS": "1",
    }
    environment |= {"HF_HUB_DISABLE_XET": "1", "TQDM_POSITION": "-1", **variables}  # a bar without a terminal
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=500
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Traceback" not in done.stderr
    return json.loads(done.stdout.splitlines()[-1]), done.stderr


def unfinished(cache: Path) -> list[Path]:
    """Files in the cache that look whole but aren't what the hub has are the danger; partial ones carry their ending."""
    return [path for path in cache.rglob("*.incomplete") if path.is_file()]


def whole(cache: Path) -> set[bytes]:
    return {path.read_bytes() for path in cache.rglob("snapshots/**/*") if path.is_file()}


def test_download_then_cache_then_offline(small_model: Path, tmp_path: Path, files: dict) -> None:
    with Hub(files) as hub:
        first, said = run(SPEAK, small_model, tmp_path, hub.url)
        assert first["samples"] > 1000
        assert "CC-BY-NC" in said and said.count("CC-BY-NC") == 1
        assert "model_1250000.safetensors" in said and "100%" in said, "progress"
        assert len(hub.gets()) == 3
        again, _ = run(DOWNLOAD, small_model, tmp_path, hub.url)
        assert again["samples"] == sum(map(len, files.values()))
        assert len(hub.gets()) == 3, "nothing is downloaded twice"
    assert whole(tmp_path) == set(files.values()) and not unfinished(tmp_path)
    offline, _ = run(SPEAK, small_model, tmp_path, hub.url, HF_HUB_OFFLINE="1")
    assert offline == first, "offline with a cache"
    unreachable, _ = run(DOWNLOAD, small_model, tmp_path, hub.url)
    assert unreachable == again, "the hub is gone, the cache is there"


@pytest.mark.parametrize("variables", [{"HF_HUB_OFFLINE": "1"}, {}], ids=["offline", "unreachable"])
def test_without_a_cache_and_without_the_hub(
    small_model: Path, tmp_path: Path, variables: dict[str, str]
) -> None:
    with Hub({}) as hub:
        url = hub.url  # nobody listens there any more below
    answer, _ = run(DOWNLOAD, small_model, tmp_path, url, **variables)
    assert "not in the cache" in answer["error"] and "local file" in answer["error"]


def test_a_cut_download_goes_on_where_it_stopped(small_model: Path, tmp_path: Path, files: dict) -> None:
    files[WEIGHTS] = large = os.urandom(25_000_000)  # the client keeps what came in pieces of 10 MiB
    with Hub(files, cut_after=22_000_000) as hub:
        answer, _ = run(DOWNLOAD, small_model, tmp_path, hub.url)
    assert answer.get("samples") == sum(map(len, files.values())), answer
    assert [wanted for path, wanted in hub.gets() if path.endswith(PUBLISHED.weights)] == [
        None,
        "bytes=20971520-",
    ]
    assert large in whole(tmp_path) and not unfinished(tmp_path)


def test_a_line_that_never_holds(small_model: Path, tmp_path: Path, files: dict) -> None:
    with Hub(files, cut_after=100, cuts=1000) as hub:
        answer, _ = run(DOWNLOAD, small_model, tmp_path, hub.url)
        assert "didn't arrive whole" in answer["error"] and "again" in answer["error"]
        assert not whole(tmp_path) and not unfinished(tmp_path)
        hub.cuts = 0
        answer, _ = run(DOWNLOAD, small_model, tmp_path, hub.url)
    assert answer.get("samples") == sum(map(len, files.values())), answer


def test_wrong_bytes_are_found(small_model: Path, tmp_path: Path, files: dict) -> None:
    """The right length, the wrong content: refused, removed, and right the next time."""
    with Hub(files, spoil=True) as hub:
        answer, _ = run(DOWNLOAD, small_model, tmp_path, hub.url)
        assert "wrong checksum" in answer["error"] and "again" in answer["error"]
        assert not whole(tmp_path)
        hub.spoil = False
        answer, _ = run(DOWNLOAD, small_model, tmp_path, hub.url)
    assert answer.get("samples") == sum(map(len, files.values())), answer


@pytest.mark.parametrize(
    "missing", [WEIGHTS, VOCABULARY, ours.VOCOS], ids=["weights", "vocabulary", "vocoder"]
)
def test_a_file_that_the_hub_does_not_have(
    small_model: Path, tmp_path: Path, files: dict, missing: tuple
) -> None:
    del files[missing]
    with Hub(files) as hub:
        answer, _ = run(DOWNLOAD, small_model, tmp_path, hub.url)
    assert "the hub has no" in answer["error"] and missing[0] in answer["error"]


def test_a_hub_in_trouble(small_model: Path, tmp_path: Path, files: dict) -> None:
    with Hub(files, broken=403) as hub:
        answer, _ = run(DOWNLOAD, small_model, tmp_path, hub.url)
    assert "error" in answer and PUBLISHED.repository in answer["error"]
