"""The meter for inside a notebook: `with meter.watch() as m: …`, then read `m.peak_rss_mb` and its neighbours.

It looks at this very process, so what ran before is in the baseline and the allocator may reuse what it kept: `isolated` is the
fair measurement, this one is the quick look.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

from f5lite.memory import energy, procfs
from f5lite.memory.measured import MB, Measured, Phase, Sample, fill_from_samples
from f5lite.shrink.trim import give_back

LONGEST = 600.0


@contextlib.contextmanager
def watch(interval: float = 0.02, longest: float = LONGEST) -> Iterator[Measured]:
    """Measure a `with` block in this process. The yielded `Measured` has its figures when the block has ended.

    interval: seconds between samples (a thread takes them; while native code holds the interpreter none are taken, and
    `longest_gap` says so). longest: seconds after which sampling stops by itself, so that no thread outlives an interrupted cell.
    """
    from f5lite.memory import meter

    measured = Measured(sampling_interval=interval)
    give_back()
    before = energy.sensors()
    with procfs.Probe() as probe:
        was_reset = procfs.reset_peak()
        baseline = probe.read()
        assert baseline is not None  # this process is alive
        measured.source = probe.source
        measured.baseline_mb, measured.baseline_anonymous_mb = baseline.rss / MB, baseline.anonymous / MB
        minor, major = procfs.page_faults()
        cpu, began, first_phase = time.process_time(), time.monotonic(), len(meter.phases)
        samples = [to_sample(0.0, baseline)]
        stop = threading.Event()
        sampler = threading.Thread(
            target=_sample_until, args=(stop, probe, began, samples, measured, longest), daemon=True
        )
        sampler.start()
        try:
            yield measured
        except BaseException as error:
            measured.failure = f"raised {type(error).__name__}: {error}"
            raise
        finally:
            measured.wall_seconds = time.monotonic() - began
            measured.cpu_seconds = time.process_time() - cpu
            last = probe.read()
            stop.set()
            sampler.join()
            measured.minor_faults, measured.major_faults = (
                now - then for now, then in zip(procfs.page_faults(), (minor, major), strict=True)
            )
            measured.joules, measured.joules_source = energy.joules_between(before, after := energy.sensors())
            measured.clock_mhz, measured.celsius = after.clock_mhz, after.celsius
            measured.peak_source = "highest sample"
            if last is not None:
                samples.append(to_sample(measured.wall_seconds, last))
                if was_reset:
                    measured.peak_rss_mb = (last.peak_rss - baseline.rss) / MB
                    measured.peak_source = "VmHWM, reset at the start of the block"
            measured.samples = sorted(samples, key=lambda sample: sample.seconds)
            measured.phases = [Phase(name, a - began, b - began) for name, a, b in meter.phases[first_phase:]]
            fill_from_samples(measured)


def _sample_until(
    stop: threading.Event,
    probe: procfs.Probe,
    began: float,
    samples: list[Sample],
    measured: Measured,
    longest: float,
) -> None:
    while not stop.wait(measured.sampling_interval):
        reading, seconds = probe.read(), time.monotonic() - began
        if reading is None or seconds > longest:
            break
        samples.append(to_sample(seconds, reading))
    measured.sampler_cpu_seconds = time.thread_time()
    measured.samples_taken = len(samples)


def to_sample(seconds: float, reading: procfs.Reading) -> Sample:
    """A reading at a moment of the work."""
    return Sample(seconds, reading.rss, reading.anonymous, reading.file_backed, reading.shared)
