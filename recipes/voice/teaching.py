"""The teacher as a system that can be compared: it speaks in the style that a reference voice was made from."""

from __future__ import annotations

from types import SimpleNamespace

from f5lite.evidence.quality.systems import System
from recipes.voice import teacher


def style_of(voice: str, styles: list[str]) -> str:
    """The bundled voice "kumo" is the style "jm_kumo"."""
    return next(style for style in styles if style.endswith(f"_{voice}"))


def teacher_system(threads: int = 1) -> System:
    """Raises F5liteError when the teacher or espeak-ng isn't installed."""
    speaks = teacher.Teacher(threads)
    teacher.phonemes(["a"])

    def speak(text: str, voice: str, *, seed: int, **_options) -> SimpleNamespace:
        style = style_of(voice, speaks.styles)
        wave = speaks.speak(teacher.phonemes([text])[0], (style, style, 0.0))
        return SimpleNamespace(wave=wave, sample_rate=teacher.RATE)

    return System("teacher", lambda: SimpleNamespace(speak=speak), {"teacher": "Kokoro-82M int8"})
