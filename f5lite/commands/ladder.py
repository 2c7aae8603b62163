"""`f5lite ladder`: the article's table on this machine, rung by rung, and a verdict for every claim."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from f5lite.errors import F5liteError

HELP = "measure the article's table on this machine, rung by rung, with a verdict for every claim"
EXAMPLES = """examples:
  f5lite ladder                       v1 Base's shape with seeded weights (a smaller one on a small machine)
  f5lite ladder --model tiny          a model of your own: a name, a folder or a file
  f5lite ladder --rungs upstream attention streamed
  f5lite ladder --json --html ladder.html

rungs: upstream fp32 on-demand int8 attention table seven-steps streamed

It can be stopped at any moment; the same command goes on from there and repeats nothing."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is measured, how often, and where the results go."""
    parser.formatter_class, parser.epilog = argparse.RawDescriptionHelpFormatter, EXAMPLES
    parser.add_argument("--model", help="what to measure (default: v1 Base's shape, seeded weights)")
    parser.add_argument("--frames", type=int, help="mel frames, reference and speech together (default: 512)")
    parser.add_argument("--rungs", nargs="+", metavar="RUNG", help="only these")
    parser.add_argument("--repeats", type=int, default=5, metavar="N", help="turns of each rung (default: 5)")
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--full", action="store_true", help="speak a whole utterance on every rung")
    group.add_argument("--computed", action="store_true", help="speak none: all utterances are computed")
    parser.add_argument("--engine", default="auto", help="of int8 products (default: auto, the fastest here)")
    parser.add_argument("--upstream", metavar="PYTHON", help="an interpreter that has f5-tts installed")
    parser.add_argument("--fresh", action="store_true", help="forget what was measured before")
    parser.add_argument("--shown", action="store_true", help="measure nothing: show what is there")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page that stands alone")


def run(options: argparse.Namespace) -> int:
    """Exit code 0: every rung was tried; 130: stopped, what was measured is kept."""
    from f5lite.evidence.ladder import gather, jobs, judging, page, rungs, subject, table
    from f5lite.evidence.ladder import run as climbing
    from f5lite.evidence.ladder.store import Store
    from f5lite.evidence.ledger import Ledger
    from f5lite.files import write_atomically

    if options.repeats < 1:
        raise F5liteError(f"--repeats takes 1 or more, found {options.repeats}")
    if options.html is not None and not options.html.absolute().parent.is_dir():
        raise F5liteError(f"folder {options.html.absolute().parent} doesn't exist; make it first")
    if options.upstream is not None and not Path(options.upstream).is_file():
        raise F5liteError(f"--upstream takes a Python interpreter; there is no file {options.upstream}")
    settings = jobs.Settings(
        rungs=rungs.chosen(options.rungs),
        repeats=options.repeats,
        whole="all" if options.full else "none" if options.computed else "ends",
        engine=options.engine,
        upstream=options.upstream,
    )
    chosen = subject.subject(options.model, options.frames)
    if chosen.note:
        print(f"f5lite: {chosen.note}", file=sys.stderr)
    store = Store.of(chosen, fresh=options.fresh)
    stopped = False
    try:
        if not options.shown:
            climbing.climb(chosen, settings, store, Line())
    except KeyboardInterrupt:
        print(
            "\nf5lite: stopped; what was measured is kept, the same command goes on from here.",
            file=sys.stderr,
        )
        stopped = True
    ladder = gather.gather(chosen, settings, store)
    ledger = Ledger()
    if options.json:
        print(json.dumps(judging.report(ladder, ledger), ensure_ascii=False))
    else:
        print(table.plain(ladder, judging.verdicts(ladder, ledger), judging.aims(ladder)))
    if options.html:
        write_atomically(
            options.html, page.page(ladder, judging.verdicts(ladder, ledger), judging.aims(ladder))
        )
    return 130 if stopped else 0


class Line:
    """Progress on standard error: a line that rewrites itself on a terminal, one for each process elsewhere."""

    def __init__(self) -> None:
        self.begin = time.monotonic()

    def __call__(self, what: str, done: int, total: int, left: float) -> None:
        live = sys.stderr.isatty()
        if done == total:
            text, end = f"{total} measurements in {duration(time.monotonic() - self.begin)}", "\n"
        else:
            text, end = f"{done} of {total}: {what}; about {duration(left)} left", "" if live else "\n"
        start = "\r\x1b[K" if live else ""
        print(f"{start}{text}", end=end, file=sys.stderr, flush=True)


def duration(seconds: float) -> str:
    """ "40 s", "12 min", "2 h 5 min"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
