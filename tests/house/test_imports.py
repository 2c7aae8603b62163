"""`import f5lite` is light, imports point one way, and heavy libraries stay where they belong."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import f5lite

PACKAGE = Path(f5lite.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
# Each may import those before it, and itself.
LAYERS = ["model", "shrink", "memory", "evidence", "lab"]
# These join the layers up to memory; what stands above shrink may use them.
JOINING = ["pipeline", "plan", "aloud"]
# Everything may import these, and they import no layer.
COMMON = ["cgroups", "compiler", "errors", "files", "machine", "processor", "requirements"]


def part(path: Path) -> str:
    """The layer or module right under f5lite that a file belongs to."""
    inside = path.relative_to(PACKAGE)
    return inside.parts[0] if len(inside.parts) > 1 else inside.stem


def imports(path: Path, tree: ast.AST) -> list[str]:
    """Full names of the modules that a piece of code imports, relative ones resolved."""
    package = ["f5lite", *path.relative_to(PACKAGE).parent.parts]
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(filter(None, (base, node.module)))
            found.append(module)
            found += [f"{module}.{alias.name}" for alias in node.names]
    return found


def used_parts(path: Path) -> set[str]:
    names = imports(path, ast.parse(path.read_text(encoding="utf-8")))
    parts = {name.split(".")[1] for name in names if name.startswith("f5lite.")}
    return {name for name in parts if (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").is_file()}


def allowed(layer: str) -> set[str]:
    if layer in COMMON:
        return set(COMMON)
    if layer in JOINING:
        return {*COMMON, *JOINING, "model", "shrink", "memory"}
    below = set(LAYERS[: LAYERS.index(layer) + 1])
    return {*COMMON, *below, *(JOINING if layer not in ("model", "shrink") else ()), "check"}


@pytest.mark.parametrize("layer", [*COMMON, *JOINING, *LAYERS])
def test_imports_point_one_way(layer):
    files = [path for path in FILES if part(path) == layer]
    wrong = {
        str(path.relative_to(PACKAGE)): sorted(used_parts(path) - allowed(layer))
        for path in files
        if used_parts(path) - allowed(layer)
    }
    assert not wrong


def test_the_layers_are_there():
    assert {*LAYERS, *COMMON, "pipeline"} <= {part(path) for path in FILES}


def at_import(path: Path) -> list[str]:
    """Modules that a file imports as soon as it is imported itself: not those inside functions or type checks."""
    tree = ast.parse(path.read_text(encoding="utf-8"))

    class Runs(ast.NodeTransformer):
        def visit_FunctionDef(self, node):  # noqa: N802
            return None

        visit_AsyncFunctionDef = visit_FunctionDef

        def visit_If(self, node):  # noqa: N802
            return None if "TYPE_CHECKING" in ast.unparse(node.test) else self.generic_visit(node)

    return [name.split(".")[0] for name in imports(path, Runs().visit(tree))]


LIGHT = [
    path
    for path in FILES
    if part(path) in (*COMMON, "__init__", "__main__", "cli", "check", "commands", "lessons")
]


@pytest.mark.parametrize("path", LIGHT, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_light_modules_import_nothing_heavy(path):
    heavy = {"torch", "numpy", "soundfile", "matplotlib", "IPython", "ipywidgets", "huggingface_hub"}
    assert not heavy & set(at_import(path))


def test_drawing_libraries_stay_in_lab():
    heavy = {"matplotlib", "IPython", "ipywidgets", "anywidget"}
    outside = [path for path in FILES if part(path) != "lab"]
    wrong = {str(path.relative_to(PACKAGE)): sorted(heavy & set(at_import(path))) for path in outside}
    assert not {name: found for name, found in wrong.items() if found}


def test_import_is_light_and_quick():
    """No torch, and at most 0.3 s over Python's own start: the best of three, on a machine that does other things."""
    code = (
        "import sys, f5lite; sys.exit(any(name in sys.modules for name in ('torch', 'numpy', 'matplotlib')))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
    timed = "import time; start = time.perf_counter(); import f5lite; print(time.perf_counter() - start)"
    seconds = [
        float(subprocess.run([sys.executable, "-c", timed], capture_output=True, text=True).stdout)
        for _ in range(3)
    ]
    assert min(seconds) <= 0.3


@pytest.mark.slow
def test_speaking_from_process_start_takes_at_most_20_seconds(tmp_path):
    """The bundled voice, by the clock, two threads, the best of three; the first good one ends it."""
    command = [
        sys.executable,
        "-m",
        "f5lite",
        "speak",
        "the model speaks now",
        "-o",
        str(tmp_path / "out.wav"),
    ]
    seconds = []
    for _ in range(3):
        begin = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, env={**os.environ, "OMP_NUM_THREADS": "2"})
        seconds.append(time.perf_counter() - begin)
        if seconds[-1] <= 20:
            return
    raise AssertionError(f"took {', '.join(f'{one:.1f}' for one in seconds)} s")
