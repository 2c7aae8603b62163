"""Plans as systems: `tiny@int8,7` is the model converted to int8 for 7 steps; the conversion is kept and made once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from f5lite.errors import F5liteError
from f5lite.evidence.quality.digests import digest, file_digest

if TYPE_CHECKING:
    from f5lite.model.library import ModelFiles
    from f5lite.plan import Plan

PRECISIONS = ("fp32", "bf16", "int8")


def named(part: str) -> str:
    """ "int8" → "precision=int8", "7" → "steps=7"; what has a name stays."""
    if part in PRECISIONS:
        return f"precision={part}"
    return f"steps={part}" if part.isdigit() else part


def line(model: str, plan: Plan) -> str:
    """The line that names `plan`: what changes the sound, and the engine, so that two products can be compared."""
    engine = f",engine={plan.engine}" if plan.precision == "int8" and plan.engine != "float" else ""
    return f"{model}@{plan.precision},{plan.steps},guidance={plan.guidance:g}{engine}"


def precision_of(values: Mapping[str, Any], model: str) -> str | None:
    """What to convert to before speaking, or None. Raises F5liteError for what can't be."""
    precision = values.get("precision", "fp32")
    if precision not in PRECISIONS:
        raise F5liteError(f"precision={precision} of {model}: give one of {', '.join(PRECISIONS)}")
    if precision == "fp32":
        return None
    if "coarse" in values:
        raise F5liteError(
            f"{model}: a coarse model is made from the float one; leave precision={precision} out"
        )
    return precision


def converted(files: ModelFiles, precision: str, steps: int | None, sway: float = -1.0) -> Path:
    """The folder of the converted model; with `steps` its modulation is a table for them, else it takes any number."""
    from f5lite import machine
    from f5lite.shrink.int8.convert import convert

    vocoder = file_digest(files.vocoder) if files.vocoder else None
    made_of = [file_digest(files.weights), vocoder, files.config.to_dict(), precision, steps, sway]
    package = Path(__file__).parents[2]
    made_by = [file_digest(path) for path in sorted((package / "shrink" / "int8").glob("*.py"))]
    folder = machine.cache_folder() / "quality-converted" / digest([made_of, made_by])
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        convert(
            files, folder, steps=steps or 7, sway=sway, precision=precision, keep_modulation=steps is None
        )
    return folder
