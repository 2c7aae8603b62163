"""Training: a model that learns, a run that resumes to the last bit, weights under the published names."""

from __future__ import annotations

import shutil

import pytest
import torch

from f5lite.errors import F5liteError
from f5lite.model.config import TINY
from f5lite.model.flow import integrate, time_grid
from recipes.voice import network
from recipes.voice.batches import ENDING, FARTHEST, GRID, Item, Source, stretched
from recipes.voice.loss import flow_losses
from recipes.voice.objective import TIMES, losses, own_way
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


def test_most_of_the_second_ones_get_the_length_that_the_sampler_would_give_them():
    source = Source(made.items(), 2000)
    examples = [source.example(network.seeded(index)) for index in range(400)]
    assert all(frames == source.lengths[i] for e in examples for i, frames in e[:1]), "the first is as it was"
    pairs = [e for e in examples if len(e) == 2]
    assert 0.68 < len(pairs) / len(examples) < 0.82
    guessed, kept = 0, 0
    for (a, _), (b, frames) in pairs:
        its = source.items[b].text
        pace = source.lengths[a] * len(its) / len(source.items[a].text + ENDING) / source.lengths[b]
        if len(its) < 10:
            pace /= 0.3
        pace = min(max(pace, FARTHEST[0]), FARTHEST[1])
        guessed += abs(frames - source.lengths[b] * pace) <= 1.5
        kept += frames == source.lengths[b]
        assert FARTHEST[0] - 0.02 <= frames / source.lengths[b] <= FARTHEST[1] + 0.02
    assert 0.5 < guessed / len(pairs) < 0.75 and 0.1 < kept / len(pairs) < 0.4


def test_stretched_speech_says_the_same_at_another_pace():
    rising = torch.arange(10.0)[:, None].expand(-1, 100)
    item = Item("ab", ("s", "s", 0.0), rising.half(), torch.tensor([0] * 4 + [1] * 6))
    assert stretched(item, 10) is item
    longer, shorter = stretched(item, 19), stretched(item, 4)
    assert torch.allclose(longer.mel[:, 0], torch.linspace(0, 9, 19)), "straight lines between the frames"
    assert torch.allclose(shorter.mel[:, 7], torch.tensor([0.0, 3, 6, 9]))
    assert shorter.labels.tolist() == [0, 0, 1, 1] and (longer.labels == 1).sum() in (11, 12)


class Watched(network.Network):
    """Notes the times of its passes, whether each keeps what a gradient needs, and how strong its input is."""

    def __init__(self):
        super().__init__(made.SMALL)
        self.passes: list[tuple[float, bool, float]] = []

    def forward(self, noisy, known, tokens, time, *rest):
        self.passes.append((float(time[0]), torch.is_grad_enabled(), float(noisy.std(dim=(1, 2)).min())))
        return super().forward(noisy, known, tokens, time, *rest)


def test_some_steps_begin_where_the_sampler_is_itself():
    source, begun, most = Source(made.items(), 4000), [], 120
    for step in range(most):
        watched = Watched()
        losses(watched, source.batch(step), 0, step)
        *way, (last, learns, weakest) = watched.passes
        assert learns and not any(learnt for _, learnt, _ in way)
        assert [time for time, _, _ in way] == pytest.approx(TIMES[: len(way)])
        if way or last == 0:
            assert last == pytest.approx(TIMES[len(way)]), "one pass for each time before it"
            begun.append((len(way), weakest))
    assert 0.25 < len(begun) / most < 0.55
    assert {passes for passes, _ in begun} == set(range(len(TIMES)))
    assert min(weakest for _, weakest in begun) < 0.2, "from noise of any strength"


def test_the_own_way_is_the_samplers():
    start = torch.randn(2, 5, 100)
    way = own_way(lambda x, t: (torch.cos(x) + t[:, None, None], None), start, 3)
    assert torch.allclose(way, integrate(lambda t, x: torch.cos(x) + t, start, time_grid(7)[:4]), atol=1e-6)


def test_passes_without_gradient_leave_every_weight_its_own():
    batch, step, passes = Source(made.items(), 1000).batch(0), 0, 0
    while passes < 3:
        watched = Watched()
        for value in watched.parameters():  # none is zero, so that every gradient is felt
            torch.nn.init.normal_(value, std=0.02)
        with torch.autocast("cpu", torch.bfloat16):
            matching, named = losses(watched, batch, 0, step, drop=False)
        passes, step = len(watched.passes), step + 1
    (matching + named).backward()
    assert [name for name, value in watched.named_parameters() if value.grad is None] == []


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
