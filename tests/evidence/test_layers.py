"""What the evidence layer may know of: nothing of notebooks and screens, and no torch until something is measured."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import f5lite.evidence

FOLDER = Path(f5lite.evidence.__file__).parent


def test_evidence_knows_nothing_of_the_lab() -> None:
    for path in FOLDER.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                top = name.split(".")
                assert top[:2] != ["f5lite", "lab"] and top[0] not in (
                    "IPython",
                    "ipywidgets",
                    "matplotlib",
                ), path.name


def test_ledger_claims_and_texts_import_without_torch() -> None:
    code = (
        "import sys\nimport f5lite.evidence.ledger, f5lite.evidence.claim_list, f5lite.evidence.explain\n"
        "print([name for name in ('torch', 'numpy', 'ipywidgets') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
