"""`f5lite convert SRC DST`: a quarter of the file. The work is in `f5lite.shrink.int8.convert`; here it is asked for and told."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

HELP = "write a model with 8-bit weights, a quarter of the size, that is used where it lies"
SAYING = {"read": "reading", "write": "writing", "verify": "checking", "rename": "moving into place"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to convert, where to, how."""
    parser.add_argument(
        "source", help="tiny (bundled), F5TTS_v1_Base (from the hub), a folder, or a file of weights"
    )
    parser.add_argument("destination", type=Path, help="a folder that isn't there yet; f5lite.load takes it")
    parser.add_argument("--steps", type=int, default=7, help="fold AdaLN for that many steps (default: 7)")
    parser.add_argument("--sway", type=float, default=-1.0, help="of the time grid (default: -1)")
    parser.add_argument(
        "--precision", choices=("int8", "bf16"), default="int8", help="of the large layers (default: int8)"
    )
    parser.add_argument(
        "--keep-modulation",
        action="store_true",
        help="keep AdaLN's layers: any number of steps, a larger file",
    )
    parser.add_argument("--force", action="store_true", help="replace a converted model that is there")
    parser.add_argument(
        "--config", help="shape of a weights file that doesn't carry it, such as F5TTS_v1_Base"
    )
    parser.add_argument("--vocab", type=Path, help="vocab.txt, if it isn't beside the weights")
    parser.add_argument(
        "--vocoder", help="Vocos weights, if they aren't beside the model's; griffin-lim for none"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress")


def run(options: argparse.Namespace) -> int:
    """Exit code 0 and a whole folder, or 2 and none."""
    from f5lite.model import library
    from f5lite.shrink.int8.convert import convert

    begin = time.perf_counter()
    files = library.find(options.source, vocab=options.vocab, vocoder=options.vocoder, config=options.config)
    with Lines(shown=not options.quiet) as lines:
        report = convert(
            files,
            options.destination,
            steps=options.steps,
            sway=options.sway,
            precision=options.precision,
            keep_modulation=options.keep_modulation,
            force=options.force,
            progress=lines.update,
        )
    took = time.perf_counter() - begin
    if options.json:
        print(json.dumps({**report.to_dict(), "took_s": round(took, 3)}))
        return 0
    if not options.quiet:
        print(summary(report, took), file=sys.stderr)
    return 0


def summary(report, took: float) -> str:
    """What was written, and which layers lost most."""
    mb = 1e-6
    table = "AdaLN kept" if report.steps is None else f"AdaLN folded for {report.steps} steps"
    vocoder = "" if report.vocoder_bytes is None else f", vocoder {report.vocoder_bytes * mb:,.1f} MB"
    share = 100 * (1 - report.model_bytes / report.source_bytes)
    lines = [
        f"{report.folder}: {report.model_bytes * mb:,.1f} MB from {report.source_bytes * mb:,.1f} ({share:.0f} % less), "
        f"{report.precision}, {table}{vocoder}; {took:.1f} s",
        "Every layer was read back and compared. Furthest from the source:",
    ]
    lines += [f"  {100 * each.relative_error:5.2f} %  {each.kind:5} {each.name}" for each in report.worst()]
    return "\n".join(lines)


class Lines:
    """One line a phase on standard error, redrawn in place on a terminal."""

    def __init__(self, shown: bool = True, stream=None) -> None:
        self.shown, self.stream = shown, sys.stderr if stream is None else stream
        self.phase = ""
        self.last = -1

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *error) -> None:
        if self.shown and self.phase and self.stream.isatty():
            self.stream.write("\n")

    def update(self, phase: str, done: int, total: int) -> None:
        """`done` of `total` bytes of a phase."""
        percent = 100 * done // total if total else 100
        if not self.shown or (phase == self.phase and percent == self.last):
            return
        if self.stream.isatty():
            new_line = "\n" if self.phase and phase != self.phase else ""
            self.stream.write(f"{new_line}\r{SAYING[phase]} {percent:3} %")
        elif phase != self.phase:
            self.stream.write(f"{SAYING[phase]}\n")
        self.stream.flush()
        self.phase, self.last = phase, percent
