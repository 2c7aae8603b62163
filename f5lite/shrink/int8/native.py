"""The library of `cpp`: how it is compiled, and its seams as functions of tensors. Same inputs and outputs as `seams`, same
numbers; in place of sums they take a product to do (`own.Pending`) too.

A compiler is called once (two seconds); what it makes is a library that any Python can load, of plain C functions.
"""

from __future__ import annotations

import ctypes
import os
import platform
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from f5lite.compiler import Compiler
from f5lite.errors import F5liteError
from f5lite.shrink.int8.own import Pending
from f5lite.shrink.int8.products import Product
from f5lite.shrink.int8.seams import Run, Shape

SOURCES = Path(__file__).with_name("cpp")
SOURCE = SOURCES / "library.cpp"
WIDTHS = 16  # every width is a multiple of it
LONGEST = 300.0  # seconds that compiling may take; 2 are usual
FLAGS = (
    "-O3",
    "-std=c++17",
    "-fPIC",
    "-fno-exceptions",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-ffp-contract=fast",
)
# The arguments of each seam: p a pointer, n a 64-bit count, i a 32-bit number. The last is the number of threads.
ARGUMENTS = {
    "opened": "ppp nn iii pp i",
    "turned": "ppppp pp nn iii ppp i",
    "mixed": "p i nnn i nnn ii pp i",
    "widened": "ppppp n iii pp i",
    "closed": "ppppp ppp nn i p i",
}
KINDS = {"p": ctypes.c_void_p, "n": ctypes.c_int64, "i": ctypes.c_int32}
Sums = torch.Tensor | Pending
WITHOUT_SUMS = ("opened", "mixed")


def refusal(shape: Shape) -> str | None:
    """Why the seams can't be those of a shape, None if they can."""
    sizes = (shape.dim, shape.dim_head, shape.wide)
    if all(size % WIDTHS == 0 for size in sizes):
        return None
    return f"its widths {sizes} aren't all multiples of {WIDTHS}"


def vectors() -> list[str]:
    """The compiler's words for the vectors that torch itself uses here: no wider ones, so that a level can be played."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return ["-mcpu=native"] if platform.machine().lower() in ("aarch64", "arm64") else []
    level = torch.backends.cpu.get_cpu_capability()
    return {"AVX512": ["-march=native"], "AVX2": ["-march=haswell"]}.get(level, [])


def openmp() -> list[tuple[list[str], list[str]]]:
    """What to try for several threads, in this order: words for the compiler, and for the linker (see cpp/team.h).

    torch's own OpenMP library before any other: two of them in a process wait for each other's threads.
    """
    beside = Path(torch.__file__).with_name("lib")
    own = [str(path) for name in ("libgomp*", "libomp.*", "libiomp5.*") for path in sorted(beside.glob(name))]
    return [(["-DWITH_THREADS"], libraries) for libraries in (own[:1], ["-fopenmp"]) if libraries] + [
        ([], [])
    ]


def code() -> bytes:
    """All that the library is made of."""
    return b"".join(path.read_bytes() for path in sorted(SOURCES.iterdir()) if path.suffix in (".h", ".cpp"))


def compile_seams(compiler: Compiler, target: Path) -> None:
    """Compile the library `target`. F5liteError with the compiler's last words if it can't."""
    last = "it said nothing"
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        part = Path(scratch) / "library.o"
        env = {**os.environ, **dict.fromkeys(compiler.caches, scratch)}
        for wide in dict.fromkeys((tuple(vectors()), ())):
            for words, libraries in openmp():
                steps = (
                    [*compiler.compile, *FLAGS, *wide, *words, "-c", str(SOURCE), "-o", str(part)],
                    [*compiler.link, "-shared", str(part), "-o", str(target), *libraries],
                )
                failed = next(filter(None, (_run(step, env) for step in steps)), None)
                if failed is None:
                    return
                last = failed
    raise F5liteError(
        f"compiling the fused int8 code failed ({last[:300]}); use engine='auto', which does without it"
    )


def _run(command: Sequence[str], env: Mapping[str, str]) -> str | None:
    """None, or what went wrong."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=LONGEST,
            stdin=subprocess.DEVNULL,
            env=env,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{type(error).__name__}: {error}"
    if not done.returncode:
        return None
    lines = [line for line in done.stderr.splitlines() if "error" in line] or done.stderr.splitlines()
    return lines[0].strip() if lines else f"exit code {done.returncode}"


class Native:
    """The five seams from a compiled library, for one product."""

    def __init__(self, library: Path, product: Product, shape: Shape):
        try:
            loaded = ctypes.CDLL(str(library))
            self._call = {}
            for name, kinds in ARGUMENTS.items():
                for sums in ("",) if name in WITHOUT_SUMS else ("int32", "float32", "work"):
                    call = getattr(loaded, f"{name}_{sums}")
                    call.argtypes = [KINDS[kind] for kind in kinds.replace(" ", "")]
                    call.restype = None
                    self._call[f"{name}_{sums}"] = call
        except (OSError, AttributeError) as error:
            raise F5liteError(f"the fused int8 code can't be loaded ({error})") from error
        self.product, self.shape = product, shape

    def run(self) -> dict[str, Run]:
        return {name: getattr(self, name) for name in ARGUMENTS}

    def opened(self, x: torch.Tensor, shift: torch.Tensor, scale: torch.Tensor) -> tuple[torch.Tensor, ...]:
        x, shift, scale = (part.contiguous() for part in (x, shift, scale))
        values, token = self._made(x.shape)
        ends = (*x.shape[:2], x.shape[2], self.product.largest, self.product.zero)
        self._run("opened_", x, shift, scale, *ends, values, token)
        return values, token

    def turned(
        self, sums: Sums, *given: torch.Tensor, dtype: torch.dtype = torch.float32
    ) -> tuple[torch.Tensor, ...]:
        """q, k and v lie by heads, b heads n dim_head, and are seen as b n heads dim_head."""
        items, frames = sums.shape[:2]
        heads, size = self.shape.heads, self.shape.dim_head
        made = [torch.empty(items, heads, frames, size, dtype=dtype) for _ in range(3)]
        self._behind("turned", sums, given, items, frames, heads, size, _half(dtype), *made)
        return tuple(part.transpose(1, 2) for part in made)

    def mixed(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        x = x if x.stride(3) == 1 else x.contiguous()
        items, frames, heads, size = x.shape
        values, token = self._made((items, frames, heads * size))
        by = (x.stride(0), x.stride(2), x.stride(1))
        ends = (self.product.largest, self.product.zero)
        self._run("mixed_", x, _half(x.dtype), items, heads, frames, size, *by, *ends, values, token)
        return values, token

    def widened(self, sums: Sums, *given: torch.Tensor) -> tuple[torch.Tensor, ...]:
        items, frames, wide = sums.shape
        values, token = self._made(sums.shape)
        ends = (items * frames, wide, self.product.largest, self.product.zero)
        self._behind("widened", sums, given, *ends, values, token)
        return values, token

    def closed(self, sums: Sums, *given: torch.Tensor) -> tuple[torch.Tensor, ...]:
        given, out = given[:7], given[7] if len(given) > 7 else torch.empty(sums.shape)
        if not out.is_contiguous() or out.dtype != torch.float32:
            raise ValueError("what a seam writes to has to be float32, without gaps")
        self._behind("closed", sums, given, *sums.shape, out)
        return (out,)

    def _made(self, sizes: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.empty(tuple(sizes), dtype=self.product.dtype), torch.empty(*sizes[:2], 2)

    def _behind(
        self, name: str, sums: Sums, given: Sequence[torch.Tensor], *rest: torch.Tensor | int
    ) -> None:
        """A seam behind a product: of its sums, or with it inside."""
        given = [part.contiguous() for part in given]
        if isinstance(sums, Pending):
            # Heads are turned whole; what is added to x is done number by number.
            whole = {"turned": self.shape.dim_head, "closed": 1}.get(name, 0)
            work = sums.work(torch.get_num_threads(), whole)
            self._run(f"{name}_work", ctypes.addressof(work), *given, *rest)
        else:
            self._run(f"{name}_{str(sums.dtype).removeprefix('torch.')}", sums.contiguous(), *given, *rest)

    def _run(self, name: str, *given: torch.Tensor | int) -> None:
        plain = (each.data_ptr() if isinstance(each, torch.Tensor) else each for each in given)
        self._call[name](*plain, torch.get_num_threads())


def _half(dtype: torch.dtype) -> int:
    """1 for bf16, 0 for float32: what stands on the attention's side of a seam."""
    if dtype not in (torch.float32, torch.bfloat16):
        raise ValueError(f"attention's numbers are float32 or bfloat16 here, found {dtype}")
    return int(dtype == torch.bfloat16)
