"""Stages: loaded once, used by several, released when nobody needs them, and their memory really goes back."""

from __future__ import annotations

import gc
import sys
import threading
import time

import pytest
import torch
from torch import nn

import f5lite
from f5lite.errors import F5liteError
from f5lite.memory import meter, procfs
from f5lite.shrink.stages import Stage, release_all, weight_bytes
from f5lite.shrink.timeline import Timeline
from f5lite.shrink.trim import can_trim, give_back

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
SENTENCE = "kumo says hello"


def small() -> nn.Module:
    return nn.Linear(10, 10)


def counted(residency: str = "resident") -> tuple[Stage, list[str]]:
    calls: list[str] = []

    def load(residency: str) -> nn.Module:
        calls.append("load")
        return small()

    return Stage("demo", load, residency, forget=lambda: calls.append("forget")), calls


def test_resident_loads_on_first_use_and_stays():
    stage, calls = counted()
    assert not stage.loaded and stage.bytes == 0
    for _ in range(3):
        with stage as module:
            assert module is stage.module
    assert stage.loaded and calls == ["load"]
    assert stage.release() == 440 and calls == ["load", "forget"]
    assert stage.release() == 0 and calls == ["load", "forget"], "nothing is left to release"


def test_on_demand_releases_after_the_block_even_after_an_error():
    stage, calls = counted("on-demand")
    with pytest.raises(ZeroDivisionError), stage:
        1 / 0  # noqa: B018
    assert not stage.loaded and stage.users == 0
    with stage:
        pass
    assert calls == ["load", "forget"] * 2


def test_residency_can_be_changed_and_is_checked():
    stage, _ = counted("on-demand")
    stage.residency = "resident"
    with stage:
        pass
    assert stage.loaded
    with pytest.raises(F5liteError, match="on-demand.*found 'sometimes'"):
        stage.residency = "sometimes"


def test_a_stage_in_use_is_not_released():
    stage, _ = counted()
    with stage, pytest.raises(F5liteError, match="demo stage is in use"):
        stage.release()
    with stage:
        assert release_all([stage]) == 0
    assert release_all([stage], keep=["demo"]) == 0
    assert release_all([stage]) == 440


def test_a_load_that_fails_leaves_the_stage_usable():
    answers = [OSError("disk"), small()]

    def load(residency: str) -> nn.Module:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    stage = Stage("demo", load, "on-demand")
    with pytest.raises(OSError), stage:
        pass
    assert stage.users == 0
    with stage as module:
        assert isinstance(module, nn.Linear)


def test_many_threads_load_once_and_the_last_one_releases():
    stage, calls = counted("on-demand")
    inside, go = threading.Barrier(8), threading.Barrier(8)

    def use() -> None:
        with stage:
            inside.wait(5)
            assert stage.loaded
            go.wait(5)

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert calls == ["load", "forget"] and not stage.loaded


def test_a_module_that_is_still_held_is_left_without_weights():
    stage, _ = counted("on-demand")
    with stage as module:
        pass
    assert module.weight.is_meta and module.bias.is_meta
    with stage as again:
        assert again is not module and not again.weight.is_meta


def test_shared_weights_are_counted_once():
    module = nn.Sequential(nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False))
    module[1].weight = module[0].weight
    assert weight_bytes(module) == 64


def test_the_timeline_tells_what_was_there_when():
    now = [0.0]
    timeline = Timeline(clock=lambda: now[0])
    text = Stage("text", lambda _: small(), "on-demand", timeline=timeline)
    vocoder = Stage("vocoder", lambda _: small(), timeline=timeline)
    now[0] = 1.0
    with text:
        now[0] = 2.0
    now[0] = 3.0
    with vocoder:
        now[0] = 5.0
    spans = [(s.stage, s.start, s.end, s.bytes) for s in timeline.spans()]
    assert spans == [("text", 1.0, 2.0, 440), ("vocoder", 3.0, None, 440)]
    assert [(s.stage, s.start, s.end) for s in timeline.spans(("use", "done"))][1] == ("vocoder", 3.0, 5.0)
    assert timeline.stacked([0.5, 1.5, 4, 9]) == {
        "text": [0, 0.00044, 0, 0],
        "vocoder": [0, 0, 0.00044, 0.00044],
    }
    assert timeline.steps()[0] == 0 and {1.0, 2.0, 3.0} <= set(timeline.steps())


def test_the_timeline_is_bounded():
    timeline = Timeline(keep=4)
    for _ in range(10):
        timeline.note("a", "use")
    assert len(timeline.events) == 4


def trimmed() -> tuple[float, float, float]:
    """MB of anonymous memory: before, with many freed blocks kept by the allocator, and after giving back."""
    with procfs.Probe() as probe:
        before = probe.read().anonymous
        blocks = [torch.ones(60_000) for _ in range(400)]
        keeper = torch.ones(10)
        del blocks
        freed = probe.read().anonymous
        give_back()
        return before / 1e6, freed / 1e6, probe.read().anonymous / 1e6 + 0 * float(keeper[0])


@pytest.mark.measures
@linux
def test_giving_back_empties_what_the_allocator_kept():
    before, freed, after = meter.measure(trimmed, imports=("torch",)).result
    assert after - before < 5
    if can_trim() and freed - before > 20:
        assert freed - after > 20


def speak_cycles(cycles: int) -> list[float]:
    """MB of RSS after each cycle of load, speak, release, in a process of its own."""
    torch.set_num_threads(1)
    pipeline = f5lite.load("tiny", residency="on-demand")
    levels = []
    with procfs.Probe() as probe:
        for _ in range(cycles):
            pipeline.speak(SENTENCE, steps=1, guidance=0, seed=0)
            levels.append(probe.read().rss / 1e6)
    return levels


@pytest.mark.measures
@linux
@pytest.mark.slow
def test_fifty_cycles_of_load_speak_release_end_where_the_first_did():
    levels = meter.measure(speak_cycles, (50,), timeout=300).result
    assert levels[-1] < 1.05 * levels[0], levels


def hold_and_release(name: str) -> dict[str, float]:
    """MB of RSS before a stage is loaded, with every page of it used, and after its release."""
    pipeline = f5lite.load("tiny")
    stage = {stage.name: stage for stage in pipeline.stages}[name]
    with procfs.Probe() as probe:
        with stage:
            pass
        stage.release()
        before = probe.read().rss
        with stage as module:
            total = sum(float(weight.float().sum()) for weight in module.parameters())
            loaded = probe.read().rss
            size = stage.bytes
        assert total == total
        stage.release()  # `module` still holds the module: the weights must go all the same
        after = probe.read().rss
    return {"size": size / 1e6, "loaded": (loaded - before) / 1e6, "left": (after - before) / 1e6}


@pytest.mark.measures
@linux
@pytest.mark.parametrize("name", ["acoustic", "vocoder"])
def test_released_means_released(name):
    found = meter.measure(hold_and_release, (name,)).result
    assert found["loaded"] > 0.8 * found["size"]
    assert found["left"] < max(1.5, 0.1 * found["size"]), found


def drop_pipelines(count: int) -> list[float]:
    """MB of RSS after each of several pipelines was used and dropped, without a garbage collection."""
    gc.disable()
    levels = []
    with procfs.Probe() as probe:
        for _ in range(count):
            f5lite.load("tiny").speak(SENTENCE, steps=1, guidance=0, seed=0)
            give_back(collect=False)
            levels.append(probe.read().rss / 1e6)
    return levels


@linux
def test_a_pipeline_that_is_dropped_is_gone_at_once():
    levels = meter.measure(drop_pipelines, (4,)).result
    assert levels[-1] - levels[0] < 20, levels


def test_pipeline_speaks_the_same_on_demand():
    kept = f5lite.load("tiny").speak(SENTENCE, steps=1, guidance=0, seed=3)
    pipeline = f5lite.load("tiny", residency="on-demand")
    released = pipeline.speak(SENTENCE, steps=1, guidance=0, seed=3)
    assert (kept.wave == released.wave).all()
    assert not any(stage.loaded for stage in pipeline.stages)
    order = [span.stage for span in pipeline.timeline.spans()]
    assert order == ["text", "acoustic", "vocoder"]
    assert time.monotonic() > pipeline.timeline.began
