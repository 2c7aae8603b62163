"""A spectrogram with its axes: seconds across, hertz upwards, as a drawing that needs nothing else."""

from __future__ import annotations

from f5lite.lab.drawing import Board, n
from f5lite.lab.numbers import number, ticks
from f5lite.lab.pictures import RAMP, height, spectrogram_png
from f5lite.lab.player import Sound

LEFT, RIGHT, TOP, BOTTOM = 58, 748, 22, 176  # the plot in pixels of the drawing
HERTZ = (250, 500, 1000, 2000, 4000, 8000)


def spectrogram(sound: Sound, span: float, label: str = "") -> str:
    """SVG of one sound on a time axis of `span` seconds, so that several line up. Bright is loud, from −75 dB."""
    board = Board(BOTTOM + 46)
    dark = f'<rect x="{LEFT}" y="{TOP}" width="{RIGHT - LEFT}" height="{BOTTOM - TOP}" fill="{RAMP[0]}"/>'
    width = (RIGHT - LEFT) * sound.seconds / span
    picture = spectrogram_png(sound.wave, sound.rate, columns=max(8, round(560 * sound.seconds / span)))
    size = f'width="{n(width)}" height="{BOTTOM - TOP}" preserveAspectRatio="none"'
    board.parts += [dark, f'<image x="{LEFT}" y="{TOP}" {size} href="{picture}"/>']
    for hertz in HERTZ:
        if hertz <= sound.rate / 2:
            y = BOTTOM - (BOTTOM - TOP) * height(hertz, sound.rate)
            board.line((LEFT - 5, y), (LEFT, y), "soft")
            board.text(LEFT - 9, y + 4.5, f"{hertz:,}", size=12.5, fill="soft", anchor="end")
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
