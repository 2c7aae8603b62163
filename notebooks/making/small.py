"""Run lessons as a small Binder would: one core, and 2 GiB for JupyterLab's server, the kernel and all their children.

A server runs idle beside the kernel, as it does under a reader. Memory is the sum of PSS, so that pages that several
processes share count once, sampled five times a second; where a cgroup can be made, the kernel enforces it as well.
Only Linux has PSS: elsewhere RSS is summed, which counts shared pages twice, and the report says so.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from notebooks.making import run as running
from notebooks.making import source as sources

LIMIT = 2 * 1024**3
INTERVAL = 0.2
CGROUPS = Path("/sys/fs/cgroup")


def resident(process: psutil.Process) -> tuple[int, str]:
    """A process's memory in bytes, and how it was counted."""
    try:
        text = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
        return sum(
            int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Pss:")
        ), "PSS"
    except (OSError, IndexError, ValueError):
        with suppress(psutil.Error):
            return process.memory_info().rss, "RSS"
        return 0, "PSS"


class Sampler(threading.Thread):
    """Sums the memory of some process trees until it is stopped; `peak` in bytes, `parts` as they were then."""

    def __init__(self, roots: dict[str, int]) -> None:
        super().__init__(daemon=True)
        self.roots, self.peak, self.parts, self.kinds = roots, 0, {}, set()
        self._end = threading.Event()

    def run(self) -> None:
        while not self._end.is_set():
            self.sample()
            self._end.wait(INTERVAL)

    def sample(self) -> None:
        parts: dict[str, int] = {}
        seen: set[int] = set()
        # A kernel that is a child of the server counts once, as the kernel.
        for name, pid in sorted(self.roots.items()):
            with suppress(psutil.Error):
                root = psutil.Process(pid)
                for process in (root, *root.children(recursive=True)):
                    if process.pid not in seen:
                        seen.add(process.pid)
                        size, kind = resident(process)
                        parts[name] = parts.get(name, 0) + size
                        self.kinds.add(kind)
        if sum(parts.values()) > self.peak:
            self.peak, self.parts = sum(parts.values()), parts

    def stop(self) -> None:
        self._end.set()
        self.join()


def hierarchy(root: Path = CGROUPS) -> tuple[Path, str] | None:
    """Where groups that limit memory are made, and the file that holds the limit: cgroup v2, else v1, else None.

    The folder alone says nothing: where only v1 is mounted it is a plain one, in which any file can be written.
    """
    if (root / "cgroup.controllers").is_file():
        return root, "memory.max"
    if (root / "memory" / "memory.limit_in_bytes").is_file():
        return root / "memory", "memory.limit_in_bytes"
    return None


@contextmanager
def cgroup() -> Iterator[Path | None]:
    """A cgroup of LIMIT bytes, where this process may make one; else None."""
    found = hierarchy()
    if found is None:
        yield None
        return
    group = found[0] / f"f5lite-small-{os.getpid()}"
    try:
        group.mkdir(exist_ok=True)
        (group / found[1]).write_text(str(LIMIT))
        if found[1] == "memory.max":
            with suppress(OSError):
                (group / "memory.swap.max").write_text("0")
    except OSError:
        _remove(group)
        yield None
        return
    try:
        yield group
    finally:
        _remove(group)


def _remove(group: Path, seconds: float = 3.0) -> None:
    """Remove a cgroup. It stays busy for a moment after its last process has ended."""
    end = time.monotonic() + seconds
    while group.exists():
        with suppress(OSError):
            group.rmdir()
            return
        if time.monotonic() > end:
            return
        time.sleep(0.05)


@contextmanager
def server(folder: Path, env: dict[str, str]) -> Iterator[int]:
    """A JupyterLab server on a port of its own, without a browser. Yields its process id."""
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--port=0", f"--notebook-dir={folder}"]
    command += ["--ServerApp.allow_root=True", "--ServerApp.token=small"]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, env=env, stdout=log, stderr=log)
        try:
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=8)  # its start-up is part of what a Binder pays
                log.seek(0)
                raise RuntimeError(
                    f"JupyterLab's server ended at once:\n{log.read().decode(errors='replace')}"
                )
            yield process.pid
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=10)
            if process.poll() is None:
                process.kill()
                process.wait()


def one_core() -> str:
    """Keep this process and all its children on one core, where the system can; say how."""
    threads = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    os.environ.update(threads)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        return "one core"
    return "one thread (this system can't keep a process on a core)"


def small(source: Path, *, quick: bool, limit: int = LIMIT) -> tuple[str, str]:
    """Run one lesson within `limit` bytes. Returns a line of report, and what is wrong or ""."""
    with tempfile.TemporaryDirectory() as scratch, cgroup() as group:
        env = running.environment(Path(scratch) / "ledger.json", quick=quick)
        env["MEM_LIMIT"] = str(limit)
        with server(sources.target(source).parent, env) as server_pid:
            sampler = Sampler({"server": server_pid})

            def started(pid: int) -> None:
                sampler.roots["kernel"] = pid
                for process in (server_pid, pid) if group else ():
                    (group / "cgroup.procs").write_text(str(process))

            sampler.start()
            done = running.run(sources.notebook(source), sources.target(source).parent, env, started=started)
            sampler.stop()
    parts = ", ".join(f"{name} {size / 1e6:.0f}" for name, size in sampler.parts.items())
    how = f"sum of {' and '.join(sorted(sampler.kinds))}, {1 / INTERVAL:.0f} samples a second"
    how += ", enforced by a cgroup" if group else ", no cgroup could be made"
    line = f"{source.stem}: peak {sampler.peak / 1e6:.0f} of {limit / 1e6:.0f} MB ({parts}; {how}), {done.seconds:.0f} s"
    if done.error:
        return line, done.error
    return (
        line,
        f"needs {sampler.peak / 1e6:.0f} MB, may need {limit / 1e6:.0f}" if sampler.peak > limit else "",
    )


def main(chosen: list[Path], *, quick: bool) -> int:
    """Run these lessons one after another and report each; the exit status is 1 if one needed too much or failed."""
    print(f"Each lesson on {one_core()}, in {LIMIT / 1e6:.0f} MB:", flush=True)
    failed = 0
    for source in chosen:
        line, problem = small(source, quick=quick)
        print(line, flush=True)
        if problem:
            print(f"  {source.name}: {problem}", file=sys.stderr, flush=True)
            failed += 1
    return 1 if failed else 0
