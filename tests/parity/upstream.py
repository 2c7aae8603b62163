"""Upstream's package (f5-tts 1.1.22, vocos 0.1.0) behind stand-ins for what it imports and inference never uses.

torchaudio's wheel does not import beside a CPU-only torch. Upstream needs three things of it: `MelSpectrogram` (here on
torch.stft), `Resample` and `load` (refused: the tests stay at 24 kHz). The training side (wandb, datasets, accelerate)
is left out the same way. Runs in a process of its own, with the packages of `environment.py` on its path.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
import types
from types import SimpleNamespace
from typing import Any


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


def _missing(name: str, parts: dict[str, dict[str, Any]]) -> None:
    """A stand-in for a package that isn't installed."""
    if importlib.util.find_spec(name) is None:
        _stand_in(name)
        for part, attributes in parts.items():
            _stand_in(f"{name}.{part}", **attributes)


def _refuse(*args: Any, **kwargs: Any) -> Any:
    raise NotImplementedError("this part of upstream has no stand-in here")


def _torchaudio() -> None:
    import torch
    from torch import nn

    class MelSpectrogram(nn.Module):
        """As torchaudio's with an HTK scale: (…, samples) -> (…, mels, frames)."""

        def __init__(
            self, sample_rate: int, n_fft: int, hop_length: int, n_mels: int, power: float, center: bool = True,
            win_length: int | None = None, normalized: bool = False, norm: str | None = None,
        ) -> None:  # fmt: skip
            super().__init__()
            assert power == 1 and center and not normalized and norm is None
            from tests.golden import mel_reference

            assert (sample_rate, n_fft, hop_length) == (24000, 1024, 256)
            self.bank = torch.from_numpy(mel_reference.filter_bank(n_mels)).float()
            self.n_fft, self.hop_length, self.win_length = n_fft, hop_length, win_length or n_fft
            self.register_buffer("window", torch.hann_window(self.win_length), persistent=False)

        def forward(self, wave: torch.Tensor) -> torch.Tensor:
            spectrum = torch.stft(
                wave,
                self.n_fft,
                self.hop_length,
                self.win_length,
                self.window,
                center=True,
                return_complex=True,
            )
            return self.bank @ spectrum.abs()

    _stand_in("torchaudio", load=_refuse)
    _stand_in("torchaudio.transforms", MelSpectrogram=MelSpectrogram, Resample=_refuse)
    _stand_in("torchaudio.functional", resample=_refuse)
    _stand_in("torchaudio.functional.functional", _hz_to_mel=_refuse, _mel_to_hz=_refuse)


def load(inference: bool = False) -> SimpleNamespace:
    """Upstream's classes and functions. `inference` adds those of `infer/utils_infer.py`, which need pydub besides."""
    _torchaudio()
    _stand_in("encodec", EncodecModel=_refuse)
    _missing("librosa", {"filters": dict(mel=_refuse)})  # for BigVGAN's mels only
    _missing(
        "scipy", {"integrate": dict(solve_ivp=_refuse)}
    )  # for solvers and transforms that F5-TTS doesn't use
    import f5_tts

    assert f5_tts.__path__
    # `f5_tts.model` imports its trainer at once; putting a stand-in first keeps wandb, datasets and accelerate out.
    sys.modules["f5_tts.model.trainer"] = types.ModuleType("f5_tts.model.trainer")
    sys.modules["f5_tts.model.trainer"].Trainer = object  # type: ignore[attr-defined]
    from f5_tts.model import CFM, DiT
    from f5_tts.model import utils as text
    from vocos.heads import ISTFTHead
    from vocos.models import VocosBackbone
    from vocos.pretrained import Vocos

    found = SimpleNamespace(
        CFM=CFM, DiT=DiT, text=text, Vocos=Vocos, VocosBackbone=VocosBackbone, ISTFTHead=ISTFTHead, infer=None
    )
    if inference:
        _stand_in("matplotlib", use=lambda backend: None)
        _stand_in("matplotlib.pylab")
        _stand_in(
            "transformers", pipeline=_refuse
        )  # the speech recogniser that transcribes references without a text
        from f5_tts.infer import utils_infer

        found.infer = utils_infer
    return found
