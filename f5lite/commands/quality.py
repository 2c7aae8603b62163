"""`f5lite quality A B`: the same sentences and seeds from two models, and what can be said about the difference."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from f5lite.errors import F5liteError

HELP = "compare how two models sound: word errors, voice, distances, with intervals and a verdict"
EXAMPLES = """A and B: a name, folder or file that `f5lite speak` takes, then how to run it, e.g.
  f5lite quality tiny tiny:steps=7
  f5lite quality tiny@fp32,7 tiny@int8,7          (a plan: the precision to convert to, the steps)
  f5lite quality tiny tiny:coarse=4 --sentences 100   (4 bits, one scale a tensor: worse on purpose)
  f5lite quality tiny tiny:seeds=1000 --seeds own     (the same model with other seeds)"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A, B, the sentences, and where the results go."""
    parser.formatter_class, parser.epilog = argparse.RawDescriptionHelpFormatter, EXAMPLES
    parser.add_argument("a", metavar="A", help="MODEL[:OPTION=VALUE,…] or MODEL@PRECISION,STEPS")
    parser.add_argument("b", metavar="B", help="the one that is judged, against A")
    parser.add_argument(
        "--text", metavar="FILE", help="sentences, one a line; default: bundled held-out ones"
    )
    parser.add_argument("--sentences", type=int, metavar="N", help="only the first N (bundled default: 60)")
    parser.add_argument("--voices", nargs="+", default=["kumo"], metavar="NAME")
    parser.add_argument(
        "--seeds",
        nargs="+",
        type=seed,
        default=[0],
        metavar="N",
        help="numbers, or `own`: every rendering gets a seed of its own",
    )
    parser.add_argument(
        "--spread",
        action="store_true",
        help="each sentence once, voices and seeds in turn: most for the time",
    )
    parser.add_argument(
        "--margin", type=float, metavar="POINTS", help="word error points that don't matter (1)"
    )
    parser.add_argument("--folder", type=Path, help="where renderings are kept (default: f5lite's cache)")
    parser.add_argument("--report", type=Path, metavar="FILE.html", help="write a page with players")
    parser.add_argument("--save", type=Path, metavar="FILE.json", help="write the result as data")
    parser.add_argument("--threads", type=int, help="threads for the recogniser (default: its own choice)")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")


def seed(text: str) -> int | str:
    """A seed, or `own`."""
    from f5lite.evidence.quality import OWN

    if text == OWN:
        return OWN
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"give whole numbers, or {OWN}; found {text!r}") from None


def run(options: argparse.Namespace) -> int:
    """Exit code 0: B is no worse, or it can't be told; 1: B is worse in words."""
    from f5lite.evidence.quality import OWN, rendering, report, sentences, systems
    from f5lite.evidence.quality.instruments import Instruments
    from f5lite.evidence.quality.run import compare, shelf_folder
    from f5lite.files import write_atomically

    if options.sentences is not None and options.sentences < 1:
        raise F5liteError(f"--sentences takes 1 or more, found {options.sentences}")
    if OWN in options.seeds and len(options.seeds) > 1:
        raise F5liteError(f"--seeds takes numbers or {OWN}, not both")
    seeds = OWN if OWN in options.seeds else options.seeds
    if options.margin is not None and options.margin <= 0:
        raise F5liteError(f"--margin must be above zero, found {options.margin}")
    if options.text:
        texts = sentences.read(options.text)[: options.sentences]
    else:
        texts = sentences.bundled_sentences(options.sentences or 60)
    for path in (options.report, options.save):
        if path is not None and not path.parent.is_dir():
            raise F5liteError(f"folder {path.parent} doesn't exist; make it first")
    folder = options.folder or shelf_folder()
    instruments = Instruments(options.threads)
    _ = instruments.recogniser  # a missing package should be said before anything is spoken
    a, b = systems.system(options.a), systems.system(options.b)
    margins = {"wer": options.margin} if options.margin else None
    try:
        result, rows = compare(
            a,
            b,
            texts,
            options.voices,
            seeds,
            spread=options.spread,
            folder=folder,
            margins=margins,
            instruments=instruments,
            progress=Line(),
        )
    except KeyboardInterrupt:
        print(
            "\nf5lite: stopped; what was made is kept, the same command goes on from here.", file=sys.stderr
        )
        return 130
    if options.save:
        write_atomically(options.save, result.to_json())
    if options.report:
        write_atomically(options.report, report.page(result, rows, rendering.Shelf(folder)))
    print(json.dumps(result.to_dict()) if options.json else result.table())
    return 1 if result.figure("wer").status == "worse" else 0


class Line:
    """Progress on standard error: a line that rewrites itself on a terminal, one every ten seconds elsewhere."""

    def __init__(self) -> None:
        self.last = 0.0

    def __call__(self, done: int, total: int, left: float | None) -> None:
        now, live = time.monotonic(), sys.stderr.isatty()
        if done < total and now - self.last < (0.2 if live else 10):
            return
        self.last = now
        shown = "" if left is None else f", about {duration(left)} left" if done < total else ""
        end = "\n" if done == total or not live else ""
        print(f"{chr(13) if live else ''}{done} of {total}{shown}   ", end=end, file=sys.stderr, flush=True)


def duration(seconds: float) -> str:
    """ "40 s", "12 min", "2 h 5 min"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
