"""How long a lesson takes, also on a machine that is busy with something else."""

from __future__ import annotations

import os
import time


class Clock:
    """Seconds since it was made: `wall`, and `fair`, which leaves out waiting for a processor that others use.

    On a busy machine (more work than processors) the processor time of the children that have ended since is taken
    when it is less than the wall time; the system counts it in ticks, so a child that hardly worked may have used none.
    It needs POSIX; elsewhere, and on a quiet machine, `fair` is `wall`.
    """

    def __init__(self) -> None:
        self._begin, self._used = time.monotonic(), self._children()

    @staticmethod
    def _children() -> float:
        now = os.times()
        return now.children_user + now.children_system

    @property
    def wall(self) -> float:
        return time.monotonic() - self._begin

    @property
    def fair(self) -> float:
        return min(self.wall, self._children() - self._used) if busy() else self.wall


def busy() -> bool:
    """Whether more processes want to run than there are processors; never where the system doesn't say."""
    return hasattr(os, "getloadavg") and os.getloadavg()[0] > (os.cpu_count() or 1) + 0.5
