"""Is this machine ready? One finding each for Python, packages, memory, processor, compiler, cards, weights.

A finding that stops f5lite is "fail", one that costs something is "note", and both say which command mends them.
Works when packages are missing: that is when it is needed. Lesson 00 draws the same findings as a picture.
"""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
import sys
import sysconfig
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from f5lite import machine, requirements

VOICES = Path(__file__).parent / "voices"
GIB = 1 << 30

# Extras that more than developers want: what is lost without them.
EXTRAS = {
    "notebooks": "the lessons need it",
    "quality": "counting misheard words needs it",
    "peers": "lessons 05 and 06 compare with it",
}


@dataclass(frozen=True)
class Finding:
    """One line of the check. `status` is "ok", "note" or "fail"; `mend` is a command or a hint, "" if none."""

    name: str
    status: str
    found: str
    mend: str = ""

    def __str__(self) -> str:
        return f"{self.status:4}  {self.name:22} {self.found}" + (f"  → {self.mend}" if self.mend else "")

    def to_dict(self) -> dict[str, str]:
        """Plain values, ready for JSON."""
        return asdict(self)


def check() -> list[Finding]:
    """All findings about this machine, in the order in which they are shown. Takes well under a second."""
    card = machine.card()
    return [
        python(platform.python_version(), requirements.requires_python()),
        torch_wheel(platform.system(), platform.machine(), sys.version_info[:2], musl=_musl()),
        *packages(requirements.all_of_them(), requirements.installed),
        memory(card.memory_limit_bytes, card.memory_limit_source),
        cores(card.cores),
        int8(card.instruction_sets, card.int8_instructions),
        compiler(card.compiler),
        engine(machine.cache_folder() / "calibrations" / card.fingerprint),
        gpu(card.gpu, requirements.installed("flash-attn")),
        *weights(VOICES),
    ]


def ready(findings: Iterable[Finding]) -> bool:
    """True if nothing stops f5lite from running here."""
    return all(finding.status != "fail" for finding in findings)


def python(version: str, needed: str) -> Finding:
    """Python against `Requires-Python`."""
    specifiers, _ = requirements.packaging()
    if specifiers is None or specifiers.SpecifierSet(needed).contains(version, prereleases=True):
        return Finding("Python", "ok", f"{version} (needs {needed})")
    return Finding(
        "Python",
        "fail",
        f"{version} (needs {needed})",
        "install a newer Python, then make the environment anew",
    )


def torch_wheel(system: str, arch: str, version: tuple[int, int], musl: bool = False) -> Finding:
    """Whether PyTorch publishes a wheel for this platform; on some, pip finds an old one or none at all."""
    arch = {"amd64": "x86_64", "arm64": "aarch64"}.get(arch.lower(), arch.lower())
    where = f"{system} {arch}, Python {version[0]}.{version[1]}"
    elsewhere = "use the Binder link, or a machine with Linux, Windows or Apple silicon"
    if system == "Darwin" and arch == "x86_64":
        return Finding("platform", "fail", f"{where}: torch ended Intel Macs with 2.2", elsewhere)
    if arch not in ("x86_64", "aarch64") or sys.maxsize < 2**32:
        return Finding("platform", "fail", f"{where}: torch has no wheel for it", elsewhere)
    if system == "Windows" and arch == "aarch64":
        return Finding("platform", "fail", f"{where}: PyPI has no torch for Windows on ARM", elsewhere)
    if musl:
        return Finding(
            "platform", "fail", f"{where} with musl: torch needs glibc", "use a Debian or Fedora image"
        )
    if version > (3, 14):
        return Finding(
            "platform", "note", f"{where}: newer than the torch wheels we know", "use Python 3.10–3.13"
        )
    return Finding("platform", "ok", where)


def packages(texts: Iterable[str], version_of: Callable[[str], str | None]) -> list[Finding]:
    """A finding for each requirement (PEP 508 text) that applies here; extras only as far as EXTRAS lists them.

    A missing extra is a note, a wrong version of anything is a fail: it would break in the middle of something.
    """
    _, parse = requirements.packaging()
    if parse is None:
        return [Finding("packages", "fail", "can't be compared", "python -m pip install packaging")]
    findings = []
    for text in texts:
        requirement = parse(text)
        extra = requirements.extra_of(text)
        if extra is not None and extra not in EXTRAS:
            continue
        if requirement.marker and not requirement.marker.evaluate({"extra": extra or ""}):
            continue
        needed = str(requirement.specifier) or "any version"
        version = version_of(requirement.name)
        mend = f'python -m pip install "{requirement.name}{requirement.specifier}"'
        if version is None:
            status = "note" if extra else "fail"
            reason = f"missing (needs {needed})" + (f"; {EXTRAS[extra]}" if extra else "")
            findings.append(Finding(requirement.name, status, reason, mend))
        elif requirement.specifier.contains(version, prereleases=True):
            findings.append(Finding(requirement.name, "ok", f"{version} (needs {needed})"))
        else:
            findings.append(Finding(requirement.name, "fail", f"{version} (needs {needed})", mend))
    return findings


def memory(limit: int, source: str) -> Finding:
    """The memory that a run may use, as a container sees it."""
    found = f"{limit / 1e9:.1f} GB ({source})"
    if limit < 0.9 * GIB:
        return Finding(
            "memory", "fail", f"{found}: torch alone may not fit", "give this container 2 GiB or more"
        )
    if limit < 2 * GIB:
        return Finding("memory", "note", f"{found}: the lessons are made for 2 GiB", "give it 2 GiB or more")
    if limit < 3 * GIB:
        return Finding("memory", "ok", f"{found}: lessons take fewer blocks, and say so")
    return Finding("memory", "ok", found)


def cores(count: int) -> Finding:
    """Cores that this process may use."""
    if count < 2:
        return Finding("cores", "ok", "1: lessons take fewer blocks, and say so")
    return Finding("cores", "ok", str(count))


def int8(sets: tuple[str, ...], fast: tuple[str, ...]) -> Finding:
    """Which instructions multiply int8 numbers: whether int8 can save time here, or only memory."""
    if fast:
        return Finding("int8 instructions", "ok", ", ".join(fast))
    if sets:
        found = f"none of its own ({', '.join(sets)}): lesson 06 measures what int8 saves here"
        return Finding("int8 instructions", "ok", found)
    return Finding(
        "int8 instructions", "note", "unknown: this system doesn't say", "the lessons find out by measuring"
    )


def engine(calibrations: Path) -> Finding:
    """Which int8 engine `auto` takes for a model of v1 Base's width, from the newest measurement kept here."""
    kept = sorted(calibrations.glob("int8-engines-1024x*.json"), key=lambda path: path.stat().st_mtime)
    try:
        table = json.loads(kept[-1].read_text(encoding="utf-8"))["result"]
        took = f"{1e3 * table['seconds'][table['chosen']]:.0f} ms a block"
        others = ", ".join(
            f"{name} {1e3 * seconds:.0f}"
            for name, seconds in table["seconds"].items()
            if name != table["chosen"]
        )
        found = f"{table['chosen']}: {took}" + (f" ({others})" if others else "")
        return Finding(
            "int8 engine", "ok", found, "" if "fused" in table["errors"] else "f5lite engines --compile"
        )
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return Finding(
            "int8 engine", "ok", "not measured yet; the first large int8 model does it", "f5lite engines"
        )


def compiler(found: str | None) -> Finding:
    """The C++ compiler, which the fused int8 path needs."""
    if found:
        return Finding("C++ compiler", "ok", found)
    mend = 'python -m pip install "f5lite[compiler]"   (100 MB; or g++ or clang++ from your system)'
    return Finding("C++ compiler", "note", "none: int8 runs, but unfused and slower", mend)


def gpu(name: str | None, flash: str | None) -> Finding:
    """The graphics card and flash-attn. Nothing here needs either."""
    if name is None:
        return Finding("GPU", "ok", "not needed, none found")
    if flash:
        return Finding("GPU", "ok", f"{name}, flash-attn {flash}")
    if "mps" in name:
        return Finding("GPU", "ok", f"{name}; flash-attn is for NVIDIA cards only")
    return Finding("GPU", "ok", f"{name}; flash-attn missing", 'python -m pip install "f5lite[gpu]"')


def weights(folder: Path) -> list[Finding]:
    """Every SHA256SUMS under `folder` (as the command sha256sum writes them) against the files beside it."""
    again = (
        "python -m pip install --force-reinstall --no-deps f5lite   (in a clone: git checkout f5lite/voices)"
    )
    sums = sorted(folder.rglob("SHA256SUMS"))
    if not sums:
        return [Finding("bundled voice", "fail", f"no checksums under {folder}", again)]
    wrong, count = [], 0
    for file in sums:
        for line in file.read_text(encoding="utf-8").splitlines():
            digest, _, name = line.strip().partition(" ")
            name = name.lstrip(" *")
            if not name:
                continue
            count += 1
            path = file.parent / name
            if not path.is_file():
                wrong.append(f"{path.relative_to(folder)} is missing")
            elif _sha256(path) != digest:
                wrong.append(f"{path.relative_to(folder)} is damaged")
    if wrong:
        return [Finding("bundled voice", "fail", "; ".join(wrong), again)]
    return [Finding("bundled voice", "ok", f"{count} files, checksums agree")]


def _musl() -> bool:
    return "musl" in (sysconfig.get_config_var("HOST_GNU_TYPE") or "") or bool(
        sys.platform == "linux" and not platform.libc_ver()[0] and shutil.which("apk")
    )


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as handle:
        while block := handle.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
