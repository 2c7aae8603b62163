"""Technique 3: attention backends, and a switch between them that measures before it chooses.

    from f5lite.shrink.attention import attention
    with attention("chunked"):
        pipeline.speak("the model speaks")

`math`, `sdpa`, `chunked` (both also "-bf16"), `amx-bf16`, `vnni-int16`, `flash_attn` and `auto`; see `switch`, `backends`,
`own`, `auto`, `predict`.
"""

from f5lite.shrink.attention.auto import Auto, Choice, calibrated
from f5lite.shrink.attention.backends import Chunked, Math, Sdpa
from f5lite.shrink.attention.flash import Flash, refusal
from f5lite.shrink.attention.switch import NAMES, Backend, Switch, attention, backend, install, use

__all__ = [
    "NAMES",
    "Auto",
    "Backend",
    "Choice",
    "Chunked",
    "Flash",
    "Math",
    "Sdpa",
    "Switch",
    "attention",
    "backend",
    "calibrated",
    "install",
    "refusal",
    "use",
]
