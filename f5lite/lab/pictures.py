"""A sound as a picture: its waveform as bars, its spectrogram as a small PNG. Numpy only."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np

from f5lite.lab.drawing import n

# Dark to bright, even steps of lightness: reads the same on a light and a dark page, and in grey.
RAMP = ("#0b0a14", "#1f1a4a", "#472a78", "#7b3a87", "#b04a80", "#de6a67", "#f79c5c", "#fcd08a", "#fff6d8")
LEVELS = 48
FLOOR_DB = -75.0
LOWEST, HIGHEST = 60.0, 8000.0  # Hz: what the spectrogram shows


def ramp() -> np.ndarray:
    """The colours of the spectrogram, (48, 3) uint8."""
    stops = np.array([[int(one[i : i + 2], 16) for i in (1, 3, 5)] for one in RAMP], float)
    at = np.linspace(0, len(RAMP) - 1, LEVELS)
    return (
        np.stack([np.interp(at, range(len(RAMP)), stops[:, c]) for c in range(3)], 1).round().astype(np.uint8)
    )


def mel(hertz: float) -> float:
    """The pitch `hertz` on the mel scale, where equal steps sound equal."""
    return float(2595 * np.log10(1 + hertz / 700))


def height(hertz: float, rate: int) -> float:
    """How high the pitch `hertz` stands in the spectrogram of a sound with `rate` samples a second: 0 bottom, 1 top."""
    return (mel(hertz) - mel(LOWEST)) / (mel(min(HIGHEST, rate / 2)) - mel(LOWEST))


def spectrogram(
    wave: np.ndarray, rate: int, *, columns: int = 560, rows: int = 88, reach: float = HIGHEST
) -> np.ndarray:
    """Loudness over time and pitch, in dB under full scale, (rows, columns); row 0 is the highest pitch.

    Pitch runs from 60 Hz to `reach` on the mel scale. 1024 samples a window, as the model hears it.
    """
    size = 1024
    wave = np.pad(np.asarray(wave, np.float32), (size // 2, size // 2))
    starts = np.linspace(0, max(0, len(wave) - size), columns).astype(int)
    window = np.hanning(size).astype(np.float32)
    frames = np.abs(np.fft.rfft(wave[starts[:, None] + np.arange(size)] * window, axis=1)) / (
        window.sum() / 2
    )
    mels = np.linspace(mel(LOWEST), mel(min(reach, rate / 2)), rows + 1)
    edges = (700 * (10 ** (mels / 2595) - 1) * size / rate).astype(int)
    bands = [
        frames[:, low : max(low + 1, high)].max(axis=1)
        for low, high in zip(edges[:-1], edges[1:], strict=True)
    ]
    return 20 * np.log10(np.maximum(np.stack(bands[::-1]), 1e-6))


def spectrogram_png(wave: np.ndarray, rate: int, *, columns: int = 560, rows: int = 88) -> str:
    """The spectrogram as a data URI; −75 dB and below is dark, full scale bright."""
    loud = spectrogram(wave, rate, columns=columns, rows=rows)
    levels = np.clip((loud - FLOOR_DB) / (-12 - FLOOR_DB), 0, 1) * (LEVELS - 1)
    return "data:image/png;base64," + base64.b64encode(png(levels.round().astype(np.uint8), ramp())).decode()


def png(levels: np.ndarray, palette: np.ndarray) -> bytes:
    """An indexed PNG of `levels` (rows, columns) with `palette` (colours, 3)."""
    rows, columns = levels.shape

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    raw = b"".join(b"\0" + row.tobytes() for row in levels.astype(np.uint8))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", columns, rows, 8, 3, 0, 0, 0))
        + chunk(b"PLTE", palette.astype(np.uint8).tobytes())
        + chunk(b"IDAT", zlib.compress(raw, 9))
        + chunk(b"IEND", b"")
    )


def envelope(wave: np.ndarray, bars: int) -> np.ndarray:
    """The largest absolute sample in each of `bars` equal stretches."""
    wave = np.abs(np.asarray(wave, np.float32))
    edges = np.linspace(0, len(wave), bars + 1).astype(int)
    return np.array(
        [wave[a : max(a + 1, b)].max(initial=0.0) for a, b in zip(edges[:-1], edges[1:], strict=True)]
    )


def waveform_svg(wave: np.ndarray, *, share: float = 1.0, bars: int = 190) -> str:
    """The waveform as upright bars over `share` of the width; full scale fills the height, so versions compare."""
    count = max(1, round(bars * share))
    way = "".join(
        f"M{n(4 * index + 2)} {n(28 - max(0.7, 25 * min(1.0, float(size))))}V{n(28 + max(0.7, 25 * min(1.0, float(size))))}"
        for index, size in enumerate(envelope(wave, count))
    )
    return (
        f'<svg viewBox="0 0 {4 * bars} 56" preserveAspectRatio="none" aria-hidden="true">'
        f'<path d="{way}" style="stroke:#f2e9dc;stroke-width:2.2;stroke-linecap:round"/></svg>'
    )
