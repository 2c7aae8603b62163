"""Seams compiled ahead of time: made once in processes of their own, kept in the cache folder, loaded without the compiler.

A set is made for one processor, torch, shape, product and version of the code, and says so: one from elsewhere (a
container's image, a home folder that several machines share) is refused. The folder is the user's own, and every file's
SHA-256 is beside it. Weights are inputs of the compiled code, so that they stay where they lie.
"""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from f5lite import machine
from f5lite.errors import F5liteError
from f5lite.files import write_atomically
from f5lite.shrink.int8 import products, quantise
from f5lite.shrink.int8 import seams as seams_module
from f5lite.shrink.int8.products import Product
from f5lite.shrink.int8.seams import SEAMS, Run, Shape

log = logging.getLogger(__name__)

MODEL, SUMS, MADE_FOR = "model", "SHA256SUMS", "made_for.json"
LONGEST = 900  # seconds that compiling may take; 40 are usual
NO_COMPILER = (
    "engine 'fused' needs a C++ compiler once, and there is none here: without it the arithmetic between the products runs "
    "unfused (on processors with VNNI or AMX that costs a third to a half of the speed). `f5lite check` says how to get one"
)
BY_NAME = {each.name: each for each in (products.TORCH, *products.RISKY.values())}


def identity(shape: Shape, product: Product) -> dict[str, Any]:
    """What a set is made for: all of it has to agree before it is loaded."""
    card = machine.card()
    code = b"".join(Path(each.__file__).read_bytes() for each in (seams_module, quantise))
    return {
        "processor": card.processor,
        "arch": card.arch,
        "system": card.system,
        "instruction_sets": list(card.instruction_sets),
        "vectors": torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__,
        "code": hashlib.sha256(code).hexdigest(),
        "shape": shape.key,
        "product": product.name,
    }


def place(shape: Shape, product: Product) -> Path:
    """The folder of the set for this machine; not made here."""
    text = json.dumps(identity(shape, product), sort_keys=True)
    return machine.cache_folder() / "fused" / hashlib.sha256(text.encode()).hexdigest()[:16]


def problem(shape: Shape, product: Product) -> str | None:
    """Why the set of this machine can't be used; None if it is there, whole, and made for this machine."""
    folder = place(shape, product)
    try:
        made_for = json.loads((folder / MADE_FOR).read_text(encoding="utf-8"))
        listed = [
            line.partition("  ")[::2] for line in (folder / SUMS).read_text(encoding="utf-8").splitlines()
        ]
    except (OSError, ValueError):
        return "it isn't compiled yet for this machine"
    wanted = identity(shape, product)
    if different := [name for name in wanted if made_for.get(name) != wanted[name]]:
        return f"it was compiled for another {different[0].replace('_', ' ')}"
    if os.name == "posix" and (folder.stat().st_uid != os.getuid() or folder.stat().st_mode & 0o022):
        return f"others can write to {folder}"
    if {name for _, name in listed} != {f"{name}.pt2" for name in SEAMS}:
        return "it isn't whole"
    for digest, name in listed:
        try:
            if hashlib.sha256((folder / name).read_bytes()).hexdigest() != digest:
                return f"{name} is damaged"
        except OSError:
            return f"{name} is missing"
    return None


@dataclass(frozen=True)
class Set:
    """Five seams ready to run, for one product."""

    product: Product
    run: dict[str, Run]


@functools.cache
def load(shape: Shape, product: Product) -> Set:
    """The compiled set; F5liteError with the reason where there is none to use. 10 ms a seam, no compiler imported."""
    if why := problem(shape, product):
        raise F5liteError(f"the fused int8 code can't be used: {why}")
    folder = place(shape, product)
    run = {}
    try:
        for name in SEAMS:
            loader = torch._C._aoti.AOTIModelPackageLoader(str(folder / f"{name}.pt2"), MODEL, False, 1, -1)
            run[name] = _runner(loader)
    except RuntimeError as error:
        # It is unpacked into the temporary folder, which may be full, or not for programs.
        raise F5liteError(f"the fused int8 code can't be loaded ({str(error).splitlines()[0]})") from error
    return Set(product, run)


def _runner(loader: Any) -> Run:
    return lambda *tensors: tuple(loader.boxed_run(list(tensors)))


def build(shape: Shape, product: Product, say: Callable[[str], None] = log.warning) -> Path:
    """Compile the set for this machine unless it is there. `say` gets a sentence at the start, and one at the end.

    Several processes may do so at once: the first to finish is taken. F5liteError without a compiler, or if it fails.
    """
    folder = place(shape, product)
    if problem(shape, product) is None:
        return folder
    if machine.card().compiler is None:
        raise F5liteError(NO_COMPILER)
    say(
        f"compiling the fused int8 code, once for this machine and torch {torch.__version__} (about a minute) …"
    )
    begin = time.perf_counter()
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=folder.parent))  # for this user only
    try:
        _compile(shape, product, partial)
        lines = [
            f"{hashlib.sha256((partial / f'{name}.pt2').read_bytes()).hexdigest()}  {name}.pt2"
            for name in SEAMS
        ]
        write_atomically(partial / SUMS, "\n".join(lines) + "\n")
        write_atomically(partial / MADE_FOR, json.dumps(identity(shape, product), indent=1) + "\n")
        if folder.exists() and problem(shape, product) is not None:
            shutil.rmtree(folder, ignore_errors=True)  # damaged
        try:
            os.rename(partial, folder)
        except OSError:  # another process was faster
            if why := problem(shape, product):
                raise F5liteError(f"can't keep the compiled code in {folder}: {why}") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    load.cache_clear()
    say(f"compiled in {time.perf_counter() - begin:.0f} s; kept in {folder}")
    return folder


def _compile(shape: Shape, product: Product, folder: Path) -> None:
    """One process a core, two at most; their caches and what they print go with the folder."""
    workers = min(2, machine.cores())
    names = list(SEAMS)
    running = []
    for number in range(workers):
        work = folder / f"work-{number}"
        work.mkdir()
        environment = {
            **os.environ,
            "TORCHINDUCTOR_CACHE_DIR": str(work),
            "TMPDIR": str(work),
            "TORCHINDUCTOR_COMPILE_THREADS": "1",  # no pool of further processes
            "OMP_NUM_THREADS": "1",
        }
        sizes = [str(each) for each in (shape.dim, shape.heads, shape.dim_head, shape.wide)]
        command = [sys.executable, "-m", "f5lite.shrink.int8.compiler", str(folder), product.name, *sizes]
        command += names[number::workers]
        output = open(work / "said.txt", "w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        running.append(
            (subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT,
                              stdin=subprocess.DEVNULL), output)
        )  # fmt: skip
    deadline = time.monotonic() + LONGEST
    failed = ""
    for child, output in running:
        try:
            child.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        output.seek(0)
        if child.returncode and not failed:
            last = [line for line in output.read().splitlines() if line.strip()][-1:]
            failed = last[0].strip() if last else f"exit code {child.returncode}"
        output.close()
    for number in range(workers):
        shutil.rmtree(folder / f"work-{number}", ignore_errors=True)
    if failed:
        raise F5liteError(
            f"compiling the fused int8 code failed ({failed[:300]}); use engine='auto', which does without it"
        )
