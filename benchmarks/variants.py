"""Who takes part: f5lite in every way it can run, the original package, and other people's libraries.

A variant is plain data: which loader, with which settings, in which environment. What can't run here is still listed, with
the reason, so that it becomes a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.session import Failed
from f5lite.errors import F5liteError

FP32 = "f5lite fp32"
UPSTREAM = "upstream f5-tts 1.1.22, fp32"
ATTENTION = ("math", "sdpa-bf16", "chunked", "chunked-bf16", "amx-bf16", "vnni-int16", "auto")
STEPS, UPSTREAM_STEPS = 7, 32
OURS = "benchmarks.peers.ours"


@dataclass(frozen=True)
class Variant:
    """One way to do the work. requirements: None means this environment; otherwise one of its own with these packages.

    grid: measured at every length and thread count in the default run. unavailable: known beforehand not to run here.
    """

    name: str
    family: str
    loader: str
    settings: dict[str, Any] = field(default_factory=dict)
    work: str = "pass"
    steps: int | None = None
    requirements: tuple[str, ...] | None = None
    packages: tuple[str, ...] = ("torch",)
    grid: bool = False
    note: str = ""
    unavailable: str = ""


def all_of(blocks: int) -> list[Variant]:
    """Every variant on this machine, those that matter most first: a run that is stopped early then has them."""
    return [*sorted([*ours(), *peers(blocks)], key=urgency), *utterances(blocks)]


def urgency(variant: Variant) -> int:
    """0: what f5lite recommends, and upstream; 1: the peers; 2: f5lite's other ways."""
    if variant.grid or variant.family == "upstream" or variant.name.endswith(("onednn", "fused")):
        return 0
    return 1 if variant.family == "peer" else 2


def ours() -> list[Variant]:
    """f5lite's own passes."""
    from f5lite.shrink.attention import own

    best = best_engine()
    found = [
        Variant(FP32, "f5lite", OURS, grid=True),
        Variant("f5lite bf16", "f5lite", OURS, {"precision": "bf16"}),
    ]
    for name, problem in engines().items():
        settings = {"precision": "int8", "engine": name, "attention": "auto", "prime": name == "fused"}
        found.append(
            Variant(
                f"f5lite int8, {name}",
                "f5lite",
                OURS,
                settings,
                grid=name == best,
                unavailable=problem or "",
            )  # fmt: skip
        )
    for name in ATTENTION:
        refused = own.refusal(name, "cpu") if name in own.NAMES else None
        settings = {"attention": name}
        found.append(
            Variant(f"f5lite fp32, attention {name}", "f5lite", OURS, settings, unavailable=refused or "")
        )
    return found


def engines() -> dict[str, str | None]:
    """Every engine by name, and why it can't run here (None: it can)."""
    from f5lite.shrink.int8.engines import ENGINES

    found = {name: engine.problem() for name, engine in ENGINES.items()}
    return found | {"fused": fused_problem()}


def fused_problem() -> str | None:
    """`fused` compiles whole blocks, so it isn't in the list of engines. It needs a compiler, or what one left."""
    from f5lite.machine import card
    from f5lite.model.config import V1_BASE
    from f5lite.shrink.int8 import auto

    there = card().compiler is not None or auto.usable(V1_BASE.dit) is not None
    return None if there else "no C++ compiler on this machine"


def best_engine() -> str:
    """What `engine="auto"` takes on this machine for v1 Base, measured once (5 s)."""
    from f5lite.model.config import V1_BASE
    from f5lite.shrink.int8 import auto, engines

    try:
        return auto.calibrated(V1_BASE.dit).name
    except F5liteError:
        return engines.engine("auto").name


def peers(blocks: int) -> list[Variant]:
    """The original package and the libraries, each as its documentation says."""

    def library(name: str, label: str, requirements: Sequence[str], **more: Any) -> Variant:
        return Variant(label, "peer", "benchmarks.peers.libraries", {"library": name, **more}, requirements=tuple(requirements),
                       packages=("torch", *(one.split("==")[0] for one in requirements)))  # fmt: skip

    def graph(name: str, label: str, requirements: Sequence[str], **more: Any) -> Variant:
        return Variant(label, "peer", "benchmarks.peers.graphs", {"library": name, **more}, requirements=tuple(requirements),
                       packages=tuple(one.split("==")[0] for one in requirements))  # fmt: skip

    return [
        Variant(UPSTREAM, "upstream", "benchmarks.peers.upstream", {"blocks": blocks}, packages=("torch", "f5-tts")),
        library("torch.ao", "torch.ao dynamic int8, oneDNN engine", (), engine="onednn"),
        library("torch.ao", "torch.ao dynamic int8, x86 engine", (), engine="x86"),
        library("torchao", "torchao int8 dynamic", ("torchao==0.18.0",)),
        library("bitsandbytes", "bitsandbytes Linear8bitLt, fp32 inputs", ("bitsandbytes==0.50.2",)),
        library("bitsandbytes", "bitsandbytes Linear8bitLt, bf16 inputs", ("bitsandbytes==0.50.2",), bf16=True),
        library("quanto", "optimum-quanto int8 weights", ("optimum-quanto==0.2.7",)),
        graph("onnxruntime", "onnxruntime dynamic int8", ("onnxruntime==1.32.0", "onnx==1.23.2")),
        graph("openvino", "OpenVINO int8 weights", OPENVINO, mode="weights",
              properties={"DYNAMIC_QUANTIZATION_GROUP_SIZE": 64}),
        graph("openvino", "OpenVINO int8, calibrated", OPENVINO, mode="full"),
        Variant("vox-tts q8", "peer", "benchmarks.peers.vox", {"quant": "q8", "whole": True}, requirements=VOX,
                packages=("vox-tts",), note="a pass: (utterance of 3 steps - of 1 step) / 2; memory: the whole model"),
    ]  # fmt: skip


OPENVINO = ("openvino==2026.4.1", "nncf==3.4.0", "onnx==1.23.2")
VOX = ("vox-tts==0.19.5",)


def utterances(blocks: int) -> list[Variant]:
    """Whole utterances, text to wave, the upstream one first: the others' ratios are against it."""
    settings = {"precision": "int8", "engine": best_engine(), "attention": "auto", "prime": True}

    def ours_at(name: str, steps: int, more: dict[str, Any]) -> Variant:
        return Variant(f"{name}, {steps} steps", "f5lite", OURS, more, "utterance", steps)

    best = f"f5lite int8, {settings['engine']}"
    return [
        Variant(f"{UPSTREAM}, {UPSTREAM_STEPS} steps", "upstream", "benchmarks.peers.upstream",
                {"blocks": blocks, "whole": True}, "utterance", UPSTREAM_STEPS, packages=("torch", "f5-tts", "vocos")),
        ours_at(FP32, STEPS, {}),
        ours_at(f"{best}, on demand", STEPS, settings | {"residency": "on-demand"}),
        ours_at(f"{best}, streamed", STEPS, settings | {"residency": "streamed"}),
        Variant(f"vox-tts q8, {STEPS} steps", "peer", "benchmarks.peers.vox", {"quant": "q8"}, "utterance", STEPS, VOX,
                ("vox-tts",)),
    ]  # fmt: skip


def python_and_paths(variant: Variant) -> tuple[str, list[str]]:
    """The interpreter and extra search paths of a variant, its environment built if need be. Raises `Failed`."""
    from benchmarks import environments, session

    if variant.family == "upstream":
        return session.this_python(), [upstream_folder()]
    if variant.requirements is None:
        return session.this_python(), []
    name = variant.settings.get("library", variant.loader.rpartition(".")[2])
    try:
        return str(environments.build(name, variant.requirements)), []
    except environments.NotInstalled as problem:
        raise Failed(f"can't be installed: {problem}") from None


def makes_files(loader: str, settings: dict[str, Any]) -> bool:
    """Whether a variant converts, exports or compiles something before it is measured."""
    return settings.get("precision") == "int8" if loader == OURS else loader.endswith((".graphs", ".vox"))


def upstream_folder() -> str:
    """The folder of packages that the live comparison with upstream uses too."""
    import subprocess

    from tests.parity import environment

    if not environment.ready():
        try:
            environment.build()
        except (subprocess.CalledProcessError, OSError) as problem:
            raise Failed(f"can't be installed: {problem}") from None
    return str(environment.folder())


STATED = (  # what the article says of its own phone: (name, seconds, MB)
    ("the article's original model (stated)", 2.5, 1200),
    ("the article's last step (stated)", 0.8, 360),
)
