"""Record a memory trace: a hog grows and shrinks under a cap while the monitor looks on.

`python -m f5lite.memory.record OUT.json` made the trace that comes with f5lite (see `traces/`); it needs a Linux where
control groups may be made, since the reading must come from inside one.
"""

from __future__ import annotations

import math
import os
import sys
import time

from f5lite.memory import trace
from f5lite.memory.cap import Cap
from f5lite.memory.hog import Hog
from f5lite.memory.monitor import Monitor

LIMIT = 1_500_000_000
SHAPE = (
    (0.0, 0.05),
    (2.0, 0.1),
    (6.0, 0.55),
    (8.0, 0.6),
    (12.0, 0.9),
    (15.0, 0.93),
    (18.0, 0.4),
    (20.0, 0.05),
    (22.0, 0.05),
)


def share_at(seconds: float) -> float:
    """The hog's share of the limit: straight lines between the points of SHAPE, with a ripple."""
    for (start, low), (end, high) in zip(SHAPE, SHAPE[1:], strict=False):
        if seconds <= end:
            level = low + (high - low) * (seconds - start) / (end - start)
            return max(0.0, level + 0.01 * math.sin(7 * seconds))
    return SHAPE[-1][1]


def main(path: str) -> None:
    with Cap(LIMIT) as cap, Hog() as hog:
        if cap.folder is None:
            raise SystemExit("no control group can be made here")
        cap.join(os.getpid())
        cap.join(hog.pid)
        with Monitor(hz=5, keep=1000) as monitor:
            began = time.monotonic()
            while (now := time.monotonic() - began) < SHAPE[-1][0]:
                hog.hold(int(share_at(now) * LIMIT))
                time.sleep(0.1)
        readings = list(monitor.history)
        trace.save(
            readings,
            path,
            note=f"a hog under a cap of {LIMIT / 1e6:.0f} MB ({cap.kind}), 5 readings a second",
        )
    print(
        f"{len(readings)} readings, least available {min(r.share_available for r in readings):.0%} of the limit"
    )


if __name__ == "__main__":
    main(sys.argv[1])
