"""The error that a user can cause. Its message says what was wrong, what was found, and what to do."""

from __future__ import annotations


class F5liteError(Exception):
    """Bad input, a damaged file, a machine that can't. The command line prints it and exits with 2."""
