"""Sound in and out: reading a reference of any rate, clipping it, loudness, joining chunks, writing a file.

Rules as upstream's (f5-tts `infer/utils_infer.py`): mono, clipped near 12 s at a silence, edges trimmed, 50 ms of
silence at the end, quiet references raised to 0.1 rms and the result lowered again, chunks cross-faded over 0.15 s.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np

from f5lite.errors import F5liteError
from f5lite.files import atomic

log = logging.getLogger(__name__)
LONGEST, CUT_AFTER = 12.0, 6.0  # seconds: the longest reference; from here on a silence may end it
SHORTEST = 0.5  # seconds
READ_AT_MOST = 60.0  # seconds: of a longer file only the beginning is looked at
TARGET_RMS, CROSS_FADE, TAIL = 0.1, 0.15, 0.05
SLICE = 0.01  # seconds: silence is looked for in steps of this


def read_mono(path: str | os.PathLike[str]) -> tuple[np.ndarray, int]:
    """(samples,) float32 and the rate of any file that libsndfile reads, channels averaged."""
    import soundfile

    path = Path(path)
    if not path.is_file():
        raise F5liteError(f"there is no sound file {path}")
    try:
        with soundfile.SoundFile(path) as file:
            if len(file) > READ_AT_MOST * file.samplerate:
                log.warning("%s is long: only its first %.0f s are looked at", path.name, READ_AT_MOST)
            wave = file.read(int(READ_AT_MOST * file.samplerate), dtype="float32", always_2d=True)
            rate = file.samplerate
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise F5liteError(f"can't read {path} as sound ({error}); use WAV, FLAC, OGG or MP3") from error
    return wave.mean(axis=1), rate


def resample(wave: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    """Band-limited resampling by the SoX resampler."""
    if rate == wanted:
        return wave
    import soxr

    return soxr.resample(wave, rate, wanted).astype(np.float32)


def decibels(wave: np.ndarray) -> float:
    """Loudness of a piece relative to full scale, dB."""
    return 20 * float(np.log10(max(1e-10, rms(wave))))


def rms(wave: np.ndarray) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(wave, dtype=np.float64)))) if len(wave) else 0.0


def spoken_parts(
    wave: np.ndarray, rate: int, silence: float, threshold: float, keep: float = 1.0
) -> list[tuple[int, int]]:
    """Sample ranges between the silences of at least `silence` seconds under `threshold` dB, each with up to `keep` s around."""
    hop, length = int(SLICE * rate), int(silence * rate)
    if len(wave) < length:
        return [(0, len(wave))] if len(wave) else []
    power = np.concatenate(([0.0], np.cumsum(np.square(wave, dtype=np.float64))))
    starts = np.arange(0, len(wave) - length + 1, hop)
    quiet = (power[starts + length] - power[starts]) / length <= 10 ** (threshold / 10)
    silences: list[list[int]] = []
    for start in starts[quiet].tolist():
        if silences and start <= silences[-1][1]:
            silences[-1][1] = start + length
        else:
            silences.append([start, start + length])
    edges = [0, *(edge for pair in silences for edge in pair), len(wave)]
    parts = [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b > a]
    around = int(keep * rate)
    grown = [[max(0, a - around), min(len(wave), b + around)] for a, b in parts]
    for before, after in zip(grown, grown[1:], strict=False):
        if after[0] < before[1]:
            before[1] = after[0] = (before[1] + after[0]) // 2
    return [(a, b) for a, b in grown]


def trim_edges(wave: np.ndarray, rate: int, threshold: float = -42.0) -> np.ndarray:
    """Without the silence before the first and after the last slice that is louder than `threshold` dB."""
    hop = max(1, int(SLICE * rate))
    loud = [decibels(wave[i : i + hop]) > threshold for i in range(0, len(wave), hop)]
    if not any(loud):
        return wave[:0]
    return wave[loud.index(True) * hop : len(wave) - hop * loud[::-1].index(True)]


def clip_reference(wave: np.ndarray, rate: int) -> tuple[np.ndarray, bool]:
    """At most about 12 s, cut at a silence where there is one, edges trimmed, 50 ms of silence after. Second: was it cut?"""
    cut = False
    for silence, threshold in ((1.0, -50.0), (0.1, -40.0)):
        kept: list[np.ndarray] = []
        seconds = 0.0
        for start, stop in spoken_parts(wave, rate, silence, threshold):
            length = (stop - start) / rate
            if seconds > CUT_AFTER and seconds + length > LONGEST:
                cut = True
                break
            kept.append(wave[start:stop])
            seconds += length
        clipped = np.concatenate(kept) if kept else wave[:0]
        if seconds <= LONGEST:
            break
    if len(clipped) > LONGEST * rate:
        clipped, cut = clipped[: int(LONGEST * rate)], True
    clipped = trim_edges(clipped, rate)
    return np.concatenate((clipped, np.zeros(int(TAIL * rate), np.float32))), cut


def load_reference(path: str | os.PathLike[str], wanted: int) -> tuple[np.ndarray, float]:
    """A reference ready for the mel: (samples,) at the wanted rate, raised to 0.1 rms if quieter, and its own rms."""
    wave, rate = read_mono(path)
    if len(wave) < SHORTEST * rate:
        raise F5liteError(
            f"{path} is {len(wave) / rate:.2f} s long; a reference needs at least {SHORTEST} s of speech"
        )
    if not np.isfinite(wave).all():
        raise F5liteError(f"{path} holds samples that are not numbers; save it again as 16-bit WAV")
    wave, cut = clip_reference(wave, rate)
    if len(wave) < (SHORTEST + TAIL) * rate:
        raise F5liteError(
            f"{path} is silent (under -42 dB) but for {max(0.0, len(wave) / rate - TAIL):.2f} s; use a louder one"
        )
    if cut:
        log.warning(
            "%s is longer than %.0f s: cut to %.1f s; its text must say just that part",
            path,
            LONGEST,
            len(wave) / rate,
        )
    loudness = rms(wave)
    return resample(raised(wave, loudness), rate, wanted), loudness


def raised(wave: np.ndarray, loudness: float) -> np.ndarray:
    """Quiet speech at 0.1 rms, as the model knows it."""
    return wave * np.float32(TARGET_RMS / loudness) if 0 < loudness < TARGET_RMS else wave


def lowered(wave: np.ndarray, loudness: float) -> np.ndarray:
    """The result at the reference's own loudness."""
    return wave * np.float32(loudness / TARGET_RMS) if loudness < TARGET_RMS else wave


def cross_fade(before: np.ndarray, after: np.ndarray, rate: int, seconds: float = CROSS_FADE) -> np.ndarray:
    """Two waves joined, the end of one fading into the start of the next."""
    overlap = min(int(seconds * rate), len(before), len(after))
    if overlap <= 0:
        return np.concatenate((before, after))
    fade = np.linspace(0, 1, overlap)
    mixed = before[-overlap:] * (1 - fade) + after[:overlap] * fade
    return np.concatenate((before[:-overlap], mixed.astype(before.dtype), after[overlap:]))


def write_wave(path: str | os.PathLike[str], wave: np.ndarray, rate: int) -> None:
    """16-bit file by its name's ending (.wav, .flac, .ogg); whole or not at all."""
    import soundfile

    path = Path(path)
    kind = path.suffix.lower().lstrip(".").upper() or "WAV"
    if kind not in soundfile.available_formats():
        raise F5liteError(f"can't write {path.suffix!r} files; name the output .wav, .flac or .ogg")
    with atomic(path) as partial:
        try:
            soundfile.write(partial, wave, rate, format=kind, subtype="VORBIS" if kind == "OGG" else "PCM_16")
        except (OSError, soundfile.LibsndfileError) as error:
            raise F5liteError(f"can't write {path}: {error}") from error
