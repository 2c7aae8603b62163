"""The authors' example: the texts and the exercise of `notebooks/source/_template.py`. Copy it for a new lesson."""

from __future__ import annotations

from collections.abc import Callable

from f5lite.evidence import explain
from f5lite.evidence.exercises import exercise, expect
from f5lite.lab.player import Sound

product = explain.text(
    "template/product",
    subject="the time of the product",
    compare=("float64", "float32"),
    unit="s",
    around=(0.02, 0.01),
)


@product.when("lower")
def _(f: explain.Figures) -> str:
    return (
        f"Half the bytes took {f.times} less time than the whole ones: each number moves less memory, and the "
        "processor multiplies twice as many of them at once."
    )


@product.when("higher")
def _(f: explain.Figures) -> str:
    return (
        f"Half the bytes cost {f.saved} more. That is unusual: look at what else runs on this machine, then measure "
        "again with a larger matrix."
    )


@product.when("can't tell")
def _(f: explain.Figures) -> str:
    return "The two are too close for these few runs. More repeats, or a larger matrix, would separate them."


@exercise("share", lesson="template", praise="your share agrees with the measured one.")
def share(attempt: Callable[[float, float], float]) -> None:
    """A function from (before, after) to the share that went away, 0.25 for a quarter."""
    got = attempt(200.0, 150.0)
    expect(isinstance(got, (int, float)), f"return a number, not {got!r}")
    expect(abs(got - 0.25) < 1e-9, f"from 200 to 150 a share of 0.25 went away, yours says {got:g}")
    expect(attempt(100.0, 120.0) < 0, "when the figure rises, the share that went away is negative")


def voice() -> Sound:
    """A bundled voice, about three seconds: the template needs a sound and no model."""
    import soundfile

    from f5lite.model.library import bundled_voices

    one = bundled_voices()["kumo"]
    wave, rate = soundfile.read(one.path, dtype="float32")
    return Sound(wave, rate, one.text)


def in_bits(sound: Sound, bits: int) -> Sound:
    """The same sound with each sample rounded to one of 2 ** `bits` values."""
    steps = 2 ** (bits - 1)
    return Sound((sound.wave * steps).round() / steps, sound.rate, sound.text)
