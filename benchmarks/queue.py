"""A text's chunks all at once, as upstream does, and through the queue: peak, time, and what survives a cap.

    python -m benchmarks.queue [--count 8] [--blocks 4] [--room 1.1] [--json FILE]

Every way speaks the same chunks with one step, guidance on, on v1 Base's width with seeded weights: first without a cap, then
under two. The first leaves upstream what loading takes (twice its weights) and room for two chunks; the second is 1.1 × what
f5lite's smallest plan is predicted to need. A cap is RLIMIT_DATA over the imports, each process for itself. Upstream's rows
need its package (`python -m tests.parity.environment`).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from f5lite.aloud import subject_of, ways_for, within
from f5lite.evidence import residency, workload
from f5lite.evidence.int8_bytes import converted
from f5lite.machine import card
from f5lite.memory import meter
from f5lite.memory.cap import Cap
from f5lite.memory.menu import Planned
from f5lite.memory.policy import Rules
from f5lite.memory.queue import Queue
from f5lite.memory.ticket import Refused, Speech
from f5lite.memory.worker import Worker
from f5lite.model.config import V1_BASE
from f5lite.plan import Speeds, Wishes

MB = 1e6
CHUNK = "The old clock on the wall has not been right for many years, and nobody minds."


@dataclass
class Row:
    """One way under one cap. done: chunks whose sound the caller got; refused: by name, with the bytes they needed."""

    way: str
    cap_mb: float | None
    asked: int
    done: int
    refused: int
    failed: int
    peak_mb: float
    seconds: float
    how: str = ""


def data_bytes(pid: int | str = "self") -> int:
    """What RLIMIT_DATA counts of a process now."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmData"):
            return int(line.split()[1]) * 1024
    raise OSError(f"/proc/{pid}/status has no VmData")


def limit_here(cap: float | None) -> None:
    """From now on this process may have `cap` bytes of private memory more than it has."""
    if cap is None:
        return
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (data_bytes() + int(cap), hard))


def upstream(folder: str, count: int, blocks: int, cap: float | None) -> dict[str, Any]:
    """Upstream's classes and its own `infer_batch_process`. Run it in a process of its own: the cap stays."""
    from benchmarks.upstream_requests import SHAPE, _vocoder
    from tests.parity import upstream as beside_us

    package = beside_us.load(inference=True)
    import torch
    from safetensors.torch import load_file

    strictly = package.CFM.load_state_dict
    package.CFM.load_state_dict = lambda self, weights: strictly(self, weights, strict=False)
    limit_here(cap)
    begin, done, how = time.perf_counter(), 0, ""
    try:
        where = Path(folder)
        f5 = package.infer.load_model(
            package.DiT,
            dict(SHAPE, depth=blocks),
            str(where / "model.safetensors"),
            vocab_file=str(where / "vocab.txt"),
            device="cpu",
        ).eval()
        vocoder = _vocoder(package, load_file(where / "vocoder.safetensors"))
        hum = torch.sin(torch.arange(24000 * 6 // 10) * 0.04)[None]
        found = package.infer.infer_batch_process(
            (hum, 24000),
            residency.REFERENCE_TEXT,
            [CHUNK] * count,
            f5,
            vocoder,
            progress=None,
            nfe_step=1,
            device="cpu",
        )
        next(iter(found))
        done = count  # it hands out one wave, made of all of them
    except (RuntimeError, MemoryError, OSError) as error:
        how = f"{type(error).__name__}: {str(error).splitlines()[0][:90]}"
    return {"done": done, "seconds": time.perf_counter() - begin, "how": how}


def at_once(folder: str, clip: str, count: int, cap: float | None) -> dict[str, Any]:
    """f5lite's own pipeline, all chunks at once in threads. Run it in a process of its own: the cap stays."""
    from f5lite.pipeline import load

    limit_here(cap)
    begin, done, errors = time.perf_counter(), [], []

    def one(pipeline: Any, number: int) -> None:
        try:
            pipeline.speak(CHUNK, ref=clip, ref_text=residency.REFERENCE_TEXT, steps=1, seed=number)
            done.append(number)
        except (RuntimeError, MemoryError, OSError) as error:
            errors.append(f"{type(error).__name__}: {str(error).splitlines()[0][:90]}")

    try:
        pipeline = load(folder)
        pipeline.reference(ref=clip, ref_text=residency.REFERENCE_TEXT)
        threads = [threading.Thread(target=one, args=(pipeline, number)) for number in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    except (RuntimeError, MemoryError, OSError) as error:
        errors.append(f"{type(error).__name__}: {str(error).splitlines()[0][:90]}")
    return {"done": len(done), "seconds": time.perf_counter() - begin, "how": errors[0] if errors else ""}


def menu_of(folder: Path) -> Planned:
    """The model as fp32 and as int8 for one step, and what may be planned with them."""
    int8 = converted(folder, folder.with_name(f"{folder.name}-int8-1"), steps=1)
    subject = subject_of([str(folder), str(int8)], reference_seconds=0.6)
    speeds = Speeds({("fp32", "float"): 1.0, ("int8", "reference"): 1.0})  # neither is preferred for its time
    return Planned(subject, speeds, Wishes(steps=1))


def queued(menu: Planned, clip: str, count: int, cap: float | None) -> Row:
    """The same chunks as requests to the queue, one worker under the cap."""
    imports = 0
    if cap is not None:
        bare = Worker("f5lite.memory.speaker:Speaker", {})
        bare.start()
        imports = data_bytes(bare.pid or 0)
        bare.end()
    limit = None if cap is None else Cap(int(imports + cap), groups=False)
    worker = Worker("f5lite.memory.speaker:Speaker", ways_for(menu, {}, {}), cap=limit)
    rules = Rules() if cap is None else Rules(tight_below=0, critical_below=0, reserve=0)
    source = within(None if cap is None else cap / MB, worker)
    begin, peak = time.perf_counter(), 0
    voice = {"ref": clip, "ref_text": residency.REFERENCE_TEXT}
    with Queue(worker, menu, rules=rules, source=source, import_bytes=0) as queue:
        tickets = [queue.submit(Speech(CHUNK, seed=number, **voice)) for number in range(count)]
        for ticket in tickets:
            try:
                ticket.result(600)
            except Refused:
                continue
            finally:
                peak = max(peak, worker.peak)
        seconds = time.perf_counter() - begin
    states = [ticket.state for ticket in tickets]
    plans = sorted({name for ticket in tickets for name in ticket.offers})
    how = "; ".join(plans) or tickets[0].reason
    return Row(
        "the queue",
        None if cap is None else cap / MB,
        count,
        states.count("done"),
        states.count("refused"),
        states.count("failed"),
        peak / MB,
        seconds,
        how + (f"; worker died {worker.deaths} times" if worker.deaths else ""),
    )


def _row(way: str, cap: float | None, count: int, measured: Any) -> Row:
    found = measured.result or {"done": 0, "seconds": measured.wall_seconds, "how": measured.failure or ""}
    peak = measured.peak_rss_mb
    failed = count - found["done"]
    cap_mb = None if cap is None else cap / MB
    return Row(way, cap_mb, count, found["done"], 0, failed, peak, found["seconds"], found["how"])


def measure(count: int = 8, blocks: int = 4, room: float = 1.1) -> Iterator[Row]:
    """Every way, without a cap and under the two, as they end."""
    from tests.parity import environment

    folder = workload.prepare(V1_BASE.with_blocks(blocks))
    menu = menu_of(folder)
    weights = sum(size.stat().st_size for size in folder.glob("*.safetensors"))
    with tempfile.TemporaryDirectory() as scratch:
        clip = str(residency.clip(scratch))
        caps = (None, 2 * weights + 2 * 70 * MB, room * menu.smallest().peak)
        for cap in caps:
            if environment.ready():
                measured = meter.measure(
                    upstream,
                    (str(folder), count, blocks, cap),
                    imports=("numpy", "torch"),
                    paths=(str(environment.folder()), str(environment.ROOT)),
                )
                yield _row("upstream, all at once", cap, count, measured)
            measured = meter.measure(at_once, (str(folder), clip, count, cap), imports=("f5lite.pipeline",))
            yield _row("f5lite, all at once", cap, count, measured)
            yield queued(menu, clip, count, cap)


def main() -> None:
    if not sys.platform.startswith("linux"):
        raise SystemExit("memory can be capped on Linux only")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=8, help="chunks of the text")
    parser.add_argument("--blocks", type=int, default=4, help="of the DiT; v1 Base has 22")
    parser.add_argument(
        "--room", type=float, default=1.1, help="the small cap, over the smallest plan's prediction"
    )
    parser.add_argument("--json")
    options = parser.parse_args()
    print(card())
    print(
        f"{'way':24}{'cap MB':>8}{'asked':>7}{'done':>6}{'refused':>9}{'failed':>8}{'peak MB':>9}{'s':>7}  how"
    )
    rows = []
    for row in measure(options.count, options.blocks, options.room):
        rows.append(row)
        cap = "none" if row.cap_mb is None else f"{row.cap_mb:.0f}"
        figures = (
            f"{row.asked:7}{row.done:6}{row.refused:9}{row.failed:8}{row.peak_mb:9.0f}{row.seconds:7.1f}"
        )
        print(f"{row.way:24}{cap:>8}{figures}  {row.how}", flush=True)
    if options.json:
        from f5lite.files import write_atomically

        content = {"machine": card().to_dict(), "rows": [asdict(row) for row in rows]}
        write_atomically(options.json, json.dumps(content, indent=1))


if __name__ == "__main__":
    main()
