"""What upstream does around the network: references clipped, texts cut, durations guessed, loudness set, chunks cross-faded.

The model and the vocoder are stand-ins that write down what they are asked and answer with a fixed sound, so only the
handling shows.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import tempfile
import wave
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.golden.seeded import normal, stream

RATE, HOP, MELS = 24000, 256, 100
STRIDE = 32  # of a wave every 32nd sample is stored

# reference in seconds and loudness, its text, what to say, and how
REQUESTS: dict[str, dict[str, Any]] = {
    "one-chunk": dict(seconds=2.0, rms=0.05, ref_text="The reference says this.", text="And this is new."),
    "loud": dict(seconds=2.0, rms=0.3, ref_text="The reference says this.", text="And this is new."),
    "very-short": dict(seconds=1.5, rms=0.1001, ref_text="A reference?", text="Yes."),
    "chunks": dict(
        seconds=3.0, rms=0.02, ref_text="A reference text of a usual length",
        text="The first part is here, and it is long. The second part follows it; a third one comes! Then the end. " * 3,
    ),
    "fast": dict(seconds=2.5, rms=0.1, ref_text="The reference says this.", text="Spoken faster, if you please.", speed=1.5),
    "slow": dict(seconds=2.5, rms=0.1, ref_text="The reference says this.", text="Spoken slower, if you please.", speed=0.7),
    "many-chunks": dict(
        seconds=11.0, rms=0.1, ref_text="A reference text of a usual length, spoken slowly.", speed=2.0,
        text="Part one, some words. Part two, more words. Part three.",
    ),
    "at-the-limit": dict(
        seconds=2.0, rms=0.1, ref_text="The reference says this.",
        text="The first sentence of this text was written to be of some length, so that it fills its part. "
        "The second sentence of this text was written to be of some length, so that it fills its part. "
        "And one that just goes over the limit by a few bytes, so another part.",
    ),
    "chinese": dict(seconds=2.0, rms=0.05, ref_text="这是参考。", text="今天天气很好，我们去公园吧！"),
    "mixed": dict(seconds=2.0, rms=0.05, ref_text="A reference， mixed。", text="Then this. 然后这个。"),
}  # fmt: skip

ENDINGS: list[str] = [
    "no stop",
    "a stop.",
    "a stop and a space. ",
    "question?",
    "中文。",
    "中文",
    "Dash -",
    "two stops..",
]

# pieces of a reference, in seconds: positive is sound, negative is silence
CLIPS: dict[str, dict[str, Any]] = {
    "short": dict(pieces=[2.5]),
    "edges": dict(pieces=[-0.7, 2.0, -0.4]),
    "inner-pause": dict(pieces=[-0.2, 1.0, -1.6, 1.0, -0.3]),
    "long-pause": dict(pieces=[7.0, -1.5, 7.0]),
    "long-pauses": dict(pieces=[3.0, -2.5, 3.2, -1.2, 3.0, -1.4, 5.0]),
    "short-pauses": dict(pieces=[2.0, -0.3, 2.5, -0.2, 3.0, -0.25, 2.0, -0.4, 4.0]),
    "no-pause": dict(pieces=[14.0]),
    "late-pause": dict(pieces=[13.0, -1.5, 2.0]),
    "44100": dict(pieces=[-0.3, 2.0, -0.5], rate=44100),
    "stereo": dict(pieces=[-0.3, 2.0, -0.5], channels=2),
    "quiet": dict(pieces=[-0.5, 2.0, -0.5], level=0.004),
}


def reference(case: dict[str, Any], name: str) -> np.ndarray:
    """(samples,) float32 of the loudness that the case asks for."""
    sound = normal((int(case["seconds"] * RATE),), "request", name)
    return (sound * (case["rms"] / np.sqrt(np.mean(np.square(sound))))).astype(np.float32)


def clip(case: dict[str, Any], name: str) -> tuple[np.ndarray, int]:
    """(samples, channels) int16 and the sample rate: bursts of noise with pauses between them."""
    rate, channels, level = case.get("rate", RATE), case.get("channels", 1), case.get("level", 0.2)
    draw = stream("clip", name)
    parts = [
        (draw.standard_normal((int(piece * rate), channels)) * level * 32767).clip(-32767, 32767)
        if piece > 0
        else np.zeros((int(-piece * rate), channels))
        for piece in case["pieces"]
    ]
    return np.concatenate(parts).astype(np.int16), rate


def fixed_wave(frames: int) -> np.ndarray:
    """The sound that the stand-in vocoder gives for a number of mel frames."""
    return normal((frames * HOP,), "fixed wave", frames)


def request(upstream: SimpleNamespace, name: str, case: dict[str, Any]) -> dict[str, Any]:
    """Chunks, the duration and text of each, and the wave that `infer_process` puts together."""
    import torch

    asked: dict[str, dict[str, Any]] = {}

    class Model:
        def sample(self, cond: Any, text: list[list[str]], duration: int, **kwargs: Any) -> Any:
            frames = cond.shape[-1] // HOP
            asked["".join(text[0])] = dict(
                duration=int(duration),
                cond_rms=float(cond.square().mean().sqrt()),
                cond_frames=frames,
                text="".join(text[0]),
            )
            return torch.zeros(1, duration, MELS), None

    class Vocoder:
        def decode(self, mel: Any) -> Any:
            return torch.from_numpy(fixed_wave(mel.shape[-1]))[None]

    sound = torch.from_numpy(reference(case, name))[None]
    ref_text = ending(upstream, case["ref_text"])
    infer, kept = upstream.infer, upstream.infer.torchaudio.load
    chunks: list[str] = []
    cut = infer.chunk_text

    def remember(text: str, max_chars: int) -> list[str]:
        chunks.extend([max_chars, *cut(text, max_chars=max_chars)])
        return chunks[1:]

    infer.torchaudio.load, infer.chunk_text = (lambda path: (sound, RATE)), remember
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            result, rate, _ = infer.infer_process(
                "reference.wav", ref_text, case["text"], Model(), Vocoder(), progress=None, show_info=lambda _: None,
                speed=case.get("speed", 1.0), device="cpu",
            )  # fmt: skip
    finally:
        infer.torchaudio.load, infer.chunk_text = kept, cut
    assert rate == RATE
    max_bytes, *texts = chunks
    return dict(
        max_bytes=max_bytes,
        chunks=texts,
        asked=list(asked.values()),
        wave=np.asarray(result, dtype=np.float32),
    )


def prepared(upstream: SimpleNamespace, name: str, case: dict[str, Any]) -> dict[str, Any]:
    """What `preprocess_ref_audio_text` makes of a clip: int16 samples, and the messages it shows."""
    samples, rate = clip(case, name)
    messages: list[str] = []
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        path = Path(folder) / "clip.wav"
        with wave.open(str(path), "wb") as file:
            file.setparams((samples.shape[1], 2, rate, 0, "NONE", ""))
            file.writeframes(samples.tobytes())
        made, _ = upstream.infer.preprocess_ref_audio_text(str(path), "Text.", show_info=messages.append)
        with wave.open(made, "rb") as file:
            found = np.frombuffer(file.readframes(file.getnframes()), np.int16).reshape(
                -1, file.getnchannels()
            )
        Path(made).unlink()
    clipped = [m for m in messages if "12s" in m]
    return dict(samples=found, rate=rate, clipped=clipped, sha256=hashlib.sha256(found.tobytes()).hexdigest())


def ending(upstream: SimpleNamespace, text: str) -> str:
    """The reference's text with the ending that upstream gives it."""
    samples, rate = clip(CLIPS["short"], "ending")
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        path = Path(folder) / "clip.wav"
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, rate, 0, "NONE", ""))
            file.writeframes(samples.tobytes())
        return upstream.infer.preprocess_ref_audio_text(str(path), text, show_info=lambda _: None)[1]
