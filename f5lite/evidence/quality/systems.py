"""What is compared: a model and how it is run, from a line such as `tiny:steps=7,guidance=1.5` or a plan, `tiny@int8,7`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from f5lite.errors import F5liteError
from f5lite.evidence.quality import plans
from f5lite.evidence.quality.digests import digest, file_digest

SPEAK = {name: float for name in ("guidance", "guided_until", "temperature", "sway", "speed")}
SPEAK |= {"steps": int, "method": str}
LOAD = {
    name: str
    for name in ("dtype", "vocoder", "vocab", "config", "residency", "device", "attention", "engine")
}
# Bits of a deliberately coarse model; a number added to every seed; what the model is converted to first.
OWN = {"coarse": int, "seeds": int, "precision": str}


@dataclass
class System:
    """`make` builds the pipeline when the first rendering is needed; `identity` says what it is, for the cache.

    Two systems with the same identity and `speak` options make the same sound from the same text, voice and seed.
    """

    name: str
    make: Callable[[], Any]
    identity: dict[str, Any]
    speak: dict[str, Any] = field(default_factory=dict)
    seeds: int = 0

    @cached_property
    def pipeline(self) -> Any:
        return self.make()

    @property
    def key(self) -> str:
        """Of everything but text, voice and seed."""
        return digest({"identity": self.identity, "speak": self.speak})


def code_digest() -> str:
    """The same for the code that makes the sound: a change in it makes every rendering anew."""
    package = Path(__file__).parents[2]
    folders = [package / "model", package / "shrink"]
    parts = sorted(
        [path for folder in folders for kind in ("*.py", "*.cpp", "*.h") for path in folder.rglob(kind)]
        + [package / "pipeline.py"]
    )
    return digest([(str(path.relative_to(package)), file_digest(path)) for path in parts])


def options_of(text: str) -> tuple[str, dict[str, Any]]:
    """`tiny:steps=7` → ("tiny", {"steps": 7}). A Windows drive's colon is no separator.

    After an @ the names may be left out: `tiny@int8,7` → ("tiny", {"precision": "int8", "steps": 7}).
    """
    model, at, rest = text.rpartition("@")
    if at and not Path(text).exists():
        parts = [part.strip() for part in rest.split(",") if part.strip()]
        named = [plans.named(part) for part in parts]
        return model, options_of(f"x:{','.join(named)}")[1]
    model, _, rest = text.partition(":")
    if len(model) == 1 and rest[:1] in ("\\", "/"):
        drive = model
        model, _, rest = rest.partition(":")
        model = f"{drive}:{model}"
    known, values = {**SPEAK, **LOAD, **OWN}, {}
    for part in filter(None, (piece.strip() for piece in rest.split(","))):
        name, equals, value = part.partition("=")
        if name not in known or not equals:
            raise F5liteError(
                f"{part!r} in {text!r} is no option; write NAME=VALUE with one of {', '.join(known)}"
            )
        try:
            values[name] = known[name](value)
        except ValueError:
            raise F5liteError(f"{name} in {text!r} takes a number, found {value!r}") from None
    return model, values


def system(text: str, name: str | None = None) -> System:
    """A system from a line: MODEL[:OPTION=VALUE,…]. MODEL is anything that `f5lite.load` takes."""
    from f5lite.model import library

    model, values = options_of(text)
    loading = {key: values[key] for key in LOAD if key in values}
    if (bits := values.get("coarse")) is not None and not 2 <= bits <= 8:
        raise F5liteError(f"coarse={bits}: give 2 to 8 bits")
    dtype = _dtype(loading.pop("dtype", "float32"))
    precision = plans.precision_of(values, model)
    finding = {key: loading[key] for key in ("vocoder", "vocab", "config") if key in loading}
    files = library.find(model, **finding)
    identity = {
        "weights": file_digest(files.weights),
        "vocoder": file_digest(files.vocoder) if files.vocoder else library.GRIFFIN_LIM,
        "config": files.config.to_dict(),
        "dtype": str(dtype),
        "device": loading.get("device", "cpu"),
        "coarse": values.get("coarse"),
        **({"precision": precision} if precision else {}),
        **{name: values[name] for name in ("engine", "attention") if name in values},
        **_surroundings(),
    }

    def make() -> Any:
        import f5lite

        if precision is not None:  # the conversion's file brings the rest along
            folder = plans.converted(files, precision, values.get("steps"), values.get("sway", -1.0))
            kept = {name: value for name, value in loading.items() if name not in finding}
            return f5lite.load(folder, dtype=dtype, **kept)
        pipeline = f5lite.load(model, dtype=dtype, **loading)
        return coarse_pipeline(pipeline, bits) if bits else pipeline

    speak = {key: values[key] for key in SPEAK if key in values}
    return System(name or text, make, identity, speak, values.get("seeds", 0))


def of_pipeline(name: str, pipeline: Any, what: Any, **speak: Any) -> System:
    """A system from a pipeline that you built and changed yourself. `what`: says how, in anything JSON can hold."""
    files = pipeline.files
    identity = {"weights": file_digest(files.weights), "what": what, **_surroundings()}
    return System(name, lambda: pipeline, identity, speak)


def coarse_pipeline(pipeline: Any, bits: int) -> Any:
    """The pipeline with a DiT of few bits (see `coarse`)."""
    from f5lite.evidence.quality.coarse import coarsen
    from f5lite.model import stages
    from f5lite.model.checkpoint import Checkpoint
    from f5lite.shrink.stages import Stage

    def load(residency: str) -> Any:
        dit = stages.load_acoustic(Checkpoint(pipeline.files.weights), pipeline.config, None, pipeline.device)
        dit = dit.float()
        coarsen(dit, bits)
        return dit

    pipeline.acoustic = Stage("acoustic", load, residency="resident")
    return pipeline


def _dtype(name: str) -> Any:
    import torch

    found = getattr(torch, name, None)
    if not isinstance(found, torch.dtype) or not found.is_floating_point:
        raise F5liteError(f"dtype={name}: give float32, bfloat16 or float16")
    return found


def _surroundings() -> dict[str, Any]:
    """What else changes the last bits of a sound: code, torch, processor."""
    from f5lite import machine

    return {"code": code_digest(), "machine": machine.card().fingerprint}
