"""The rungs of the ladder: each adds one technique to the one before. Plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from f5lite.errors import F5liteError

CAPS = (512, 360, 256, 128)  # MB over imports; 360 is what the article promises


@dataclass(frozen=True)
class Rung:
    """One way to run. form: which file it reads (`subject.py` makes it); theirs: upstream's package, not f5lite."""

    key: str
    title: str
    adds: str
    form: str = "source"
    residency: str = "resident"
    attention: str | None = None
    steps: int = 32
    theirs: bool = False

    @property
    def precision(self) -> str:
        return "int8" if self.form.startswith("int8") else "fp32"

    @property
    def ends(self) -> bool:
        """Whether whole utterances are measured on it by default: the rungs that verdicts are about."""
        return self.key in (UPSTREAM, ARTICLE, "seven-steps", LAST)


UPSTREAM, PLAIN, ARTICLE, LAST = "upstream", "fp32", "attention", "streamed"
RUNGS = (
    Rung(UPSTREAM, "upstream", "the f5-tts package as it comes: fp32, 32 steps", theirs=True),
    Rung(PLAIN, "f5lite, fp32", "the same arithmetic, weights mapped from the file"),
    Rung("on-demand", "+ on-demand stages", "a stage is loaded when its turn comes", residency="on-demand"),
    Rung("int8", "+ int8", "8-bit weights and products", "int8-kept", "on-demand"),
    Rung(
        ARTICLE,
        "+ attention",
        "the fastest attention backend here: the article's last rung",
        "int8-kept",
        "on-demand",
        "auto",
    ),
    Rung(
        "table",
        "+ modulation table",
        "AdaLN's layers as numbers for the time grid",
        "int8-32",
        "on-demand",
        "auto",
    ),
    Rung(
        "seven-steps",
        "+ 7 steps",
        "EPSS grid of 7 passes instead of 32",
        "int8-7",
        "on-demand",
        "auto",
        7,
    ),
    Rung(LAST, "streamed", "blocks read from the file and dropped", "int8-7", "streamed", "auto", 7),
)
BY_KEY = {rung.key: rung for rung in RUNGS}


def chosen(keys: Sequence[str] | None) -> tuple[Rung, ...]:
    """The rungs of these keys, in the ladder's order; all of them without keys."""
    if not keys:
        return RUNGS
    unknown = [key for key in keys if key not in BY_KEY]
    if unknown:
        raise F5liteError(f"no rung {unknown[0]!r}; there are: {', '.join(BY_KEY)}")
    return tuple(rung for rung in RUNGS if rung.key in keys)
