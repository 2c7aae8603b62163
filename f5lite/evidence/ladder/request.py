"""One request on one rung: work for a process of its own. It loads, then speaks, and times every pass.

Returns plain figures; memory is read inside at the ends of both phases (the kernel's peak), and sampled from outside.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from f5lite.memory import meter, procfs
from f5lite.memory.measured import MB

SENTENCE = "the old clock on the wall has not been right for many years and nobody minds "


def text_for(frames: int) -> str:
    """A text whose length suits the frames."""
    return (SENTENCE * 80)[: frames // 4]


class Clock:
    """Wall and processor time of the parts of a request. `passes` and `cpu_passes` have one value for each pass."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.cpu: dict[str, float] = {}
        self.passes: list[float] = []
        self.cpu_passes: list[float] = []
        self.peaks: dict[str, float] = {}
        with procfs.Probe() as probe:
            now = probe.read()
        self.base = {"rss": now.rss / MB, "anonymous": now.anonymous / MB}
        self._mark = (time.perf_counter(), time.process_time())

    def lap(self) -> tuple[float, float]:
        """(wall, processor) seconds since the last lap."""
        now = (time.perf_counter(), time.process_time())
        passed = (now[0] - self._mark[0], now[1] - self._mark[1])
        self._mark = now
        return passed

    def one_pass(self, *_: Any) -> None:
        """The end of a pass."""
        wall, cpu = self.lap()
        self.passes.append(wall)
        self.cpu_passes.append(cpu)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """A part that isn't a pass."""
        self.lap()
        yield
        self.seconds[name], self.cpu[name] = self.lap()

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """ "loading" or "speaking": with a peak of its own where the kernel can start one afresh."""
        fresh, begin, cpu = procfs.reset_peak(), time.perf_counter(), time.process_time()
        with meter.phase(name):
            yield
        self.seconds[name] = time.perf_counter() - begin
        self.cpu[name] = time.process_time() - cpu
        with procfs.Probe() as probe:
            now = probe.read()
        self.peaks[name] = max(now.rss, now.peak_rss if fresh else 0) / MB

    def figures(self) -> dict[str, Any]:
        names = ("seconds", "cpu", "passes", "cpu_passes", "peaks", "base")
        return {name: getattr(self, name) for name in names}


def ours(
    model: str,
    frames: int,
    steps: int,
    passes: int | None,
    residency: str,
    attention: str | None,
    engine: str,
) -> dict[str, Any]:
    """f5lite. passes: how many of the grid's `steps` are made; None: all of them, a whole utterance."""
    import torch

    from f5lite.model import flow
    from f5lite.pipeline import load

    clock = Clock()
    with clock.phase("loading"):
        pipeline = load(model, residency=residency, attention=attention, engine=engine)
        for stage in pipeline.stages:
            with stage:
                pass
    mels = pipeline.config.mel.n_mels
    cond = torch.randn(1, frames // 2, mels, generator=torch.Generator().manual_seed(0)) - 5
    tokens = pipeline.files.vocabulary.encode([text_for(frames)])
    grid = flow.time_grid(steps)[: None if passes is None else passes + 1]
    with torch.inference_mode(), clock.phase("speaking"):
        with clock.part("text"), pipeline.text as embed:
            both = embed(tokens, frames), embed(tokens, frames, drop_text=True)
        clock.lap()
        with pipeline.acoustic as dit:
            mel = flow.sample(dit, cond, *both, grid=grid, seed=0, progress=clock.one_pass)
            took = taken(dit)
        with clock.part("vocoder"), pipeline.vocoder as vocode:
            vocode(mel.clamp(-11.5, 2))
    return {**clock.figures(), "taken": took}


def taken(dit: Any) -> dict[str, str]:
    """Which engine and which attention backend a model used, where it chose them itself."""
    found = {}
    block = dit.transformer_blocks[0]
    engines = [layer.engine.name for layer in block.modules() if hasattr(layer, "engine")]
    if hasattr(block, "fused"):
        found["engine"] = "fused"
    elif engines:
        found["engine"] = engines[0]
    backend = getattr(block.attn.backend, "current", block.attn.backend)
    names = {choice.name for _, choice in getattr(backend, "choices", {}).values()}
    if names:
        found["attention"] = " and ".join(sorted(names))
    return found


def theirs(model: str, frames: int, steps: int, passes: int | None, stand_ins: bool = True) -> dict[str, Any]:
    """Upstream's own loader, sampler and vocoder. With `passes` the grid is that short: the arithmetic is the same."""
    import torch

    from f5lite.evidence.ladder import upstream
    from f5lite.model import library

    package = upstream.classes(stand_ins)
    files = library.find(model)
    clock = Clock()
    with clock.phase("loading"):
        f5, vocoder = upstream.load(package, files)
    # Between two passes lies almost nothing: the integrator adds two small arrays.
    f5.transformer.register_forward_hook(lambda *_: clock.one_pass())
    hop = files.config.mel.hop_length
    hum = torch.sin(torch.arange((frames // 2 - 1) * hop) * 0.04)[None]
    with torch.inference_mode(), clock.phase("speaking"):
        clock.lap()
        mel, _ = f5.sample(
            cond=hum,
            text=[text_for(frames)],
            duration=frames,
            steps=passes or steps,
            cfg_strength=2.0,
            sway_sampling_coef=-1.0,
            seed=0,
        )
        with clock.part("vocoder"):
            vocoder.decode(mel.permute(0, 2, 1).clamp(-11.5, 2))
    clock.seconds["text"] = clock.cpu["text"] = 0.0  # it is part of the first pass, and cached after it
    return clock.figures()


def capped(megabytes: int, group: str | None, work: Callable[..., Any], *args: Any) -> Any:
    """Do the work with at most `megabytes` more than now: in the control group at `group`, or with RLIMIT_DATA."""
    import os

    if group is not None:
        with open(os.path.join(group, "cgroup.procs"), "w") as file:
            file.write(str(os.getpid()))
    else:
        import resource

        with open("/proc/self/status") as status:
            used = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmData"))
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (used + megabytes * 10**6, hard))
    return work(*args)
