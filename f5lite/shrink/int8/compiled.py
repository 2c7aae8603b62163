"""The compiled seams: made once by this machine's C++ compiler, kept in the cache folder, loaded by whoever speaks.

A library is made for one processor, torch and version of the code, and says so: one from elsewhere (a container's image, a home
folder that several machines share) is refused. The folder is the user's own, and the file's SHA-256 is beside it. It knows
nothing of weights or shapes: those are given to it. It has a product of its own, and takes any other's sums.
"""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from f5lite import compiler, machine
from f5lite.errors import F5liteError
from f5lite.files import write_atomically
from f5lite.shrink.int8 import native, own, products
from f5lite.shrink.int8.products import Prepared, Product, Space
from f5lite.shrink.int8.seams import Run, Shape

log = logging.getLogger(__name__)

LIBRARY, SUMS, MADE_FOR = "seams.so", "SHA256SUMS", "made_for.json"
NO_COMPILER = (
    "engine 'fused' needs a C++ compiler once, and there is none here: without it the arithmetic between the products runs "
    "unfused (on processors with VNNI or AMX that costs a third to a half of the speed). "
    'Get one by python -m pip install "f5lite[compiler]", or from your system'
)
BY_NAME = {each.name: each for each in (products.TORCH, *products.RISKY.values())}


def identity() -> dict[str, Any]:
    """What a library is made for: all of it has to agree before it is loaded."""
    card = machine.card()
    code = native.code() + Path(native.__file__).read_bytes()
    return {
        "processor": card.processor,
        "arch": card.arch,
        "system": card.system,
        "instruction_sets": list(card.instruction_sets),
        "vectors": torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__,
        "code": hashlib.sha256(code).hexdigest(),
    }


def library() -> Path:
    """Where the library is, or would be."""
    return place() / LIBRARY


def place() -> Path:
    """The folder of the library for this machine; not made here."""
    text = json.dumps(identity(), sort_keys=True)
    return machine.cache_folder() / "fused" / hashlib.sha256(text.encode()).hexdigest()[:16]


def problem(shape: Shape) -> str | None:
    """Why there is nothing to use for a shape; None if the library is there, whole, and made for this machine."""
    return native.refusal(shape) or missing()


def missing() -> str | None:
    """Why there is no library to use; None if it is there, whole, and made for this machine."""
    folder = place()
    try:
        made_for = json.loads((folder / MADE_FOR).read_text(encoding="utf-8"))
        listed = [
            line.partition("  ")[::2] for line in (folder / SUMS).read_text(encoding="utf-8").splitlines()
        ]
    except (OSError, ValueError):
        return "it isn't compiled yet for this machine"
    wanted = identity()
    if different := [name for name in wanted if made_for.get(name) != wanted[name]]:
        return f"it was compiled for another {different[0].replace('_', ' ')}"
    if os.name == "posix" and (folder.stat().st_uid != os.getuid() or folder.stat().st_mode & 0o022):
        return f"others can write to {folder}"
    if [name for _, name in listed] != [LIBRARY]:
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
    """Five seams ready to run, for one product and shape."""

    product: Product
    run: dict[str, Run]
    inside: bool = False  # the seams do the product themselves

    def of(self, weight: torch.Tensor, space: Space, inside: bool = True) -> Prepared:
        """values b n in -> sums b n out, or what the seam behind takes in their place. inside: a seam is what is behind."""
        if self.inside and inside:
            return lambda values: self.product.inside(values, weight, space)
        sums = self.product.of(weight, space)
        return lambda values: sums(values.flatten(0, 1)).view(*values.shape[:2], -1)


@functools.cache
def load(shape: Shape, product: Product) -> Set:
    """The compiled seams for a shape and a product; F5liteError with the reason where there are none to use."""
    if why := problem(shape):
        raise F5liteError(f"the fused int8 code can't be used: {why}")
    run = native.Native(library(), product, shape).run()
    return Set(product, run, product.inside is not None and _suits(shape))


def own_product(shape: Shape) -> Product | None:
    """The library's own product, for a shape that it suits; None where there is none, or no library, or it isn't exact."""
    if problem(shape) or not _suits(shape):
        return None
    found = own.product(library())
    return found if found is not None and found.problem() is None else None


def named(name: str, shape: Shape) -> Product | None:
    """A product by its name, if there is one of that name here."""
    mine = own_product(shape)
    return mine if mine is not None and mine.name == name else BY_NAME.get(name)


def _suits(shape: Shape) -> bool:
    return own.suits(shape.dim, shape.heads * shape.dim_head, shape.wide)


def build(say: Callable[[str], None] = log.warning) -> Path:
    """Compile the library for this machine unless it is there. `say` gets a sentence at the start, and one at the end.

    Several processes may do so at once: the first to finish is taken. F5liteError without a compiler, or if it fails.
    """
    folder, found = place(), compiler.find()
    if missing() is None:
        return folder
    if found is None:
        raise F5liteError(NO_COMPILER)
    say(f"compiling the fused int8 code, once for this machine and torch {torch.__version__} (seconds) …")
    begin = time.perf_counter()
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=folder.parent))  # for this user only
    try:
        native.compile_seams(found, partial / LIBRARY)
        digest = hashlib.sha256((partial / LIBRARY).read_bytes()).hexdigest()
        write_atomically(partial / SUMS, f"{digest}  {LIBRARY}\n")
        write_atomically(partial / MADE_FOR, json.dumps(identity(), indent=1) + "\n")
        if folder.exists() and missing() is not None:
            shutil.rmtree(folder, ignore_errors=True)  # damaged
        try:
            os.rename(partial, folder)
        except OSError:  # another process was faster
            if why := missing():
                raise F5liteError(f"can't keep the compiled code in {folder}: {why}") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    load.cache_clear()
    own.product.cache_clear()
    say(f"compiled in {time.perf_counter() - begin:.1f} s; kept in {folder}")
    return folder
