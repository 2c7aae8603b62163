"""Memory pressure on demand: a process of its own that really holds as many bytes as it is told to.

with Hog() as hog:
    hog.hold(500_000_000)
"""

from __future__ import annotations

import contextlib
import subprocess
import sys

_PROGRAM = """
import sys
pieces, PIECE = [], 1 << 22
for line in sys.stdin:
    wanted = int(line) // PIECE
    del pieces[wanted:]
    try:
        while len(pieces) < wanted:
            pieces.append(b"\\x01" * PIECE)
    except MemoryError:
        pass
    print(len(pieces) * PIECE, flush=True)
"""


class Hog:
    """Holds bytes that can't be given back. `held` is what it has now, in steps of 4 MiB; it goes when this process does."""

    def __init__(self) -> None:
        self.held = 0
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        """False when the system has killed it, which a cap on memory may do."""
        return self._process.poll() is None

    def hold(self, size: int) -> int:
        """Grow or shrink to `size` bytes. Returns the bytes held: fewer where memory ran out, 0 when it was killed."""
        assert self._process.stdin and self._process.stdout
        try:
            self._process.stdin.write(f"{max(0, int(size))}\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:  # its end of the pipe is closed: it is gone, or as good as
            self._process.wait()
        self.held = int(answer) if answer else 0
        return self.held

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):  # a line was on its way when it ended
                    pipe.close()
        self.held = 0

    def __enter__(self) -> Hog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
