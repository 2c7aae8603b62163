"""What 8 bits do to a file, to its loading and to its use: ours, and the libraries' way, for the meter; and to a checkpoint
that an 8-bit optimiser trained.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from f5lite.errors import F5liteError
from f5lite.memory import meter
from f5lite.memory.measured import MB, Measured
from f5lite.shrink.int8.layout import INT8

LIBRARIES = ("bitsandbytes", "torchao")
PASS_FRAMES = 16  # their peak is in the conversion; where int8 products are slow, a longer pass takes minutes


def converted(source: str | Path, folder: Path, steps: int = 7, keep_modulation: bool = False) -> Path:
    """The int8 folder made from a model; converted if it isn't there, or is older than its source or than this format."""
    from f5lite.model import library
    from f5lite.shrink.int8.convert import convert

    files = library.find(source)
    if not _fresh(files.weights, folder):
        convert(files, folder, steps=steps, keep_modulation=keep_modulation, force=folder.is_dir())
    return folder


def _fresh(weights: Path, folder: Path) -> bool:
    from f5lite.model.tensorfile import read_header
    from f5lite.shrink.int8.file import header_of

    made = folder / "model.safetensors"
    if not (folder / "conversion.json").is_file() or made.stat().st_mtime < weights.stat().st_mtime:
        return False
    try:
        header = header_of(read_header(made)[1], made)
    except F5liteError:
        return False
    return header is not None and header.source_bytes == weights.stat().st_size


@dataclass(frozen=True)
class Sizes:
    """MB of the linear layers that became int8, and of the whole file, before and after."""

    linear_fp32: float
    linear_int8: float
    file_fp32: float
    file_int8: float


def sizes(folder: Path) -> Sizes:
    """From the report that a conversion leaves in its folder."""
    report = json.loads((folder / "conversion.json").read_text(encoding="utf-8"))
    layers = [layer for layer in report["layers"] if layer["kind"] == INT8]
    rows = _rows(folder, [layer["name"] for layer in layers])
    numbers = sum(layer["bytes"] for layer in layers) - 4 * rows
    return Sizes(
        4 * numbers / MB,
        (numbers + 4 * rows) / MB,
        report["source_bytes"] / MB,
        report["model_bytes"] / MB,
    )


def _rows(folder: Path, names: list[str]) -> int:
    from f5lite.model.checkpoint import Checkpoint

    checkpoint = Checkpoint(folder / "model.safetensors")
    return sum(checkpoint.shape(name)[0] for name in names)


def quantised_by(library: str, folder: str, frames: int) -> None:
    """Work for the meter: load the fp32 DiT, let a library make its blocks' layers int8, then one pass."""
    import torch

    import f5lite

    pipeline = f5lite.load(folder)
    with pipeline.acoustic as dit:
        pass
    # Not inside: a stage in use lets the allocator keep what is freed, which would be counted as the library's.
    if library == "bitsandbytes":
        _bitsandbytes(dit)
    elif library == "torchao":
        from torchao.quantization import Int8DynamicActivationInt8WeightConfig, quantize_

        quantize_(
            dit,
            Int8DynamicActivationInt8WeightConfig(),
            filter_fn=lambda layer, name: isinstance(layer, torch.nn.Linear) and _in_block(name),
        )
    else:
        raise F5liteError(f"no library {library!r}; there are {', '.join(LIBRARIES)}")
    with torch.inference_mode():
        dit.flow(torch.zeros(2, frames, dit.config.dim), torch.tensor(0.5))


def _in_block(name: str) -> bool:
    return name.startswith("transformer_blocks.") and (".attn." in name or ".ff." in name)


def _bitsandbytes(dit: Any) -> None:
    """Each layer as its documentation says: an int8 layer with the float weights, quantised when it is moved."""
    from torch import nn

    from f5lite.shrink.int8.products import import_bitsandbytes

    bitsandbytes = import_bitsandbytes()
    for name, layer in list(dit.named_modules()):
        if isinstance(layer, nn.Linear) and _in_block(name):
            made = bitsandbytes.nn.Linear8bitLt(
                layer.in_features, layer.out_features, layer.bias is not None, has_fp16_weights=False
            )
            made.weight = bitsandbytes.nn.Int8Params(
                layer.weight.data.clone(), requires_grad=False, has_fp16_weights=False
            )
            made.bias = layer.bias
            owner, _, leaf = name.rpartition(".")
            setattr(dit.get_submodule(owner), leaf, made.to("cpu"))


def peer(library: str, folder: Path, frames: int = PASS_FRAMES, timeout: float = 90.0) -> Measured | str:
    """`quantised_by` in a process of its own, the library's import included in the baseline; or why there is no figure."""
    import importlib.util

    if importlib.util.find_spec(library) is None:
        return f"unavailable: {library} isn't installed"
    run = meter.measure(
        quantised_by,
        (library, str(folder), frames),
        imports=(*meter.IMPORTS, library),
        timeout=timeout,
        check=False,
    )
    return run if run.ok else f"unavailable: {run.failure}"


@dataclass(frozen=True)
class Trained:
    """A layer after a few steps of an optimiser: the types in its checkpoint, and bytes a weight of checkpoint and of state."""

    optimiser: str
    checkpoint_types: tuple[str, ...]
    checkpoint_bytes: float
    state_bytes: float

    @property
    def is_8bit(self) -> bool:
        """Whether the checkpoint holds 8-bit weights."""
        return any(each in ("int8", "uint8") for each in self.checkpoint_types)


def trained(optimiser: str, steps: int = 5, size: int = 128) -> Trained:
    """Train one small layer with "AdamW" (torch's) or "AdamW8bit" (bitsandbytes'), and look at what would be saved."""
    import torch
    from torch import nn

    generator = torch.Generator().manual_seed(0)
    layer = nn.Linear(size, size)
    if optimiser == "AdamW8bit":
        from f5lite.shrink.int8.products import import_bitsandbytes

        chosen = import_bitsandbytes().optim.AdamW8bit(layer.parameters(), lr=1e-3, min_8bit_size=1)
    else:
        chosen = torch.optim.AdamW(layer.parameters(), lr=1e-3)
    for _ in range(steps):
        x = torch.randn(16, size, generator=generator)
        (layer(x) - x).square().mean().backward()
        chosen.step()
        chosen.zero_grad()
    saved = layer.state_dict()
    state = [
        v for v in chosen.state[layer.weight].values() if torch.is_tensor(v) and v.numel() >= size * size
    ]
    return Trained(
        optimiser,
        tuple(sorted({str(v.dtype).removeprefix("torch.") for v in saved.values()})),
        saved["weight"].nbytes / saved["weight"].numel(),
        sum(v.nbytes for v in state) / layer.weight.numel(),
    )


def schemes(seed: int = 0) -> dict[str, float]:
    """Relative error (%) of one product in 8 bits, for a layer with planted outlier rows and inputs with loud tokens."""
    import torch

    from f5lite.model.synthetic import weight
    from f5lite.shrink.int8.quantise import product_error

    w = weight("transformer_blocks.0.ff.ff.0.0.weight", (512, 256), seed, True)
    x = torch.randn(128, 256, generator=torch.Generator().manual_seed(seed))
    x[::16] *= 50
    return {
        "one scale for all": 100 * product_error(x, w, "tensor", tokens=False),
        "a scale a row, one for all tokens": 100 * product_error(x, w, "row", tokens=False),
        "a scale a row, a scale a token": 100 * product_error(x, w, "row", tokens=True),
    }


def beside(folder: Path) -> Path:
    """Where the int8 form of a prepared model is kept."""
    return folder.with_name(f"{folder.name}-int8")
