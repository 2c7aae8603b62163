"""A converted model speaks through the same door, from weights that stay in the file."""

from __future__ import annotations

import json
import mmap
from pathlib import Path

import numpy as np
import pytest
import torch

import f5lite
from f5lite.cli import main
from f5lite.errors import F5liteError
from f5lite.memory import meter
from f5lite.model import library
from f5lite.model.checkpoint import Checkpoint
from f5lite.shrink import streamed
from f5lite.shrink.int8.convert import convert
from f5lite.shrink.int8.layers import HalfLinear, Int8Linear
from f5lite.shrink.int8.load import joined, load_stage

SENTENCE = "the fox ran."
RESIDENCIES = ("resident", "on-demand", "streamed")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny") / "int8"
    convert(library.find("tiny"), folder, steps=7)
    return folder


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny") / "kept"
    convert(library.find("tiny"), folder, keep_modulation=True)
    return folder


@pytest.fixture(scope="module")
def wanted() -> f5lite.Utterance:
    return f5lite.load("tiny").speak(SENTENCE, steps=7, seed=1)


def distance(a: f5lite.Utterance, b: f5lite.Utterance) -> float:
    return float(np.linalg.norm(a.mel - b.mel) / np.linalg.norm(b.mel))


def test_every_residency_says_the_same(folder: Path, wanted: f5lite.Utterance) -> None:
    said = [f5lite.load(folder, residency=each).speak(SENTENCE, seed=1) for each in RESIDENCIES]
    assert distance(said[0], wanted) < 0.05
    for other in said[1:]:
        assert np.array_equal(said[0].wave, other.wave)


def test_adaln_kept_speaks_any_grid(kept: Path, wanted: f5lite.Utterance) -> None:
    pipeline = f5lite.load(kept)
    assert pipeline.steps == 32
    assert distance(pipeline.speak(SENTENCE, steps=7, seed=1), wanted) < 0.05


def test_the_number_of_steps_is_the_tables(folder: Path) -> None:
    pipeline = f5lite.load(folder)
    assert pipeline.steps == 7
    pipeline.speak(SENTENCE, steps=5)  # EPSS prunes: the times of 5 steps are among those of 7
    with pytest.raises(F5liteError, match="steps=7"):
        pipeline.speak(SENTENCE, steps=10)
    with pytest.raises(F5liteError, match="steps=7"):
        pipeline.speak(SENTENCE, sway=0.0)


def addresses(file: mmap.mmap) -> range:
    start = torch.frombuffer(file, dtype=torch.uint8).data_ptr()
    return range(start, start + len(file))


@pytest.mark.filterwarnings("ignore:The given buffer is not writable")
def test_no_weight_is_copied(folder: Path) -> None:
    checkpoint = Checkpoint(folder / "model.safetensors")
    where = addresses(checkpoint.source.map)
    config = checkpoint.config()
    dit = load_stage("acoustic", checkpoint, config)
    tensors = [*dit.parameters(), *dit.buffers(), dit.modulation.blocks, dit.modulation.final]
    assert all(tensor.data_ptr() in where for tensor in tensors)
    qkv = dit.transformer_blocks[0].attn.to_qkv
    assert isinstance(qkv, Int8Linear) and qkv.weight.shape == (3 * 256, 256)
    assert dit.time_embed is None and dit.norm_out is None
    text = load_stage("text", checkpoint, config)
    assert isinstance(text.text_blocks[0].pwconv1, HalfLinear)
    assert all(tensor.data_ptr() in where for tensor in [*text.parameters(), *text.buffers()])


def test_each_block_is_dropped_after_its_turn(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, int]] = []
    checkpoint = Checkpoint(folder / "model.safetensors")
    entries = checkpoint.source.entries
    owner = {e.start: n.split(".")[1] for n, e in entries.items() if n.startswith("transformer_blocks.")}

    def note(file, where, advice) -> None:
        for first, _ in where:
            if first in owner:
                calls.append(("drop" if advice == streamed.DROP else "want", int(owner[first])))

    monkeypatch.setattr(streamed, "advise", note)
    dit = load_stage("acoustic", checkpoint, checkpoint.config(), residency="streamed")
    with torch.inference_mode():
        dit.flow(torch.zeros(2, 8, 256), dit.modulation.times[0])
    depth = dit.config.depth
    expected = [call for i in range(depth) for call in (("want", (i + 1) % depth), ("drop", i))]
    assert [c for c in calls if c in expected] == expected


def test_an_ordinary_file_streams_too(wanted: f5lite.Utterance) -> None:
    said = f5lite.load("tiny", residency="streamed").speak(SENTENCE, steps=7, seed=1)
    assert np.array_equal(said.wave, wanted.wave)


def test_what_cannot_be_streamed_says_so(tmp_path: Path) -> None:
    torch.save({"proj_out.weight": torch.zeros(2, 2)}, tmp_path / "model.pt")
    with pytest.raises(F5liteError, match="mapped safetensors file"):
        streamed.stream(torch.nn.Identity(), Checkpoint(tmp_path / "model.pt"))


def test_another_dtype_is_refused(folder: Path) -> None:
    with pytest.raises(F5liteError, match="computes in float32"):
        f5lite.load(folder, dtype=torch.bfloat16).speak(SENTENCE)


def test_a_config_that_is_not_the_files(folder: Path) -> None:
    checkpoint = Checkpoint(folder / "model.safetensors")
    for config in (checkpoint.config().with_blocks(4), checkpoint.config().with_blocks(9)):
        with pytest.raises(F5liteError, match="convert the model again|no place for"):
            load_stage("acoustic", checkpoint, config)


def test_only_neighbours_become_one_view(folder: Path) -> None:
    checkpoint = Checkpoint(folder / "model.safetensors")
    names = [f"transformer_blocks.0.attn.to_{x}.weight" for x in "qkv"]
    assert torch.equal(joined(checkpoint, names), torch.cat([checkpoint.tensor(n) for n in names]))
    assert joined(checkpoint, names[::2]) is None
    assert joined(checkpoint, names[::-1]) is None


def test_the_command_converts_and_tells(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", "tiny", str(tmp_path / "out"), "--json"]) == 0
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert told["model_bytes"] == (tmp_path / "out" / "model.safetensors").stat().st_size
    assert err.splitlines() == ["reading", "writing", "checking", "moving into place"]
    assert main(["convert", "tiny", str(tmp_path / "out")]) == 2
    assert "is there already" in capsys.readouterr().err
    assert (
        main(
            ["convert", "tiny", str(tmp_path / "out"), "--force", "--keep-modulation", "--precision", "bf16"]
        )
        == 0
    )
    assert "AdaLN kept" in capsys.readouterr().err


def first_sound(folder: str) -> float:
    """The first chunk of a short text, with the converted voice's own steps."""
    return next(iter(f5lite.load(folder).stream("hello."))).duration


@pytest.mark.measures
def test_the_first_sound_needs_less_than_two_seconds_over_imports(folder: Path) -> None:
    """Best of three by the clock, in processes of their own."""
    runs = [meter.measure(first_sound, (str(folder),), env={"OMP_NUM_THREADS": "2"}) for _ in range(3)]
    assert all(run.result > 0.3 for run in runs)
    assert min(run.wall_seconds for run in runs) <= 2
