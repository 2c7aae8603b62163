"""A long text into a file: flat memory, resumable, and the same wave however often it was interrupted."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from f5lite.errors import F5liteError
from f5lite.evidence import residency
from f5lite.memory import procfs
from f5lite.memory.book import Parts, speak_to_file
from f5lite.memory.policy import Offer
from f5lite.memory.queue import Queue
from f5lite.memory.ticket import Refused
from f5lite.memory.worker import Worker
from f5lite.model.audio import cross_fade

RATE = 24000


class Narrator:
    """A stand-in that cuts at full stops and hums; it refuses chunk `fail_at` once its settings say so."""

    def __init__(self, settings: dict) -> None:
        self.settings = settings or {}

    def run(self, job: dict, offer: str):
        if "cut" in job:
            return [part for part in job["cut"].split(".") if part.strip()]
        if job["seed"] >= self.settings.get("fail_from", 10**9):
            raise MemoryError("not now")
        draw = np.random.default_rng(job["seed"])
        return draw.standard_normal(RATE // 2 + 100 * len(job["say"])).astype(np.float32) / 10, RATE

    def keep(self, stages) -> None:
        pass


def narrate(text: str, output: Path, settings: dict | None = None, **more) -> float:
    offers = [Offer("only", 1_000_000)]
    with Queue(Worker("tests.memory.test_book:Narrator", settings), offers, pause=0.01) as queue:
        return speak_to_file(queue, text, output, **more)


def text_of(chunks: int) -> str:
    return "".join(f"sentence number {number}." for number in range(chunks))


def test_the_pieces_are_the_cross_faded_whole(tmp_path):
    parts = Parts(tmp_path / "a.wav", {})
    draw = np.random.default_rng(0)
    waves = [draw.standard_normal(size).astype(np.float32) for size in (9000, 2000, 12000, 50, 8000)]
    for number, wave in enumerate(waves):
        parts.put(number, len(waves), wave, RATE)
    whole = waves[0]
    for wave in waves[1:]:
        whole = cross_fade(whole, wave, RATE)
    assert np.array_equal(np.concatenate(list(parts.waves())), whole)


def test_interrupted_at_sixty_percent_and_resumed_it_is_the_same(tmp_path):
    import soundfile

    text, seen = text_of(10), []
    seconds = narrate(text, tmp_path / "whole.wav")
    with pytest.raises(Refused):
        narrate(text, tmp_path / "b.wav", {"fail_from": 6})
    assert (
        not (tmp_path / "b.wav").exists() and Parts(tmp_path / "b.wav", {"text": text, "seed": 0}).made == 6
    )
    assert narrate(text, tmp_path / "b.wav", progress=lambda done, of: seen.append((done, of))) == seconds
    assert seen == [(7, 10), (8, 10), (9, 10), (10, 10)], "only what was missing was made"
    first, second = (soundfile.read(tmp_path / name)[0] for name in ("whole.wav", "b.wav"))
    assert np.array_equal(first, second)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.wav", "whole.wav"]


def test_parts_of_another_text_are_not_mixed_in(tmp_path):
    Parts(tmp_path / "a.wav", {"text": "one"}).put(0, 2, np.zeros(10, np.float32), RATE)
    with pytest.raises(F5liteError, match="belongs to another text"):
        Parts(tmp_path / "a.wav", {"text": "two"})


def test_a_format_that_cannot_be_written_keeps_the_parts(tmp_path):
    with pytest.raises(F5liteError, match="name the output"):
        narrate(text_of(2), tmp_path / "a.xyz")
    assert (tmp_path / "a.xyz.parts").is_dir()


@pytest.mark.measures
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_at_a_hundred_chunks_is_that_at_two(tmp_path):
    """In the caller's process; the worker's own is measured with the model, below."""
    with procfs.Probe() as probe:
        narrate(text_of(2), tmp_path / "two.wav")
        procfs.reset_peak()
        before = probe.read().rss
        narrate(text_of(100), tmp_path / "hundred.wav")
        after = probe.read().peak_rss
    assert after < 1.05 * before


class Watched:
    """The real speaker, which also tells the worker's own memory: its peak since the first chunk, in its answers' place."""

    def __init__(self, settings) -> None:
        import torch

        from f5lite.memory.speaker import Speaker

        torch.set_num_threads(1)
        self.speaker, self.chunks, self.peaks = Speaker(settings["ways"]), settings["chunks"], settings["log"]

    def run(self, job, offer):
        if "cut" in job:
            return ["hello"] * self.chunks
        answer = self.speaker.run(job, offer)
        with procfs.Probe() as probe, open(self.peaks, "a") as log:
            print(probe.read().peak_rss, file=log)
        return answer

    def keep(self, stages) -> None:
        self.speaker.keep(stages)


@pytest.mark.measures
@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_the_models_own_memory_at_a_hundred_chunks_is_within_five_percent_of_that_at_two(tmp_path):
    ways = {"only": {"load": {"residency": "on-demand"}, "speak": {"steps": 1, "guidance": 0.0}}}
    settings = {"ways": ways, "chunks": 100, "log": str(tmp_path / "peaks")}
    offers = [Offer("only", 100_000_000)]
    with Queue(Worker("tests.memory.test_book:Watched", settings), offers, pause=0.01) as queue:
        clip = str(residency.clip(tmp_path))
        speak_to_file(queue, "anything", tmp_path / "out.wav", ref=clip, ref_text=residency.REFERENCE_TEXT)
    peaks = [int(line) for line in (tmp_path / "peaks").read_text().split()]
    assert len(peaks) == 100
    assert peaks[-1] < 1.05 * peaks[1], peaks
