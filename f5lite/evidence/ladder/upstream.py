"""Upstream's package (f5-tts 1.1.22) on the ladder: finding it, or installing it into the cache, and its own classes.

It is no environment with a torch of its own but a folder of small packages (8 MB) beside ours, so both run the same torch.
What inference never uses, and what doesn't import beside a CPU-only torch (torchaudio), has stand-ins; with
`--upstream PYTHON` that interpreter's own packages are used, all of them.
"""

from __future__ import annotations

import hashlib
import importlib.machinery
import importlib.util
import os
import shutil
import subprocess
import sys
import types
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

REQUIREMENTS = (
    "f5-tts==1.1.22",
    "vocos==0.1.0",
    "x-transformers==2.31.10",
    "torch-einops-utils==0.2.0",
    "einops==0.8.2",
    "einx==0.4.3",
    "frozendict==2.5.1",
    "loguru==0.7.3",
    "torchdiffeq==0.2.5",
    "pydub==0.25.1",
)
PATIENCE = 180.0  # seconds for pip


def usual_folder() -> Path:
    """Where `build` puts it: in the cache, by its requirements and the Python that they are for."""
    from f5lite import machine

    content = "\n".join((*REQUIREMENTS, sys.version.split()[0], sys.platform))
    return machine.cache_folder() / f"upstream-{hashlib.sha256(content.encode()).hexdigest()[:12]}"


def find() -> Path | None:
    """The folder with upstream's package: F5LITE_UPSTREAM_ENV, a checkout's own, or the cache's. None: not there."""
    checkout = Path(__file__).resolve().parents[3] / ".upstream-env"
    named = os.environ.get("F5LITE_UPSTREAM_ENV")
    places = [Path(named)] if named else [checkout, usual_folder()]
    return next((place.resolve() for place in places if (place / "f5_tts" / "model").is_dir()), None)


def build(patience: float = PATIENCE) -> Path | str:
    """Install it with pip, whole or not at all. Returns the folder, or the reason why it isn't there."""
    target = usual_folder()
    partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    pip += ["--no-input", "--retries", "1", "--timeout", "15", "--target", str(partial), *REQUIREMENTS]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(pip, capture_output=True, text=True, timeout=patience)
        if done.returncode:
            said = [line for line in done.stderr.splitlines() if line.strip()] or ["no word from pip"]
            return (
                f"pip could not install {REQUIREMENTS[0]}: {said[-1].removeprefix('ERROR: ').strip()[:160]}"
            )
        shutil.rmtree(target, ignore_errors=True)
        partial.rename(target)
    except subprocess.TimeoutExpired:
        return f"pip could not install {REQUIREMENTS[0]} within {patience:.0f} s"
    except OSError as problem:
        return f"pip could not install {REQUIREMENTS[0]}: {problem.strerror or problem}"
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target


def _stand_in(name: str, **attributes: Any) -> None:
    module = types.ModuleType(name)
    module.__spec__ = importlib.machinery.ModuleSpec(name, None, is_package=True)
    module.__path__ = []  # type: ignore[attr-defined]
    for key, value in attributes.items():
        setattr(module, key, value)
    sys.modules[name] = module
    parent, _, child = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], child, module)


def _refuse(*args: Any, **kwargs: Any) -> Any:
    raise NotImplementedError("this part of upstream has no stand-in here")


def _stand_ins() -> None:
    """For what a request never uses, installed or not. The mel analysis is the only one that is called."""
    import torch
    from torch import nn

    from f5lite.model.config import MelConfig
    from f5lite.model.mel import log_mel

    class MelSpectrogram(nn.Module):
        """As torchaudio's, in the one setting that F5-TTS uses: (…, samples) -> (…, mels, frames)."""

        def __init__(self, n_mels: int = 100, **settings: Any) -> None:
            super().__init__()
            self.config = MelConfig(n_mels=n_mels)

        def forward(self, wave: torch.Tensor) -> torch.Tensor:
            return log_mel(wave, self.config).transpose(-1, -2).exp()

    for name, attributes in {
        "torchaudio": {"load": _refuse},
        "torchaudio.transforms": {"MelSpectrogram": MelSpectrogram, "Resample": _refuse},
        "torchaudio.functional": {"resample": _refuse},
        "torchaudio.functional.functional": {"_hz_to_mel": _refuse, "_mel_to_hz": _refuse},
        "encodec": {"EncodecModel": _refuse},
        "librosa": {},
        "librosa.filters": {"mel": _refuse},
        "scipy": {},
        "scipy.integrate": {"solve_ivp": _refuse},
        "matplotlib": {"use": lambda *_: None},
        "matplotlib.pylab": {},
        "transformers": {"pipeline": _refuse},
    }.items():
        _stand_in(name, **attributes)


def classes(stand_ins: bool = True) -> SimpleNamespace:
    """Upstream's classes and functions, in a process of its own that has the package on its path."""
    if stand_ins:
        _stand_ins()
    import f5_tts

    assert f5_tts.__path__
    # `f5_tts.model` imports its trainer at once; a stand-in put first keeps wandb, datasets and accelerate out.
    trainer = types.ModuleType("f5_tts.model.trainer")
    trainer.Trainer = object  # type: ignore[attr-defined]
    sys.modules["f5_tts.model.trainer"] = trainer
    from f5_tts.infer import utils_infer
    from f5_tts.model import CFM, DiT
    from vocos.heads import ISTFTHead
    from vocos.models import VocosBackbone
    from vocos.pretrained import Vocos

    return SimpleNamespace(
        CFM=CFM, DiT=DiT, infer=utils_infer, Vocos=Vocos, Backbone=VocosBackbone, Head=ISTFTHead
    )


def load(package: SimpleNamespace, files: Any) -> tuple[Any, Any]:
    """(F5-TTS, Vocos), loaded as upstream's command line loads them: both at once, and kept."""
    import torch
    from safetensors.torch import load_file

    # A published file also holds the 32 rotary frequencies, which are the same in every model; ours doesn't.
    strictly = package.CFM.load_state_dict
    package.CFM.load_state_dict = lambda self, weights: strictly(self, weights, strict=False)
    shape = asdict(files.config.dit)
    for set_by_loader in ("text_num_embeds", "mel_dim"):
        del shape[set_by_loader]
    vocabulary = files.weights.with_name("vocab.txt")
    f5 = package.infer.load_model(
        package.DiT, shape, str(files.weights), vocab_file=str(vocabulary), device="cpu"
    ).eval()
    vocos = files.config.vocos
    backbone = package.Backbone(files.config.mel.n_mels, vocos.dim, vocos.intermediate_dim, vocos.num_layers)
    head = package.Head(vocos.dim, files.config.mel.n_fft, files.config.mel.hop_length, padding="center")
    vocoder = package.Vocos(torch.nn.Identity(), backbone, head)
    if files.vocoder is not None:
        weights = {name: value.float() for name, value in load_file(files.vocoder).items()}
        vocoder.load_state_dict(weights, strict=False)
    return f5, vocoder.eval()
