"""The far side of a measurement: one variant in a process (and, for a peer, an environment) of its own.

    python -m benchmarks.worker SPEC       SPEC: JSON with loader, model, settings; `prepare` true: only make its files

Reads one JSON command a line, answers one JSON object a line. Whatever the libraries print goes to standard error.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
import traceback
from importlib import metadata
from pathlib import Path
from typing import Any

from f5lite.memory import procfs


def memory() -> dict[str, int]:
    with procfs.Probe() as probe:
        reading = probe.read()
    return (
        {}
        if reading is None
        else {"rss": reading.rss, "anonymous": reading.anonymous, "peak": reading.peak_rss}
    )


def versions(names: list[str]) -> dict[str, str]:
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


class Worker:
    """Answers commands with one loaded variant."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.spec, self.loaded = spec, None
        self.module = importlib.import_module(spec["loader"])
        self.model, self.settings = Path(spec["model"]), dict(spec["settings"])

    def start(self) -> dict[str, Any]:
        """Imports are done: the baseline."""
        self.module.imports(self.settings)
        from f5lite.shrink.trim import give_back

        give_back()
        procfs.reset_peak()
        return {"versions": versions(self.spec.get("packages", []))}

    def load(self, **_: Any) -> dict[str, Any]:
        self.loaded = self.module.load(self.model, self.settings)
        return {}

    def one_pass(self, inputs: str, save: str = "", **_: Any) -> dict[str, Any]:
        if hasattr(self.loaded, "pass_seconds"):
            return {"seconds": self.loaded.pass_seconds(Path(inputs))}
        begin = time.perf_counter()
        answer = self.loaded.one_pass(Path(inputs))
        taken = time.perf_counter() - begin
        if save:
            import numpy as np

            np.save(save, answer)
        return {"seconds": taken * getattr(self.loaded, "factor", 1)}

    def utterance(self, inputs: str, steps: int, **_: Any) -> dict[str, Any]:
        begin = time.perf_counter()
        self.loaded.utterance(Path(inputs), steps)
        return {"seconds": time.perf_counter() - begin}

    def fresh_peak(self, **_: Any) -> dict[str, Any]:
        procfs.reset_peak()
        return {}

    def parts(self, inputs: str, **_: Any) -> dict[str, Any]:
        """What of a pass is products, attention and the rest (f5lite's own variants)."""
        from benchmarks import parts

        return parts.of(lambda: self.loaded.one_pass(Path(inputs)))

    def answer(self, command: dict[str, Any]) -> dict[str, Any]:
        name = command.pop("do")
        act = {"start": self.start, "load": self.load, "pass": self.one_pass, "utterance": self.utterance,
               "fresh_peak": self.fresh_peak, "parts": self.parts}[name]  # fmt: skip
        return act(**command)


def main() -> None:
    spec = json.loads(sys.argv[1])
    if spec.get("prepare"):
        module = importlib.import_module(spec["loader"])
        if hasattr(module, "prepare"):
            module.prepare(Path(spec["model"]), spec["settings"])
        return
    pipe = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    worker = None
    for line in sys.stdin:
        try:
            worker = worker or Worker(spec)
            said = worker.answer(json.loads(line))
        except BaseException as error:  # noqa: BLE001 - whatever a library raises is an answer
            traceback.print_exc()
            said = {
                "failure": f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"
            }
        print(json.dumps(said | {"memory": memory()}), file=pipe, flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
