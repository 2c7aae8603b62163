"""What keeping, releasing and batching do to memory: work for `meter.isolated`, and the figures that follow from it.

Requests are real ones (`Pipeline.speak`) of one step each, so that one request is text, one pass and the vocoder. A longer
utterance adds passes to the acoustic stage, and nothing to what is loaded.
"""

from __future__ import annotations

import os
import tempfile
import time
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from f5lite.memory import meter, procfs
from f5lite.memory.measured import MB, Measured, mean_over

REFERENCE_TEXT = "A short clip."


@dataclass(frozen=True)
class Way:
    """One way to serve requests, measured. Memory in MB over imports, times in seconds, one value a request."""

    name: str
    averages: list[float]
    peaks: list[float]
    idle: float
    peak: float
    peak_anonymous: float
    first_sounds: list[float]
    measured: Measured

    @property
    def average(self) -> float:
        """Time-averaged memory of the whole run, pauses included."""
        return self.measured.mean_rss_mb


def clip(folder: str | os.PathLike[str], seconds: float = 0.6, rate: int = 24000) -> Path:
    """Write a short hum to speak in the voice of: seeded weights don't care what they hear."""
    import numpy as np

    moments = np.arange(int(seconds * rate)) / rate
    hum = (8000 * np.sin(2 * np.pi * 150 * moments)).astype("<i2")
    path = Path(folder) / "clip.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(hum.tobytes())
    return path


def requests(
    model: str | os.PathLike[str],
    residency: str,
    count: int = 10,
    pause: float = 1.0,
    text: str = "Ten short requests.",
    steps: int = 1,
) -> dict[str, Any]:
    """Serve `count` requests with `pause` seconds between them. Run it through `meter`: its phases are named there.

    Returns the seconds from each request to its sound, and the stages' timeline: what was loaded when, since the first.
    """
    import f5lite

    waits = []
    with tempfile.TemporaryDirectory() as folder:
        reference = clip(folder)
        begin = time.monotonic()
        pipeline = f5lite.load(model, residency=residency)
        for number in range(count):
            with meter.phase("request"):
                start = time.perf_counter()
                pipeline.speak(text, ref=reference, ref_text=REFERENCE_TEXT, steps=steps, seed=number)
                waits.append(time.perf_counter() - start)
            with meter.phase("idle"):
                time.sleep(pause)
    later = pipeline.timeline.began - begin
    moments = pipeline.timeline.steps()
    return {
        "first_sounds": waits,
        "moments": [moment + later for moment in moments],
        "stages": pipeline.timeline.stacked(moments),
        "sizes": {span.stage: span.bytes / MB for span in pipeline.timeline.spans()},
    }


def serve(model: str | os.PathLike[str], residency: str, **settings: Any) -> Way:
    """`requests` in a process of its own."""
    return way(residency, meter.measure(requests, (str(model), residency), settings))


def way(name: str, measured: Measured) -> Way:
    """The figures of one run; its phases must be requests and pauses in turn."""
    starts = [phase.start for phase in measured.phases if phase.name == "request"]
    ends = [phase.end for phase in measured.phases if phase.name == "idle"]
    averages = [
        mean_over(measured.samples, [span]) / MB - measured.baseline_mb
        for span in zip(starts, ends, strict=True)
    ]
    return Way(
        name=name,
        averages=averages,
        peaks=[
            max(s.rss for s in measured.samples if start <= s.seconds <= end) / MB - measured.baseline_mb
            for start, end in zip(starts, ends, strict=True)
        ],
        idle=measured.idle_rss_mb,
        peak=measured.peak_rss_mb,
        peak_anonymous=measured.peak_anonymous_mb,
        first_sounds=list(measured.result["first_sounds"]),
        measured=measured,
    )


def sentences(
    model: str | os.PathLike[str], lengths: list[int], padded_to: int | None = None, repeats: int = 3
) -> dict[str, list[float]]:
    """One guided pass on a batch of sentences of these `lengths` (frames), as `sample` does it, `repeats` times.

    padded_to: pad to at least this many frames; then, and for more than one sentence, there is a mask. Run it through
    `meter`. Returns, for each repeat, peak RSS and peak anonymous memory in MB over the process before loading, and
    seconds. The peak of anonymous memory is sampled; the first pass, which pays for setting up, isn't counted.
    """
    import torch

    import f5lite
    from f5lite.model.flow import guided

    frames = max([*lengths, padded_to or 0])
    found: dict[str, list[float]] = {"peak_rss": [], "peak_anonymous": [], "seconds": []}
    with procfs.Probe() as probe:
        before = probe.read()
        pipeline = f5lite.load(model)
        config = pipeline.config.dit
        generator = torch.Generator().manual_seed(0)
        batch = len(lengths)
        x, cond = torch.randn(2, batch, frames, config.mel_dim, generator=generator)
        text = torch.randn(batch, frames, config.text_dim, generator=generator)
        needed = batch > 1 or frames > lengths[0]
        mask = torch.arange(frames)[None] < torch.tensor(lengths)[:, None] if needed else None
        with pipeline.acoustic as dit, torch.inference_mode():
            field = guided(dit, cond, text, text, 2.0, mask)
            field(torch.tensor(0.5), x)
            for _ in range(repeats):
                procfs.reset_peak()
                with meter.watch(interval=0.005) as one:
                    field(torch.tensor(0.5), x)
                found["seconds"].append(one.wall_seconds)
                found["peak_rss"].append(one.whole_peak_rss_mb - before.rss / MB)
                held = one.baseline_anonymous_mb - before.anonymous / MB
                found["peak_anonymous"].append(held + one.peak_anonymous_mb)
    return found
