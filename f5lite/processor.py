"""What the processor is and can do, without asking torch.

Linux says it in /proc/cpuinfo, macOS through sysctl, Windows through one system call. Where a system doesn't
say, the answer is empty: unknown, not absent.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

# Our names, in the order in which they are shown → the kernel's flags that all have to be there.
X86 = {
    "AVX2": ("avx2",),
    "FMA": ("fma",),
    "AVX512": ("avx512f", "avx512bw", "avx512vl"),
    "AVX_VNNI": ("avx_vnni",),
    "AVX512_VNNI": ("avx512_vnni",),
    "AVX512_BF16": ("avx512_bf16",),
    "AVX512_FP16": ("avx512_fp16",),
    "AMX_INT8": ("amx_tile", "amx_int8"),
    "AMX_BF16": ("amx_tile", "amx_bf16"),
}
ARM = {
    "NEON": ("asimd",),
    "DOTPROD": ("asimddp",),
    "I8MM": ("i8mm",),
    "BF16": ("bf16",),
    "SVE": ("sve",),
    "SVE2": ("sve2",),
    "SME": ("sme",),
}
MACOS = {
    "AVX2": "hw.optional.avx2_0",
    "FMA": "hw.optional.fma",
    "AVX512": "hw.optional.avx512f",
    "NEON": "hw.optional.arm.AdvSIMD",
    "DOTPROD": "hw.optional.arm.FEAT_DotProd",
    "I8MM": "hw.optional.arm.FEAT_I8MM",
    "BF16": "hw.optional.arm.FEAT_BF16",
    "SME": "hw.optional.arm.FEAT_SME",
}
# Numbers of IsProcessorFeaturePresent, from Microsoft's winnt.h.
WINDOWS = {"AVX2": 40, "AVX512": 41, "NEON": 19, "DOTPROD": 43}

# Instructions that multiply int8 numbers and sum them up in int32, several at once.
INT8_SETS = ("AVX_VNNI", "AVX512_VNNI", "AMX_INT8", "DOTPROD", "I8MM")
BF16_SETS = ("AVX512_BF16", "AMX_BF16", "BF16")


def from_cpuinfo(text: str) -> tuple[str, tuple[str, ...]]:
    """The processor's name and its instruction sets, from the text of /proc/cpuinfo."""
    fields: dict[str, str] = {}
    for line in text.splitlines():
        key, colon, value = line.partition(":")
        if colon:
            fields.setdefault(key.strip().lower(), value.strip())
    flags = set((fields.get("flags") or fields.get("features") or "").split())
    if "flags" in fields:
        table = X86
    else:
        table = ARM
    found = tuple(name for name, needed in table.items() if flags.issuperset(needed))
    name = fields.get("model name") or fields.get("hardware") or ""
    if not name and "cpu part" in fields:
        implementer, part = fields.get("cpu implementer", "?"), fields["cpu part"]
        name = f"ARM implementer {implementer} part {part}"
    return " ".join(name.split()), found


def from_sysctl(ask) -> tuple[str, tuple[str, ...]]:
    """The same on macOS; `ask(key)` gives sysctl's answer as text, or "" if there is none."""
    found = tuple(name for name, key in MACOS.items() if ask(key) == "1")
    return ask("machdep.cpu.brand_string"), found


@lru_cache(maxsize=1)
def processor() -> tuple[str, tuple[str, ...]]:
    """(name, instruction sets) of the machine that this runs on."""
    name, sets = "", ()
    if sys.platform == "darwin":
        name, sets = from_sysctl(_sysctl)
    elif sys.platform == "win32":
        name, sets = os.environ.get("PROCESSOR_IDENTIFIER", ""), _windows()
    else:
        try:
            name, sets = from_cpuinfo(Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace"))
        except OSError:
            pass
    return name or platform.processor() or platform.machine() or "unknown processor", sets


def gpu(ask_torch: bool = False) -> str | None:
    """The graphics card's name, or None. Asks the driver; torch only if told to: importing it is slow."""
    if ask_torch:
        import torch

        if torch.cuda.is_available():
            return torch.cuda.get_device_name(0)
        if torch.backends.mps.is_available():
            return "Apple GPU (mps)"
        return None
    if sys.platform == "darwin":
        return "Apple GPU (mps)" if platform.machine() == "arm64" else None
    smi = shutil.which("nvidia-smi")
    said = output([smi, "--query-gpu=name", "--format=csv,noheader"]) if smi else None
    return said.splitlines()[0].strip() if said and said.strip() else None


def _sysctl(key: str) -> str:
    return (output(["sysctl", "-n", key]) or "").strip()


def _windows() -> tuple[str, ...]:
    import ctypes

    present = ctypes.windll.kernel32.IsProcessorFeaturePresent  # type: ignore[attr-defined]
    return tuple(name for name, number in WINDOWS.items() if present(number))


def output(command: list[str]) -> str | None:
    """What a short command prints, or None if it isn't there, fails or hangs."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=5, stdin=subprocess.DEVNULL, errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
