"""The palette: enough contrast on light and dark, and series that colour-blind readers can tell apart."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from f5lite.lab import style

# What someone without red, green or blue cones sees, on linear RGB. Source: Machado, Oliveira and Fernandes, 2009.
SEEN = {
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def linear(colour: str) -> np.ndarray:
    values = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    a, b = (float(linear(colour) @ [0.2126, 0.7152, 0.0722]) for colour in (one, other))
    return (max(a, b) + 0.05) / (min(a, b) + 0.05)


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIE L*a*b* of linear RGB, white D65."""
    matrix = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = matrix @ np.clip(rgb, 0, 1) / np.array([0.9505, 1.0, 1.089])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("ground", ["paper", "card"])
def test_words_and_marks_have_contrast(dark: bool, ground: str) -> None:
    behind = style.COLOURS[ground][dark]
    for name in ("ink", "soft"):
        assert contrast(style.COLOURS[name][dark], behind) >= 4.5, name
    for name in style.SERIES:
        # Series colours carry bold labels of 15 px too.
        assert contrast(style.COLOURS[name][dark], behind) >= 3.5, name


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("eyes", ["all", *SEEN])
def test_neighbouring_series_can_be_told_apart(dark: bool, eyes: str) -> None:
    matrix = np.eye(3) if eyes == "all" else np.array(SEEN[eyes])
    seen = {name: lab(matrix @ linear(style.COLOURS[name][dark])) for name in style.SERIES[:4]}
    for one, other in itertools.combinations(seen, 2):
        assert np.linalg.norm(seen[one] - seen[other]) >= 18, (one, other)


def test_the_sheet_knows_light_dark_and_the_system() -> None:
    sheet = style.sheet()
    light, dark = style.COLOURS["blue"]
    assert f"--f5-blue:{light}" in sheet and f"--f5-blue:{dark}" in sheet
    assert "data-jp-theme-light=false" in sheet and "prefers-color-scheme:dark" in sheet
    assert sheet.count("{") == sheet.count("}")
    assert "http" not in sheet, "a style sheet that asks the network"


def test_every_colour_in_the_sheet_is_in_the_palette() -> None:
    import re

    assert set(re.findall(r"var\(--f5-([a-z]+)", style.sheet())) <= {*style.COLOURS, "sans", "serif", "hue"}


def test_matplotlib_takes_the_settings() -> None:
    matplotlib = pytest.importorskip("matplotlib")
    for dark in (False, True):
        with matplotlib.rc_context(style.matplotlib(dark)):
            assert matplotlib.rcParams["axes.labelcolor"] == style.COLOURS["soft"][dark]
