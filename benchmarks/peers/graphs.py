"""The DiT as an ONNX graph: onnxruntime's int8, and OpenVINO's. Runs in a worker; `prepare` exports and quantises.

The graph starts where `flow` does: the embedded pair and the flow time go in. Embedding the pair stays torch's, which adds
what it adds to every other row; torch's share of memory is that of the embedding's weights.
"""

from __future__ import annotations

import os
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers import ours


def imports(settings: dict[str, Any]) -> None:
    ours.imports(settings)
    if settings["library"] == "onnxruntime":
        import onnxruntime

        assert onnxruntime.InferenceSession
    else:
        import openvino

        assert openvino.Core


def folder(model: Path) -> Path:
    return model.with_name(f"{model.name}-graphs")


def made(model: Path, settings: dict[str, Any]) -> Path:
    name = {"onnxruntime": "int8.onnx", "openvino": f"openvino-{settings.get('mode', '')}.xml"}[
        settings["library"]
    ]
    return folder(model) / name


def prepare(model: Path, settings: dict[str, Any]) -> None:
    """Export once, then what the library makes of it."""
    target = made(model, settings)
    if target.is_file():
        return
    folder(model).mkdir(exist_ok=True)
    if settings["library"] == "onnxruntime":
        quantise_onnx(exported(model), target)
    else:
        quantise_openvino(model, target, settings["mode"])


def exported(model: Path) -> Path:
    """fp32 ONNX of `flow`, any number of frames."""
    import torch
    import torch.nn.functional as F  # noqa: N812

    import f5lite
    from f5lite.model import acoustic

    target = folder(model) / "fp32" / "model.onnx"
    if target.is_file():
        return target
    partial = folder(model) / f"fp32.{os.getpid()}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    warnings.filterwarnings("ignore")
    with f5lite.load(model).acoustic as dit, torch.inference_mode():
        width = dit.config.dim
        example = torch.randn(2, 96, width), torch.full((2,), 0.5)
        # The exporter wants the width of a norm as a number, where tracing makes it an operation.
        acoustic.modulate = lambda x, shift, scale: F.layer_norm(x, (width,), eps=1e-6) * (1 + scale) + shift
        torch.onnx.export(
            Flow(dit), example, str(partial / "model.onnx"), dynamo=False, opset_version=17, input_names=["pair", "time"],
            output_names=["flow"], dynamic_axes={"pair": {1: "frames"}, "flow": {1: "frames"}},
        )  # fmt: skip
    partial.rename(target.parent)
    return target


def Flow(dit: Any) -> Any:  # noqa: N802 - stands for a class, made late so that torch is imported late
    import torch

    class Graph(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.dit = dit

        def forward(self, pair: Any, time: Any) -> Any:
            return self.dit.flow(pair, time)

    return Graph()


def quantise_onnx(source: Path, target: Path) -> None:
    """`quantize_dynamic` as documented: int8 weights, a scale an output channel, activations as they come."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    partial = target.with_suffix(".partial.onnx")
    quantize_dynamic(str(source), str(partial), weight_type=QuantType.QInt8, per_channel=True,
                     op_types_to_quantize=["MatMul", "Gemm"])  # fmt: skip
    partial.rename(target)


def quantise_openvino(model: Path, target: Path, mode: str) -> None:
    """Weights in int8 (`nncf.compress_weights`), or weights and activations (`nncf.quantize`, calibrated on one input)."""
    import nncf
    import openvino

    graph = openvino.Core().read_model(str(exported(model)))
    if mode == "weights":
        graph = nncf.compress_weights(graph, mode=nncf.CompressWeightsMode.INT8_SYM)
    else:
        width = graph.inputs[0].get_partial_shape()[2].get_length()
        generator = np.random.default_rng(0)
        pairs = [{"pair": generator.standard_normal((2, 128, width)).astype(np.float32),
                  "time": np.full(2, time, np.float32)} for time in (0.1, 0.5, 0.9)]  # fmt: skip
        graph = nncf.quantize(
            graph, nncf.Dataset(pairs), model_type=nncf.ModelType.TRANSFORMER, subset_size=3
        )
    partial = target.with_name(f"{target.stem}.partial.xml")
    openvino.save_model(graph, str(partial), compress_to_fp16=False)
    partial.with_suffix(".bin").rename(target.with_suffix(".bin"))
    partial.rename(target)


class Graph:
    """A session, and the embedding of the pair in front of it."""

    def __init__(self, model: Path, settings: dict[str, Any]) -> None:
        import f5lite
        from f5lite.model.acoustic import DiT

        # The embedding alone: the rest of the DiT is in the graph.
        pipeline = f5lite.load(model, residency="streamed")
        self.dit: DiT = pipeline.acoustic.__enter__()
        self.call = {"onnxruntime": onnx_session, "openvino": openvino_session}[settings["library"]](
            model, settings
        )

    def one_pass(self, inputs: Path) -> np.ndarray:
        import torch

        from benchmarks import inputs as given

        arrays = {name: torch.from_numpy(np.asarray(value)) for name, value in given.read(inputs).items()}
        with torch.inference_mode():
            x, cond = arrays["x"], arrays["cond"]
            pair = torch.cat(
                (
                    self.dit.embed(x, cond, arrays["text"]),
                    self.dit.embed(x, torch.zeros_like(cond), arrays["no_text"]),
                )
            )
        return self.call(pair.numpy(), np.repeat(arrays["time"].numpy().astype(np.float32)[None], 2))


def onnx_session(model: Path, settings: dict[str, Any]) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = settings["threads"]
    session = onnxruntime.InferenceSession(
        str(made(model, settings)), options, providers=["CPUExecutionProvider"]
    )
    return lambda pair, time: session.run(None, {"pair": pair, "time": time})[0]


def openvino_session(model: Path, settings: dict[str, Any]) -> Any:
    import openvino

    asked = {"INFERENCE_NUM_THREADS": settings["threads"], "PERFORMANCE_HINT": "LATENCY"} | settings.get(
        "properties", {}
    )
    compiled = openvino.Core().compile_model(str(made(model, settings)), "CPU", asked)
    request = compiled.create_infer_request()
    return lambda pair, time: request.infer({"pair": pair, "time": time})[compiled.output(0)]


def load(model: Path, settings: dict[str, Any]) -> Graph:
    return Graph(model, settings)
