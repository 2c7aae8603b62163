"""A spectrogram with its axes: seconds across, hertz upwards, as a drawing that needs nothing else."""

from __future__ import annotations

import math

from f5lite.lab.drawing import Board, n
from f5lite.lab.numbers import number, ticks
from f5lite.lab.pictures import RAMP, spectrogram_png
from f5lite.lab.player import Sound

LEFT, RIGHT, TOP, BOTTOM = 58, 748, 22, 176  # the plot in pixels of the drawing
LOWEST, HIGHEST = 60.0, 8000.0
HERTZ = (250, 500, 1000, 2000, 4000, 8000)


def mel(hertz: float) -> float:
    """The pitch scale of the picture."""
    return 2595 * math.log10(1 + hertz / 700)


def height(hertz: float, highest: float = HIGHEST) -> float:
    """The pixel row of a pitch."""
    share = (mel(hertz) - mel(LOWEST)) / (mel(highest) - mel(LOWEST))
    return BOTTOM - share * (BOTTOM - TOP)


def spectrogram(sound: Sound, span: float, label: str = "") -> str:
    """SVG of one sound on a time axis of `span` seconds, so that several line up. Bright is loud, from −75 dB."""
    board, highest = Board(BOTTOM + 46), min(HIGHEST, sound.rate / 2)
    dark = f'<rect x="{LEFT}" y="{TOP}" width="{RIGHT - LEFT}" height="{BOTTOM - TOP}" fill="{RAMP[0]}"/>'
    width = (RIGHT - LEFT) * sound.seconds / span
    picture = spectrogram_png(sound.wave, sound.rate, columns=max(8, round(560 * sound.seconds / span)))
    size = f'width="{n(width)}" height="{BOTTOM - TOP}" preserveAspectRatio="none"'
    board.parts += [dark, f'<image x="{LEFT}" y="{TOP}" {size} href="{picture}"/>']
    for hertz in HERTZ:
        if hertz <= highest:
            board.line((LEFT - 5, height(hertz, highest)), (LEFT, height(hertz, highest)), "soft")
            board.text(
                LEFT - 9, height(hertz, highest) + 4.5, f"{hertz:,}", size=12.5, fill="soft", anchor="end"
            )
    for second in ticks(0, span, 6):
        if second <= span * 1.001:
            x = LEFT + (RIGHT - LEFT) * second / span
            board.line((x, BOTTOM), (x, BOTTOM + 5), "soft")
            board.text(x, BOTTOM + 20, number(second), size=12.5, fill="soft", anchor="middle")
    board.text(0, 12, "Hz", size=12.5, fill="soft", weight=600)
    if label:
        board.text(LEFT, 13, label, size=14, weight=650)
    board.text(RIGHT, BOTTOM + 40, "seconds", size=12.5, fill="soft", anchor="end", weight=600)
    return board.svg()
