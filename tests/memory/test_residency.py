"""Requests with pauses: what keeping and releasing stages does to average, idle and peak memory. Full size where marked."""

from __future__ import annotations

import sys

import pytest

from f5lite.evidence import residency, workload
from f5lite.memory import meter
from f5lite.memory.measured import MB, Measured, Phase, Sample
from f5lite.model.config import V1_BASE

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


def test_a_way_averages_each_request_with_its_pause():
    measured = Measured(
        result={"first_sounds": [1.0, 2.0]},
        baseline_mb=100,
        samples=[
            Sample(s, int(level * MB), 0, 0)
            for s, level in ((0, 300), (1, 200), (2, 500), (3, 100), (4, 100))
        ],
        phases=[Phase("request", 0, 1), Phase("idle", 1, 2), Phase("request", 2, 3), Phase("idle", 3, 4)],
    )
    found = residency.way("made up", measured)
    assert found.averages == [pytest.approx(150), pytest.approx(200)]
    assert found.peaks == [pytest.approx(400), pytest.approx(400)]
    assert found.first_sounds == [1.0, 2.0]


@pytest.mark.measures
@linux
def test_on_demand_holds_less_between_requests_and_the_timeline_says_so():
    kept, released = (
        residency.serve("tiny", name, count=2, pause=0.2, text="kumo says hello")
        for name in ("resident", "on-demand")
    )
    assert released.idle < kept.idle
    sizes = kept.measured.result["sizes"]
    assert kept.idle - released.idle > 0.5 * sum(sizes.values())
    assert set(sizes) == {"text", "acoustic", "vocoder"}
    assert len(kept.first_sounds) == len(kept.averages) == 2
    stages = released.measured.result["stages"]
    together = [sum(values) for values in zip(*stages.values(), strict=True)]
    assert max(together) == pytest.approx(max(sizes.values())), "never two stages at a time"
    assert max(sum(v) for v in zip(*kept.measured.result["stages"].values(), strict=True)) == pytest.approx(
        sum(sizes.values())
    )


@pytest.mark.measures
@linux
def test_one_sentence_alone_needs_less_than_one_that_is_padded_and_masked():
    alone, padded = (
        meter.measure(residency.sentences, ("tiny", [256], padded_to)).result for padded_to in (None, 2048)
    )
    assert min(padded["peak_anonymous"]) > max(alone["peak_anonymous"])


@pytest.mark.measures
@linux
@pytest.mark.fullsize
def test_full_size_the_average_falls_and_the_peak_hardly_does():
    folder = workload.prepare(V1_BASE)
    kept, released = (
        residency.serve(folder, name, count=2, pause=1.0, text="Hello.") for name in ("resident", "on-demand")
    )
    weights = sum(kept.measured.result["sizes"].values())
    acoustic = kept.measured.result["sizes"]["acoustic"]
    assert weights == pytest.approx(1402.5, rel=0.01)
    assert kept.idle > 0.9 * weights, "kept weights stay"
    assert released.idle < 0.15 * weights, "released weights go back to the system"
    assert released.average < 0.9 * kept.average
    assert released.peak > acoustic, "the acoustic stage has to be there while it works"
    assert kept.peak - released.peak < 0.25 * kept.peak


def cycles(folder: str, count: int) -> list[float]:
    """MB of RSS after each cycle of load, use, release of all three stages at full size; one short pass a cycle."""
    import torch

    import f5lite
    from f5lite.memory import procfs

    pipeline = f5lite.load(folder, residency="on-demand")
    frames, levels = 32, []
    mels, width = pipeline.config.mel.n_mels, pipeline.config.dit.text_dim
    with procfs.Probe() as probe, torch.inference_mode():
        for _ in range(count):
            with pipeline.text as embed:
                embed(torch.ones(1, 8, dtype=torch.long), frames)
            with pipeline.acoustic as dit:
                x = torch.zeros(1, frames, mels)
                mel = dit(x, x, torch.zeros(1, frames, width), torch.tensor(0.5))
            with pipeline.vocoder as vocode:
                vocode(mel)
            levels.append(probe.read().rss / MB)
    return levels


@pytest.mark.measures
@linux
@pytest.mark.fullsize
def test_full_size_fifty_cycles_end_where_the_first_did():
    levels = meter.measure(cycles, (str(workload.prepare(V1_BASE)), 50), timeout=600).result
    assert levels[-1] < 1.05 * levels[0], levels
