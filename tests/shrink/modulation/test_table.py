"""The folded table against the model that it stands for: same bits, fewer bytes, and no silence about another grid."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from f5lite.errors import F5liteError
from f5lite.model import stages
from f5lite.model.acoustic import DiT
from f5lite.model.checkpoint import Checkpoint
from f5lite.model.config import SHAPES, V1_BASE
from f5lite.model.flow import time_grid
from f5lite.model.synthetic import synthetic
from f5lite.shrink.modulation import TableModulation, drop_modulation, fold, fold_file, table_bytes


@pytest.fixture(scope="module", params=["tiny", "F5TTS_v1_Base"])
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    folder = synthetic(request.param, tmp_path_factory.mktemp("folded"), blocks=2)
    return Checkpoint(folder / "model.safetensors")


def model(checkpoint: Checkpoint) -> DiT:
    return stages.load_acoustic(checkpoint, checkpoint.config())


def test_a_folded_model_gives_the_same_bits(checkpoint: Checkpoint) -> None:
    dit, grid = model(checkpoint), time_grid(7)
    table = fold_file(checkpoint, dit.config, grid[:-1])
    pair = torch.randn(2, 33, dit.config.dim, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        unfolded = [dit.flow(pair, time) for time in grid[:-1]]
        drop_modulation(dit, table)
        assert not any(
            "attn_norm" in n or "time_embed" in n or "norm_out" in n for n, _ in dit.named_parameters()
        )
        for time, wanted in zip(grid[:-1], unfolded, strict=True):
            assert torch.equal(dit.flow(pair, time), wanted)


def test_from_the_file_as_from_the_model(checkpoint: Checkpoint) -> None:
    dit, times = model(checkpoint), time_grid(5)[:-1]
    one, other = fold(dit, times), fold_file(checkpoint, dit.config, times)
    assert torch.equal(one.blocks, other.blocks) and torch.equal(one.final, other.final)
    assert one.bytes == table_bytes(dit.config, 5)


def test_v1_base_at_7_and_32_steps() -> None:
    assert table_bytes(V1_BASE.dit, 7) == 3_842_048
    assert table_bytes(V1_BASE.dit, 32) == 17_563_648


def test_another_batch_shape_is_as_near_as_it_must_be(checkpoint: Checkpoint) -> None:
    dit, times = model(checkpoint), time_grid(7)[:-1]
    pair, single = fold(dit, times), fold(dit, times, batch=1)
    assert float((pair.blocks - single.blocks).norm() / pair.blocks.norm()) < 1e-6


def test_another_grid_is_an_error_that_says_which_there_is(checkpoint: Checkpoint) -> None:
    dit = model(checkpoint)
    table = fold(dit, time_grid(7)[:-1])
    with pytest.raises(F5liteError, match=r"0\.5000 is not in .* 7 times .*steps=7"):
        table(torch.tensor([0.5, 0.5]))


def test_another_grid_by_choice_is_rebuilt(checkpoint: Checkpoint) -> None:
    dit = model(checkpoint)
    table = fold(dit, time_grid(7)[:-1])
    table.rebuild = lambda times: fold_file(checkpoint, dit.config, times)
    half = torch.tensor([0.5, 0.5])
    wanted = fold(dit, torch.tensor([0.5]))
    assert torch.equal(table(half).block(1), wanted(half).block(1))
    assert len(table.times) == 8
    table.rebuild = None
    assert torch.equal(table(half).final(), wanted.final)


def test_utterances_at_different_times(checkpoint: Checkpoint) -> None:
    dit, grid = model(checkpoint), time_grid(7)
    table = fold(dit, grid[:-1])
    row = table(grid[[3, 1]])
    assert torch.equal(row.block(0), table.blocks[[3, 1], 0])
    assert row.final().shape == (2, 2 * dit.config.dim)


def test_the_key_is_the_exact_time(checkpoint: Checkpoint) -> None:
    """Neighbours in float32 are different times."""
    dit, time = model(checkpoint), time_grid(7)[3]
    table = fold(dit, time[None])
    with pytest.raises(F5liteError, match="not in this model's modulation table"):
        table(torch.nextafter(time, torch.tensor(1.0))[None])


def test_folding_twice_and_senseless_times_are_refused(checkpoint: Checkpoint) -> None:
    dit = model(checkpoint)
    for times in (torch.tensor([]), torch.tensor([float("nan")]), torch.zeros(2, 2)):
        with pytest.raises(F5liteError, match="a list of times"):
            fold(dit, times)
    with pytest.raises(F5liteError, match="rows"):
        TableModulation(torch.zeros(2), torch.zeros(3, 1, 6), torch.zeros(2, 2))
    drop_modulation(dit, fold(dit, torch.tensor([0.0])))
    with pytest.raises(F5liteError, match="folded already"):
        fold(dit, torch.tensor([0.0]))


def test_a_file_without_adaln_is_said(tmp_path: Path) -> None:
    folder = synthetic("tiny", tmp_path, blocks=1)
    checkpoint = Checkpoint(folder / "model.safetensors")
    del checkpoint.names["norm_out.linear.weight"]
    with pytest.raises(F5liteError, match=r"has no 'norm_out\.linear\.weight'"):
        fold_file(checkpoint, SHAPES["tiny"].with_blocks(1).dit, torch.tensor([0.0]))
