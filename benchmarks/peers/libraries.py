"""Libraries that quantise a torch model, applied to f5lite's fp32 DiT as their documentation says. Runs in a worker.

The model around them is the same as f5lite's fp32 row, so that the difference is the library's.
"""

from __future__ import annotations

import importlib
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers import ours

MODULES = {"torch.ao": "torch.ao.quantization", "torchao": "torchao.quantization", "bitsandbytes": "bitsandbytes",
           "quanto": "optimum.quanto"}  # fmt: skip


def imports(settings: dict[str, Any]) -> None:
    warnings.filterwarnings("ignore")
    ours.imports(settings)
    importlib.import_module(MODULES[settings["library"]])


class Quantised:
    def __init__(self, model: Path, settings: dict[str, Any]) -> None:
        import torch

        import f5lite

        pipeline = f5lite.load(model)
        self.dtype = torch.bfloat16 if settings.get("bf16") else torch.float32
        with pipeline.acoustic as dit:
            self.dit = change(dit.to(self.dtype), settings)
        pipeline.acoustic.residency = "on-demand"  # what the library left is all that stays

    def one_pass(self, inputs: Path) -> np.ndarray:
        return ours.evaluate(self.dit, self.dtype, inputs)


def change(dit: Any, settings: dict[str, Any]) -> Any:
    """Let the library quantise the linear layers."""
    import torch
    from torch import nn

    from f5lite.evidence import int8_bytes

    library = settings["library"]
    if library == "torch.ao":
        from torch.ao import quantization as ao

        torch.backends.quantized.engine = settings["engine"]
        chosen = {n: ao.default_dynamic_qconfig for n, m in dit.named_modules() if isinstance(m, nn.Linear)}
        ao.quantize_dynamic(dit, chosen, dtype=torch.qint8, inplace=True)
    elif library == "torchao":
        from torchao.quantization import Int8DynamicActivationInt8WeightConfig, quantize_

        def wanted(layer: nn.Module, name: str) -> bool:
            return isinstance(layer, nn.Linear) and int8_bytes._in_block(name)

        quantize_(dit, Int8DynamicActivationInt8WeightConfig(), filter_fn=wanted)
    elif library == "bitsandbytes":
        int8_bytes._bitsandbytes(dit)
    elif library == "quanto":
        from optimum.quanto import freeze, qint8, quantize

        quantize(dit, weights=qint8)
        freeze(dit)
    return dit


def load(model: Path, settings: dict[str, Any]) -> Quantised:
    return Quantised(model, settings)
