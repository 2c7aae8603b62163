"""The vocoder against Griffin-Lim: the same mels of held-out recordings, back to sound by both."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import soundfile
import torch

from f5lite.evidence.quality.bootstrap import Sums, difference, interval
from f5lite.evidence.quality.instruments import Instruments
from f5lite.evidence.quality.spectral import log_spectral_distance
from f5lite.evidence.quality.words import errors
from f5lite.memory.meter import isolated
from f5lite.model import library, stages
from f5lite.model.checkpoint import Checkpoint
from f5lite.model.mel import log_mel
from f5lite.model.vocoder import GriffinLim
from recipes.voice import shards
from recipes.voice.vocoder import HELD_OUT

RATE, ITERATIONS = 24_000, 60


def recordings(trained: Sequence[str], count: int) -> tuple[list[tuple[str, np.ndarray]], str]:
    """(text, wave) that the vocoder never heard, and where they are from; without a corpus, the reference clips."""
    if trained:
        held_out = shards.split(list(shards.read(trained)), HELD_OUT)[1][:count]
        return [(said.text, said.as_float().numpy()) for said in held_out], "held out from the corpus"
    voices = library.bundled_voices().values()
    return [(v.text, soundfile.read(v.path, dtype="float32")[0]) for v in voices][
        :count
    ], "the reference clips"


def built(name: str, model: str) -> torch.nn.Module:
    """ "vocos" of the model, or "griffin-lim"."""
    files = library.find(model)
    if name == "griffin-lim":
        return GriffinLim(files.config.mel, ITERATIONS)
    return stages.load_vocoder(Checkpoint(files.vocoder), files.config, torch.float32).eval()


def once(name: str, model: str, frames: int = 300) -> int:
    """For the memory meter: build it and turn three seconds of mels into sound; returns the samples."""
    with torch.inference_mode():
        return built(name, model)(torch.full((1, frames, 100), -4.0)).shape[-1]


def vocoders(model: str, trained: Sequence[str], count: int, tools: Instruments) -> dict:
    """Both: distance, word errors, opinion, real time factor, peak memory; and the paired differences."""
    said, origin = recordings(trained, count)
    found: dict = {"recordings": len(said), "origin": origin}
    columns: dict[str, dict[str, list]] = {}
    for name in ("vocos", "griffin-lim"):
        make, rows, spent = built(name, model), {"distance": [], "wer": [], "opinion": []}, 0.0
        for text, wave in said:
            mel = log_mel(torch.from_numpy(wave))[None]
            begin = time.perf_counter()
            with torch.inference_mode():
                made = make(mel)[0].numpy()
            spent += time.perf_counter() - begin
            rows["distance"].append((log_spectral_distance(made, wave), 1))
            rows["wer"].append(errors(text, tools.recogniser.hear(made, RATE)))
            if "opinion" not in tools.missing:
                rows["opinion"].append((tools.listener.score(np.clip(made, -1, 1), RATE), 1))
        memory = isolated(once, name, model)
        columns[name] = rows
        found[name] = {
            "real_time": spent / sum(len(wave) / RATE for _, wave in said),
            "peak_mb": memory.peak_rss_mb,
            **{key: vars(interval(Sums.of(r), scale(key))) for key, r in rows.items() if r},
        }
    found["difference"] = {
        key: vars(difference(Sums.of(columns["griffin-lim"][key]), Sums.of(rows), scale(key)))
        for key, rows in columns["vocos"].items()
        if rows
    }
    return found


def scale(key: str) -> float:
    return 100.0 if key == "wer" else 1.0
