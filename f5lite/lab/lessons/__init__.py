"""What lessons say and check: one module a lesson (`lesson_03.py`), with its computed texts and its exercises.

A notebook imports its own module through `f5lite.lab`; tests load them all and render every branch.
"""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType


def load(number: str) -> ModuleType:
    """The module of lesson `number` ("03"). Importing it registers its texts and checks."""
    return importlib.import_module(f"{__name__}.lesson_{number}")


def load_all() -> list[ModuleType]:
    """Every lesson's module, in order."""
    names = sorted(
        module.name for module in pkgutil.iter_modules(__path__) if module.name.startswith("lesson_")
    )
    return [importlib.import_module(f"{__name__}.{name}") for name in names]
