"""Text to speech on one page: text -> text embedding -> mel -> wave, one stage after the other."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from f5lite.errors import F5liteError
from f5lite.model import audio, flow, library
from f5lite.model.checkpoint import Checkpoint
from f5lite.model.config import ModelConfig
from f5lite.model.mel import log_mel
from f5lite.model.tokens import chunks
from f5lite.model.vocoder import GriffinLim
from f5lite.shrink import attention as attending
from f5lite.shrink.int8.load import load_stage, steps_of
from f5lite.shrink.stages import Stage
from f5lite.shrink.timeline import Timeline

Progress = Callable[[int, int], None]
MOST_FRAMES = 65536  # upstream's longest utterance


@dataclass(frozen=True)
class Reference:
    """The voice to speak in. mel: r n_mels; text: what it says, with the ending that joins it to the next."""

    mel: torch.Tensor
    samples: int
    loudness: float
    text: str


@dataclass
class Utterance:
    """Speech. wave: (samples,) float32; mel: (frames, n_mels), natural log; seconds: wall time by stage."""

    wave: np.ndarray
    sample_rate: int
    mel: np.ndarray
    text: str
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def duration(self) -> float:
        """Seconds of speech."""
        return len(self.wave) / self.sample_rate


@contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    begin = time.perf_counter()
    yield
    seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - begin


def _device(name: str) -> str:
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there.get(name.split(":")[0], False):
        usable = ", ".join(n for n, works in there.items() if works)
        raise F5liteError(
            f"device {name!r} is not usable with this torch ({torch.__version__}); usable: {usable}"
        )
    return name


class Pipeline:
    """F5-TTS ready to speak. `text`, `acoustic` and `vocoder` are the stages; `with pipeline.acoustic as dit:` opens one."""

    def __init__(
        self,
        files: library.ModelFiles,
        device: str = "cpu",
        dtype: torch.dtype = torch.float32,
        residency: str = "resident",
        attention: str | None = None,
        engine: str = "auto",
    ):
        self.files, self.config, self.device = files, files.config, _device(device)
        self.attention = attending.backend(attention or self.config.dit.attn_backend, self.device)
        self.voices = library.bundled_voices()
        self._references: dict[tuple[str, str, int], Reference] = {}
        self.timeline = Timeline()
        weights = Checkpoint(files.weights)
        self.steps = steps_of(weights)
        acoustic_keys = [name for name in weights.names if not name.startswith("text_embed.")]
        text_keys = [name for name in weights.names if name.startswith("text_embed.")]
        # No loader holds the pipeline: a pipeline that is dropped is gone at once, not at the next garbage collection.
        config, at, attend = self.config, self.device, self.attention
        load = partial(Stage, residency=residency, timeline=self.timeline)
        self.text = load(
            "text",
            lambda how: load_stage("text", weights, config, dtype, at, how, engine),
            forget=lambda: weights.forget(text_keys),
        )
        self.acoustic = load(
            "acoustic",
            lambda how: attending.install(
                load_stage("acoustic", weights, config, dtype, at, how, engine), attend
            ),
            forget=lambda: weights.forget(acoustic_keys),
        )
        self.vocoder = load("vocoder", partial(_load_vocoder, files.vocoder, config, at, engine))

    @property
    def stages(self) -> tuple[Stage, Stage, Stage]:
        """The three stages, in the order of their turns."""
        return self.text, self.acoustic, self.vocoder

    def reference(
        self,
        voice: str | None = "kumo",
        ref: str | os.PathLike[str] | None = None,
        ref_text: str | None = None,
    ) -> Reference:
        """A bundled voice by name, or a sound file with the text it says. Kept, so that a second use costs nothing."""
        if ref is not None and not (ref_text and ref_text.strip()):
            raise F5liteError("a reference sound needs the text it says; pass ref_text=…")
        if ref is None and voice not in self.voices:
            raise F5liteError(f"no voice {voice!r}; bundled are {', '.join(self.voices)}")
        path, text = (self.voices[voice].path, self.voices[voice].text) if ref is None else (ref, ref_text)
        # A file that was recorded again is another reference; one that isn't there is reported where it is read.
        written = os.stat(path).st_mtime_ns if os.path.exists(path) else 0
        key = (os.path.abspath(path), text, written)
        if key not in self._references:
            wave, loudness = audio.load_reference(path, self.config.mel.sample_rate)
            mel = log_mel(torch.from_numpy(wave), self.config.mel)
            joined = joining(text, self.config.reference_ending)
            self._references = {
                key: Reference(mel, len(wave), loudness, joined)
            }  # one voice at a time is kept
        return self._references[key]

    def stream(
        self,
        text: str,
        voice: str | None = "kumo",
        *,
        ref: str | os.PathLike[str] | None = None,
        ref_text: str | None = None,
        steps: int | None = None,
        guidance: float | None = None,
        guided_until: float = 1.0,
        temperature: float | None = None,
        sway: float | None = -1.0,
        speed: float = 1.0,
        seed: int | None = None,
        method: str = "euler",
        attention: str | None = None,
        progress: Progress | None = None,
    ) -> Iterator[Utterance]:
        """Speak chunk by chunk; each is yielded as soon as it is ready. Chunk `i` uses seed + i.

        steps: the number a converted model was made for, else 32. guidance, temperature: the model's own (`ModelConfig`).
        guided_until: the flow time, 0 (noise) to 1 (speech), from which passes aren't guided and cost half.
        attention: a backend for this text (`shrink.attention`).
        """
        guidance = self.config.guidance if guidance is None else guidance
        temperature = self.config.temperature if temperature is None else temperature
        self.files.vocabulary.check(text)
        if not 0.1 <= speed <= 5 or not 0 <= guidance <= 20 or not 0 <= temperature <= 2:
            raise F5liteError(
                "speed must be from 0.1 to 5, guidance from 0 to 20 and temperature from 0 to 2, found "
                f"{speed}, {guidance} and {temperature}"
            )
        if not 0 <= guided_until <= 1:
            raise F5liteError(
                f"guided_until is a flow time from 0 (noise) to 1 (speech), found {guided_until}"
            )
        grid = flow.time_grid(self.steps if steps is None else steps, sway)
        how = {"grid": grid, "guidance": guidance if guided_until else 0.0, "guided_until": guided_until}
        how |= {"temperature": temperature, "method": method}
        reference = self.reference(voice, ref, ref_text)
        pieces = self.cut(text, reference, speed)
        for index, piece in enumerate(pieces):
            done = None
            if progress:
                done = partial(_overall, progress, index, len(pieces))
            its_seed = None if seed is None else seed + index
            with attending.attention(attention, device=self.device):
                said = self._say(piece, reference, speed, seed=its_seed, progress=done, **how)
            yield said

    def cut(self, text: str, reference: Reference, speed: float = 1.0) -> list[str]:
        """The chunks of a text: as long as reference and chunk stay under the model's `chunk_seconds` (upstream's rule)."""
        seconds = reference.samples / self.config.mel.sample_rate
        heard = reference.text.removesuffix(" ")  # upstream counts before it adds the last space
        rate = len(heard.encode()) / seconds
        most = max(20, int(rate * (self.config.chunk_seconds - seconds) * speed))
        return chunks(text, most, longest=most + most // 2)

    def speak(self, text: str, voice: str | None = "kumo", **options) -> Utterance:
        """The whole text as one wave, chunks cross-faded. Options as in `stream`."""
        whole: Utterance | None = None
        for part in self.stream(text, voice, **options):
            if whole is None:
                whole = part
                whole.text = text
                continue
            whole.wave = audio.cross_fade(whole.wave, part.wave, whole.sample_rate)
            whole.mel = np.concatenate((whole.mel, part.mel))
            for name, seconds in part.seconds.items():
                whole.seconds[name] += seconds
        return whole

    @torch.inference_mode()
    def _say(
        self,
        text: str,
        reference: Reference,
        speed: float,
        *,
        guidance: float,
        **how: Any,
    ) -> Utterance:
        """how: as `flow.sample` takes it."""
        hop, seconds = self.config.mel.hop_length, {}
        tokens = self.files.vocabulary.encode([reference.text + text]).to(self.device)
        cond = reference.mel[None].to(self.device)
        spoken = reference.samples // hop  # upstream's count, one less than the mel's frames
        frames = flow.frames_to_make(spoken, reference.text, text, speed)
        frames = min(MOST_FRAMES, max(frames, tokens.shape[1] + 1, cond.shape[1] + 1))
        with _timed(seconds, "text"), self.text as embed:
            embedded = embed(tokens, frames)
            without = embed(tokens, frames, drop_text=True) if guidance >= flow.SHORTEST_GUIDANCE else None
        with _timed(seconds, "acoustic"), self.acoustic as dit:
            mel = flow.sample(dit, cond, embedded, without, guidance=guidance, **how)
        mel = mel[:, spoken:].float()
        with _timed(seconds, "vocoder"), self.vocoder as vocode:
            wave = vocode(mel)[0].cpu().numpy()
        wave = audio.lowered(wave, reference.loudness)
        return Utterance(wave, self.config.mel.sample_rate, mel[0].cpu().numpy(), text, seconds)


def _load_vocoder(
    path: Path | None, config: ModelConfig, device: str, engine: str, residency: str
) -> torch.nn.Module:
    if path is None:
        return GriffinLim(config.mel)
    # A checkpoint of its own each time: its map goes with the last of the weights.
    return load_stage("vocoder", Checkpoint(path), config, torch.float32, device, residency, engine)


def _overall(progress: Progress, chunk: int, chunks_: int, step: int, steps: int) -> None:
    progress(chunk * steps + step, chunks_ * steps)


def joining(text: str, ending: str) -> str:
    """A reference's text with what goes between it and the next: upstream ends it with a full stop and spaces."""
    text = text.strip()
    if ending.strip() and text.endswith("。"):
        return text
    if ending.strip() and not text.endswith(ending.strip()):
        text += ending.rstrip()
    return f"{text}  " if ending.strip() else text + ending


def load(
    model: str | os.PathLike[str] = "tiny",
    *,
    device: str = "cpu",
    dtype: torch.dtype | None = None,
    residency: str = "resident",
    vocab: str | os.PathLike[str] | None = None,
    vocoder: str | os.PathLike[str] | None = None,
    config: str | ModelConfig | None = None,
    attention: str | None = None,
    engine: str = "auto",
) -> Pipeline:
    """A model ready to speak: "tiny" (bundled), "F5TTS_v1_Base" (from the hub), a folder or a file of weights.

    Weights are mapped where they can be used as they lie, and read on first use. dtype: float32 by default.
    attention: a backend by name (`shrink.attention.NAMES`); the config's `attn_backend` by default. engine: of int8
    products (`shrink.int8.engines`), for converted models.
    """
    files = library.find(model, vocab=vocab, vocoder=vocoder, config=config)
    return Pipeline(files, device, dtype or torch.float32, residency, attention, engine)
