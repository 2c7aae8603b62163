"""Callbacks that can't fail in silence: what goes wrong in one is logged, kept in `FAILURES`, and shown in its view.

A front end would swallow the exception. Tests assert that `FAILURES` is empty.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any

from f5lite.errors import F5liteError

log = logging.getLogger(__name__)
FAILURES: list[BaseException] = []


def guarded(callback: Callable[..., Any], tell: Callable[[str], None]) -> Callable[..., Any]:
    """`callback`, with its errors told to the reader. A `F5liteError` is theirs to mend; any other one is ours."""

    @functools.wraps(callback)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            result = callback(*args, **kwargs)
        except F5liteError as mistake:
            tell(str(mistake))
        except Exception as failure:
            FAILURES.append(failure)
            log.exception("a callback failed")
            tell(f"This didn't work ({type(failure).__name__}: {failure}).")
        else:
            tell("")
            return result

    return run
