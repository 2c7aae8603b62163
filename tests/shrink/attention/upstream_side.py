"""Upstream's model with its own attention and with ours, in a process of its own: `python -m …upstream_side`. Prints JSON.

Upstream's "flash_attn" runs on the stand-in here, which shows that the stand-in is called as the package is.
"""

from __future__ import annotations

import json
import sys
import warnings

import numpy as np
import torch

from f5lite.shrink.attention import attention, use
from tests.shrink.attention import standin_flash

CASES = {"two": ["v1", "two"], "masked": ["masked", "masked"], "partial": ["qk-partial", "pair-masked"]}
NAMES = ("math", "sdpa", "chunked", "chunked-bf16")


def main() -> None:
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    sys.modules.update(standin_flash.modules())
    from tests.golden import answers, cases
    from tests.parity import upstream

    theirs = upstream.load()
    report: dict[str, dict[str, float]] = {}
    for name, (shape, case) in CASES.items():
        case = cases.PASSES[case]
        arguments = cases.shape(shape)
        model, _ = answers.build(theirs, arguments, "attention", name)
        inputs = cases.pass_inputs(name, case)
        wanted = answers.run_pass(model, inputs, case)
        size = np.abs(wanted).max()
        found = report[name] = {}
        for backend in NAMES:
            with attention(backend, model):
                found[backend] = float(np.abs(answers.run_pass(model, inputs, case) - wanted).max() / size)
        undo = use(model, "math")
        undo()
        found["after undoing"] = float(np.abs(answers.run_pass(model, inputs, case) - wanted).max())
        flash, _ = answers.build(theirs, {**arguments, "attn_backend": "flash_attn"}, "attention", name)
        flash.bfloat16()
        half = {
            k: v.astype(np.float32) if getattr(v, "dtype", None) == np.float64 else v
            for k, v in inputs.items()
        }
        wanted = run_half(model.bfloat16(), half, case)
        found["upstream's flash_attn on the stand-in"] = float(
            np.abs(run_half(flash, half, case) - wanted).max() / size
        )
    print(json.dumps(report))


def run_half(model: torch.nn.Module, inputs: dict, case: dict) -> np.ndarray:
    """`answers.run_pass` in bfloat16, as flash-attn needs it."""
    from tests.golden import answers

    change = {"x", "cond"}
    tensors = {
        k: answers.tensor(v).bfloat16() if k in change else answers.tensor(v) for k, v in inputs.items()
    }
    with torch.no_grad():
        return (
            model(
                x=tensors["x"], cond=tensors["cond"], text=tensors["text"], mask=tensors["mask"],
                time=torch.as_tensor(inputs["time"]).bfloat16(), cfg_infer=case.get("packed", False), cache=False,
            ).float().numpy()
        )  # fmt: skip


if __name__ == "__main__":
    main()
