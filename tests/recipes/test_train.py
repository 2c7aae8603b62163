"""Training: a model that learns, a run that resumes to the last bit, weights under the published names."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch

from f5lite.errors import F5liteError
from f5lite.model.config import TINY
from recipes.voice import network
from recipes.voice.batches import GRID, Item, Source, stretched
from recipes.voice.loss import flow_losses
from recipes.voice.objective import losses
from recipes.voice.state import Muon, orthogonal, rate_at
from recipes.voice.train import Run

from . import made

PLAN = {"frames": 400, "steps": 12, "rate": 2e-3, "config": made.SMALL}


def test_batches_are_of_one_length_on_the_grid_and_repeatable():
    source = Source(made.items(), 2000, seed=5)
    for step in range(6):
        batch, again = source.batch(step), Source(made.items(), 2000, seed=5).batch(step)
        assert all(torch.equal(a, b) for a, b in zip(vars(batch).values(), vars(again).values(), strict=True))
        assert batch.mel.shape[1] % GRID == 0 and len(batch.mel) >= 2
        assert not (batch.span & ~batch.valid).any() and batch.span.any(1).all()
        assert (batch.valid.sum(1) > batch.mel.shape[1] - GRID).all()


def test_two_utterances_of_one_speaker_are_joined_and_the_second_masked():
    source = Source(made.items(), 2000)
    pairs = [e for step in range(40) for e in source.chosen(step) if len(e) == 2]
    assert pairs and all(source.items[a].speaker == source.items[b].speaker for (a, _), (b, _) in pairs)


def test_half_of_the_second_ones_are_stretched_and_nothing_else():
    source = Source(made.items(), 2000)
    examples = [e for step in range(60) for e in source.chosen(step)]
    paces = np.array([frames / source.lengths[i] for e in examples for i, frames in e[1:]])
    assert all(frames == source.lengths[i] for e in examples for i, frames in e[:1])
    assert 0.35 < (paces != 1).mean() < 0.6, "half of them; a few round to what they were"
    assert 0.88 < paces.min() < 0.95 and 1.1 < paces.max() < 1.17


def test_stretched_speech_says_the_same_at_another_pace():
    rising = torch.arange(10.0)[:, None].expand(-1, 100)
    item = Item("ab", ("s", "s", 0.0), rising.half(), torch.tensor([0] * 4 + [1] * 6))
    assert stretched(item, 10) is item
    longer, shorter = stretched(item, 19), stretched(item, 4)
    assert torch.allclose(longer.mel[:, 0], torch.linspace(0, 9, 19)), "straight lines between the frames"
    assert torch.allclose(shorter.mel[:, 7], torch.tensor([0.0, 3, 6, 9]))
    assert shorter.labels.tolist() == [0, 0, 1, 1] and (longer.labels == 1).sum() in (11, 12)


def test_the_start_is_practised_from_noise_of_any_strength():
    seen = []

    class Watched(network.Network):
        def forward(self, noisy, known, tokens, time, *rest):
            seen.extend((float(t), float(x[s].std())) for t, x, s in zip(time, noisy, spans, strict=True))
            return super().forward(noisy, known, tokens, time, *rest)

    source, watched = Source(made.items(), 4000), Watched(made.SMALL)
    for step in range(60):
        batch = source.batch(step)
        spans = batch.span
        losses(watched, batch, 0, step)
    starts = np.array([strength for time, strength in seen if time == 0])
    assert 0.08 < len(starts) / len(seen) < 0.22
    assert starts.min() < 0.2 and 0.7 < starts.max() < 1.1


def test_it_learns():
    run = Run(made.items(), **{**PLAN, "steps": 60})
    losses = [run.advance()[0] for _ in range(60)]
    assert sum(losses[-10:]) < 0.8 * sum(losses[:10])


def test_the_loss_tells_what_was_learnt_from_what_was_not():
    learnt, other = made.items(), made.items(24)[12:]
    run = Run(learnt, **{**PLAN, "steps": 60})
    before = flow_losses(run.network.eval(), learnt, 12)
    run.network.train()
    for _ in range(60):
        run.advance()
    after, elsewhere = (flow_losses(run.network.eval(), items, 12) for items in (learnt, other))
    assert sum(after) < 0.8 * sum(before)
    assert flow_losses(run.network, learnt, 12) == after, "the same noise every time"
    assert elsewhere != after


def test_resumed_is_unbroken_to_the_last_bit(tmp_path):
    unbroken, first = Run(made.items(), **PLAN), Run(made.items(), **PLAN)
    for _ in range(12):
        unbroken.advance()
    for _ in range(5):
        first.advance()
    first.save(tmp_path / "run.pt")
    resumed = Run(made.items(), **PLAN)
    resumed.resume(tmp_path / "run.pt")
    for _ in range(7):
        resumed.advance()
    assert resumed.seen == unbroken.seen
    for name, value in unbroken.average.values.items():
        assert torch.equal(value, resumed.average.values[name]), name


def test_another_plan_is_refused(tmp_path):
    run = Run(made.items(), **PLAN)
    run.save(tmp_path / "run.pt")
    with pytest.raises(F5liteError, match="12 steps with seed 0"):
        Run(made.items(), **{**PLAN, "steps": 30}).resume(tmp_path / "run.pt")


def test_published_names_are_those_of_the_bundle():
    from f5lite.model.checkpoint import Checkpoint
    from f5lite.model.library import BUNDLE

    bundled = Checkpoint(BUNDLE / "tiny" / "acoustic.safetensors")
    mine = network.Network(TINY).published()
    names = {n.removeprefix(network.PREFIX) for n in mine}
    assert names - {network.ROTARY} == {n.removeprefix(network.PREFIX) for n in bundled.names} - {
        network.ROTARY
    }


def test_starting_from_the_bundle_gives_its_network():
    from f5lite.model.library import BUNDLE

    started = network.Network(TINY)
    network.start_from(started, BUNDLE / "tiny" / "acoustic.safetensors")
    fresh = network.Network(TINY).published()
    changed = [n for n, v in started.published().items() if not torch.equal(v, fresh[n])]
    assert len(changed) > 0.9 * len(fresh)


def test_starting_from_a_run_takes_its_average_and_its_head(tmp_path):
    run = Run(made.items(), **PLAN)
    for _ in range(3):
        run.advance()
    run.save(tmp_path / "run.pt")
    started = Run(made.items(), **{**PLAN, "steps": 30}, init=tmp_path / "run.pt")
    assert started.step == 0
    for name, value in started.network.state_dict().items():
        assert torch.equal(value, run.average.values[name]), name
    assert any(not torch.equal(v, run.average.values[n]) for n, v in run.network.state_dict().items())


def test_the_rate_rises_and_falls_and_muon_makes_matrices_orthogonal():
    rates = [rate_at(step, 1000, 1.0, 50) for step in range(1000)]
    assert rates[0] == pytest.approx(1 / 50) and max(rates) > 0.9 and rates[-1] == pytest.approx(0.02)
    wide = torch.randn(3, 24, 60, generator=torch.Generator().manual_seed(0))
    for matrices in (wide, wide.mT):
        values = torch.linalg.svdvals(orthogonal(matrices))
        assert values.min() > 0.6 and values.max() < 1.3


def test_muon_moves_every_matrix_as_if_it_were_alone():
    """Matrices of one shape share their products; none takes another's change."""
    seed = torch.Generator().manual_seed(0)
    shapes = [(8, 24), (24, 8), (8, 24), (16, 16)]
    start = [torch.randn(shape, generator=seed) for shape in shapes]
    gradients = [torch.randn(shape, generator=seed) for shape in shapes]

    def moved(which: list[int]) -> list[torch.Tensor]:
        matrices = [torch.nn.Parameter(start[i].clone()) for i in which]
        optimiser = Muon(matrices, 0.1, torch.float32)
        for _ in range(3):
            for matrix, i in zip(matrices, which, strict=True):
                matrix.grad = gradients[i].clone()
            optimiser.step()
        return [matrix.detach() for matrix in matrices]

    for i, together in enumerate(moved([0, 1, 2, 3])):
        torch.testing.assert_close(together, moved([i])[0])
        assert not torch.equal(together, start[i])


@pytest.mark.skipif(not shutil.which("c++"), reason="needs the system's C++ compiler")
def test_compiled_blocks_compute_what_plain_ones_do():
    """Losses and gradients; other lengths too, each of which gets code of its own."""
    found = []
    for compiled in (False, True):
        run = Run(made.items(), **PLAN, compiled=compiled)
        rows = []
        for step in (0, 1):
            run.network.zero_grad()
            flow, named = losses(run.network, run.source.batch(step), 0, step)
            (flow + named).backward()
            rows.append([flow.detach(), *(p.grad for p in run.network.parameters() if p.grad is not None)])
        found.append(rows)
    for plain, fused in zip(*found, strict=True):
        for one, other in zip(plain, fused, strict=True):
            torch.testing.assert_close(other, one, rtol=1e-3, atol=1e-5)
