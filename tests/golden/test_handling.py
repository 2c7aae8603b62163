"""Around the network, against upstream: references clipped, texts cut, durations, loudness, cross-fades."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from f5lite import pipeline as page
from f5lite.model import audio
from f5lite.model.config import TINY, DiTConfig, ModelConfig
from f5lite.model.synthetic import synthetic
from tests.golden import compare, speech

NOTES, WAVES = compare.notes("handling"), compare.arrays("handling")


@pytest.mark.parametrize("name", speech.CLIPS)
def test_reference_is_clipped_where_upstream_clips_it(name: str) -> None:
    """pydub counts whole milliseconds, so a cut may be a millisecond off; everything else is the same."""
    samples, rate = speech.clip(speech.CLIPS[name], name)
    found, cut = audio.clip_reference((samples.astype(np.float32) / 32768).mean(axis=1), rate)
    noted = NOTES["clips"][name]
    assert cut == bool(noted["clipped"])
    assert abs(len(found) - noted["samples"]) <= 0.001 * rate
    theirs = WAVES[f"clip/{name}"].astype(np.float32).mean(axis=1) / 32768
    loudness = np.sqrt(np.convolve(np.square(found), np.ones(2048) / 2048, "same"))[:: 2 * speech.STRIDE]
    same = min(len(loudness), len(theirs))
    assert ((loudness[:same] > 0.01) | (np.abs(theirs[:same]) < 0.01)).all(), "sound where f5lite has silence"


@pytest.mark.parametrize("text", compare.notes("words")["endings"])
def test_reference_text_ends_as_upstreams(text: str) -> None:
    theirs = compare.notes("words")["endings"][text]
    theirs += " " if len(theirs[-1].encode()) == 1 else ""  # added where the batches are made
    assert page.joining(text, ModelConfig().reference_ending) == theirs


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> page.Pipeline:
    """A pipeline with upstream's rules for text; its network is too small to say anything, and isn't asked here."""
    shape = ModelConfig(
        dit=DiTConfig(dim=32, depth=1, heads=1, dim_head=32, text_dim=32, conv_layers=0, text_num_embeds=95),
        vocos=TINY.vocos,
    )
    return page.load(synthetic(shape, tmp_path_factory.mktemp("small")))


@pytest.mark.parametrize("name", speech.REQUESTS)
def test_request_is_handled_as_upstream_handles_it(
    name: str, small: page.Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, noted = speech.REQUESTS[name], NOTES["requests"][name]
    asked: list[dict[str, Any]] = []

    def sample(
        dit: Any, cond: torch.Tensor, text: torch.Tensor, no_text: torch.Tensor, **options: Any
    ) -> torch.Tensor:
        asked.append(dict(duration=text.shape[1], frames=cond.shape[1]))
        return torch.zeros(1, text.shape[1], speech.MELS)

    def vocode(mel: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(speech.fixed_wave(mel.shape[1]))[None]

    texts: list[str] = []
    encode = small.files.vocabulary.encode
    monkeypatch.setattr(page.flow, "sample", sample)
    monkeypatch.setattr(small, "vocoder", nullcontext(vocode))
    monkeypatch.setattr(small.files.vocabulary, "encode", lambda t: (texts.extend(t), encode(["a"]))[1])
    monkeypatch.setattr(
        small.files.vocabulary, "check", lambda text: None
    )  # its 95 symbols don't matter here
    monkeypatch.setattr(audio, "clip_reference", lambda wave, rate: (wave, False))  # measured above
    path = tmp_path / "reference.wav"
    soundfile.write(path, speech.reference(case, name), speech.RATE, subtype="FLOAT")

    spoken = small.speak(
        case["text"], ref=path, ref_text=case["ref_text"], steps=1, speed=case.get("speed", 1.0), seed=0
    )

    from f5lite.model.tokens import to_pinyin

    assert ["".join(to_pinyin(text)) for text in texts] == [a["text"] for a in noted["asked"]]
    assert [a["duration"] for a in asked] == [a["duration"] for a in noted["asked"]]
    assert [a["frames"] - 1 for a in asked] == [a["cond_frames"] for a in noted["asked"]]
    reference = small.reference(ref=path, ref_text=case["ref_text"])
    if case["rms"] < audio.TARGET_RMS:
        assert reference.loudness == pytest.approx(case["rms"], rel=1e-4)
    assert len(spoken.wave) == noted["samples"]
    found = compare.difference(spoken.wave[:: speech.STRIDE], WAVES[f"wave/{name}"], f"wave/{name}")
    assert found <= compare.LIMIT


def test_a_quiet_reference_is_raised_as_upstream_raises_it() -> None:
    case = speech.REQUESTS["one-chunk"]
    wave = speech.reference(case, "one-chunk")
    assert audio.rms(audio.raised(wave, audio.rms(wave))) == pytest.approx(
        NOTES["requests"]["one-chunk"]["asked"][0]["cond_rms"], rel=1e-5
    )
    loud = speech.reference(speech.REQUESTS["loud"], "loud")
    assert np.array_equal(audio.raised(loud, audio.rms(loud)), loud)
