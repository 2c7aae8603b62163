"""Listen: a sound with its picture, its transcript and its alt text; several versions share one time axis.

The sound is kept in the page as MP3, which every browser plays, at the loudness it has. Make a player in a cell, never in
a callback: outputs of callbacks are lost when a notebook is saved.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from f5lite.lab.figure import Shown, Table, twin
from f5lite.lab.numbers import number, quantity, ticks
from f5lite.lab.pictures import height, spectrogram_png, waveform_svg

BUDGET = 300_000  # bytes of sound in one notebook
PITCHES = {500: "500 Hz", 1000: "1 kHz", 2000: "2 kHz", 4000: "4 kHz", 8000: "8 kHz"}


@dataclass(frozen=True)
class Sound:
    """Mono samples in −1 … 1, their rate in Hz, and the words spoken."""

    wave: np.ndarray
    rate: int
    text: str = ""

    @classmethod
    def of(cls, sound: Any, rate: int | None = None, text: str | None = None) -> Sound:
        """From an utterance (`wave`, `sample_rate`, `text`), or from samples and their rate.

        Raises:
            ValueError: samples without a rate, more than one channel, or nothing to hear.
        """
        wave = np.asarray(getattr(sound, "wave", sound), np.float32)
        rate = rate or getattr(sound, "sample_rate", None) or getattr(sound, "rate", None)
        if rate is None:
            raise ValueError("bare samples need their rate: lab.listen(wave, rate=24000)")
        if wave.ndim != 1 or wave.size == 0:
            raise ValueError(
                f"expected mono samples, one dimension and at least one; found shape {wave.shape}"
            )
        return cls(wave, int(rate), text if text is not None else str(getattr(sound, "text", "") or ""))

    @property
    def seconds(self) -> float:
        """Length."""
        return len(self.wave) / self.rate

    @property
    def peak(self) -> float:
        """The largest absolute sample; above 1 it would be clipped."""
        return float(np.abs(self.wave).max())

    @property
    def loudness(self) -> float:
        """Root mean square in dB under full scale; −120 for silence."""
        return float(
            20 * np.log10(max(1e-6, float(np.sqrt(np.mean(np.square(self.wave, dtype=np.float64))))))
        )

    def encoded(self) -> tuple[bytes, str]:
        """MP3, or FLAC where this libsndfile can't; and its media type. Not normalised: loudness differences stay."""
        import soundfile

        for kind, subtype, media in (
            ("MP3", "MPEG_LAYER_III", "audio/mpeg"),
            ("FLAC", "PCM_16", "audio/flac"),
        ):
            if kind in soundfile.available_formats():
                target = io.BytesIO()
                soundfile.write(target, np.clip(self.wave, -1, 1), self.rate, format=kind, subtype=subtype)
                return target.getvalue(), media
        raise ValueError(
            "this libsndfile writes neither MP3 nor FLAC; install soundfile>=0.12 from its wheel"
        )

    def alt(self, name: str) -> str:
        """The picture in words: where there is speech, and how loud."""
        window = max(1, self.rate // 50)
        loud = np.abs(self.wave[: len(self.wave) // window * window]).reshape(-1, window).max(axis=1)
        heard = np.flatnonzero(loud > 0.02)
        where = (
            f"sound from {number(heard[0] / 50, 2)} to {number((heard[-1] + 1) / 50, 2)} seconds"
            if heard.size
            else "silence"
        )
        return (
            f"Waveform and spectrogram (60 Hz to {min(8, self.rate / 2000):g} kHz) of {name}: "
            f"{quantity(round(self.seconds, 2), 'seconds')}, {where}, "
            f"{number(round(self.loudness, 1))} dB on average, peak {number(round(self.peak, 2))} of full scale."
        )


@dataclass(repr=False)
class Player(Shown):
    """One or more sounds by name. `data` has what a test asks for: seconds, peak, loudness and bytes of each."""

    sounds: dict[str, Sound]
    title: str = ""

    def __post_init__(self) -> None:
        if not self.sounds:
            raise ValueError("a player needs at least one sound")
        for name, sound in self.sounds.items():
            if not sound.text.strip():
                raise ValueError(f"{name!r} has no transcript; give text=, the words that are spoken")
        self.encoded = {name: sound.encoded() for name, sound in self.sounds.items()}
        self.alt = {name: sound.alt(name) for name, sound in self.sounds.items()}
        self.data = {
            name: {
                "seconds": sound.seconds,
                "peak": sound.peak,
                "loudness": sound.loudness,
                "bytes": len(self.encoded[name][0]),
            }
            for name, sound in self.sounds.items()
        }
        self.table = Table.of(
            ("", "seconds", "loudness (dB)", "peak", "in this page (kB)"),
            [
                (
                    name,
                    number(round(one["seconds"], 2)),
                    number(round(one["loudness"], 1)),
                    number(round(one["peak"], 2)),
                    number(one["bytes"] / 1000),
                )
                for name, one in self.data.items()
            ],
        )

    def html(self) -> str:
        span = max(sound.seconds for sound in self.sounds.values())
        rows = "".join(self._row(name, sound, span) for name, sound in self.sounds.items())
        texts = {sound.text for sound in self.sounds.values()}
        words = "".join(
            f'<p class="f5-words f5-transcript"><b>{"Transcript" if len(texts) == 1 else escape(name)}</b>'
            f"{escape(sound.text)}</p>"
            for name, sound in (list(self.sounds.items())[:1] if len(texts) == 1 else self.sounds.items())
        )
        hint = (
            '<p class="f5-note">Start one while another plays: it goes on at the same place. Keys 1, 2, … do the same.</p>'
            if len(self.sounds) > 1
            else ""
        )
        label = self.title or "Listen"
        return (
            f'<section class="f5 f5-card f5-listen f5-player" aria-label="{escape(label, quote=True)}">'
            f'<div class="f5-label">{escape(label)}</div>{rows}{words}{hint}{twin(self.table)}</section>'
        )

    def _row(self, name: str, sound: Sound, span: float) -> str:
        code, media = self.encoded[name]
        share = sound.seconds / span
        picture = spectrogram_png(sound.wave, sound.rate, columns=max(8, round(560 * share)))
        safe = escape(name, quote=True)
        return (
            f'<div class="f5-version" data-f5-name="{safe}" data-f5-span="{span:.3f}">'
            f'<div class="f5-name">{safe}<span>{sound.seconds:.1f} s</span></div>'
            f'<div class="f5-scene">{waveform_svg(sound.wave, share=share)}'
            f'<img style="width:{100 * share:.2f}%" alt="{escape(self.alt[name], quote=True)}" src="{picture}"></div>'
            f"{axes(span, sound.rate)}"
            f'<audio controls preload="metadata" aria-label="{safe}" '
            f'src="data:{media};base64,{base64.b64encode(code).decode()}"></audio></div>'
        )

    def plain(self) -> str:
        lines = [f'{name}: "{sound.text}" {self.alt[name]}' for name, sound in self.sounds.items()]
        return "\n".join([self.title or "Listen", *lines])


def axes(span: float, rate: int) -> str:
    """Pitches beside the spectrogram and seconds below it. The style sheet writes the words: a page without it has none."""
    pitches = "".join(
        f'<span style="bottom:{100 * height(hertz, rate):.1f}%" data-f5-says="{said}"></span>'
        for hertz, said in PITCHES.items()
        if hertz <= rate / 2
    )
    marks = [mark for mark in ticks(0, span, 6) if mark <= span * 0.86]
    seconds = "".join(
        f'<span style="left:{100 * mark / span:.1f}%" data-f5-says="{number(mark)}"></span>' for mark in marks
    )
    last = f'<span style="left:100%" data-f5-says="{number(round(span, 1))} s"></span>'
    return (
        f'<div class="f5-hertz" aria-hidden="true">{pitches}</div>'
        f'<div class="f5-seconds" aria-hidden="true">{seconds}{last}</div>'
    )


def listen(
    sound: Any = None,
    /,
    *,
    text: str | None = None,
    rate: int | None = None,
    title: str = "",
    **versions: Any,
) -> Player:
    """A player for one sound, or for several versions side by side: `lab.listen(before=a, after=b)`.

    A mapping works too, for names with spaces: `lab.listen({"fp32, 32 steps": a, "int8": b})`.
    """
    named: dict[str, Any] = dict(versions)
    if isinstance(sound, Mapping):
        named = {**sound, **named}
    elif sound is not None:
        named = {"the sound": sound, **named} if versions else {title or "what it said": sound}
    return Player({name: Sound.of(one, rate, text) for name, one in named.items()}, title)
