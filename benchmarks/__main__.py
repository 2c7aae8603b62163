"""Every figure, beside every peer, in one run: `make bench`, or

    python -m benchmarks [--full] [--only WORD,WORD] [--minutes 5] [--fresh] [--retry] [--report] [--publish]

Stopped, it goes on where it was: each row is kept. The table, the picture and latest.json are written at the end.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from pathlib import Path

from benchmarks import measure, plan, report, variants
from benchmarks.rows import Key, Store
from benchmarks.session import ROOT, Failed
from f5lite import machine
from f5lite.errors import F5liteError
from f5lite.model.config import V1_BASE, ModelConfig

OUT = ROOT / "benchmarks" / "out"


def options(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--full", action="store_true", help="every variant at every length, more repeats (hours)"
    )
    parser.add_argument("--only", default="", help="words: rows whose work or variant holds one of them")
    parser.add_argument(
        "--minutes", type=float, help="begin nothing that would end later; run again to go on"
    )
    parser.add_argument(
        "--fresh", action="store_true", help="measure anew; the rows so far become `previous`"
    )
    parser.add_argument("--retry", action="store_true", help="try again what was unavailable")
    parser.add_argument("--again", default="", help="words: forget these rows first and measure them anew")
    parser.add_argument("--report", action="store_true", help="measure nothing; write table and picture")
    parser.add_argument("--publish", action="store_true", help="copy table and picture into docs/")
    parser.add_argument("--list", action="store_true", help="what would be measured, and how long it takes")
    parser.add_argument("--blocks", type=int, help=f"{V1_BASE.dit.depth} is the whole model")
    parser.add_argument("--lengths", default=",".join(map(str, plan.LENGTHS)), help="frames")
    parser.add_argument("--threads", default="", help="1,2 where there are two cores")
    parser.add_argument("--out", type=Path, default=OUT, help="where rows, table and picture are kept")
    return parser.parse_args(arguments)


def words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def threads_here(asked: str) -> list[int]:
    if asked:
        return [int(word) for word in words(asked)]
    return [1, plan.THREADS] if machine.cores() >= plan.THREADS else [1]


def shape(blocks: int | None) -> tuple[ModelConfig, str]:
    """The model to measure and what has to be said about it."""
    from f5lite.evidence import workload

    if blocks and blocks != V1_BASE.dit.depth:
        return V1_BASE.with_blocks(blocks), f"{blocks} blocks instead of {V1_BASE.dit.depth}."
    here = workload.here()
    return (here.config, here.note) if not blocks else (V1_BASE, "")


def main(arguments: list[str] | None = None) -> int:
    chosen = options(arguments)
    from f5lite.evidence import workload

    config, note = shape(chosen.blocks)
    lengths, threads = [int(word) for word in words(chosen.lengths)], threads_here(chosen.threads)
    place = chosen.out / f"{machine.card().fingerprint}-{config.dit.depth}"
    if chosen.fresh and (place / "rows").is_dir():
        shutil.rmtree(place / "previous", ignore_errors=True)
        (place / "rows").rename(place / "previous")
    store = Store(place / "rows")
    everyone = variants.all_of(config.dit.depth)
    asked = plan.wanted(everyone, lengths=lengths, threads=threads, full=chosen.full, only=words(chosen.only))
    forget(store, chosen)
    estimate = plan.Estimate(store.rows(), {frames: report.operations(config, frames) for frames in lengths})
    todo = plan.pieces((key for key in asked if not store.has(key)), plan.together(machine.memory_limit()[0]))
    tell(store, asked, todo, estimate, chosen.full)
    if chosen.list:
        for piece in todo:
            print(
                f"{piece.name}: {', '.join(piece.variants)}; about {clock(estimate.piece(piece, chosen.full))}"
            )
        return 0
    late = False
    if not chosen.report:
        model = workload.prepare(config)
        deadline = time.monotonic() + 60 * chosen.minutes if chosen.minutes else None
        bench = measure.Bench(
            model, place, {each.name: each for each in everyone}, store, chosen.full, deadline, say
        )
        late = run(bench, todo, estimate)
        last = None if late or chosen.only else plan.final(store.rows(), plan.middle(lengths))
        if last is not None:
            late = side_by_side(bench, last, estimate)
        late = report.limits(place, threads, bench) or late
    files = report.write(place, store, config, note)
    if chosen.publish:
        files += report.publish(place)
    for path in files:
        say(f"wrote {path}")
    print(report.summary(store.rows(), report.load_previous(place)))
    if late:
        say("the time is over; run it again to go on")
    return 0


def forget(store: Store, chosen: argparse.Namespace) -> None:
    """Rows that the options ask to measure again."""
    again = words(chosen.again)
    for row in store.rows():
        named = any(word.lower() in f"{row.work} {row.variant}".lower() for word in again)
        if named or (chosen.retry and row.unavailable):
            store.forget([row.key])


def tell(store: Store, asked: list[Key], todo: list[plan.Piece], estimate: plan.Estimate, full: bool) -> None:
    there = sum(store.has(key) for key in asked)
    whole = sum(estimate.piece(piece, full) for piece in todo)
    say(
        f"{there} of {len(asked)} rows are there" + (f"; the rest takes about {clock(whole)}" if todo else "")
    )
    old = {row.code for row in store.rows() if row.code} - {measure.code()}
    if old:
        say("some rows of f5lite were measured with other code than is here now; --fresh measures anew")


def run(bench: measure.Bench, todo: list[plan.Piece], estimate: plan.Estimate) -> bool:
    """Measure the pieces; true when the time was over before the end."""
    left = sum(estimate.piece(piece, bench.full) for piece in todo)
    for number, piece in enumerate(todo, 1):
        say(f"{number} of {len(todo)}: {piece.name}; about {clock(left)} to go")
        begin, expected = time.monotonic(), estimate.piece(piece, bench.full)
        try:
            bench.stop_if_late()
            measure.piece(bench, piece)
        except measure.OutOfTime:
            return True
        except Failed as problem:
            say(f"  this piece has no figures: {problem}")
        left -= expected
        # What a piece took corrects the guess for the others.
        left *= min(3.0, max(0.4, (time.monotonic() - begin) / max(1.0, expected)))
    return False


def side_by_side(bench: measure.Bench, last: plan.Piece, estimate: plan.Estimate) -> bool:
    """Measure the last piece; a row that it has no new figures for, because it was stopped or failed, stays as it was."""
    keys = [Key(last.work, name, frames, last.threads) for name in last.variants for frames in last.frames]
    before = [row for row in map(bench.store.get, keys) if row is not None]
    bench.store.forget(keys)
    try:
        return run(bench, [last], estimate)
    finally:
        for row in before:
            now = bench.store.get(row.key)
            if now is None or now.unavailable:
                bench.store.keep(row)


def clock(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"


def say(words: str) -> None:
    print(f"[{time.strftime('%H:%M:%S')}] {words}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        say("stopped; run it again to go on")
        sys.exit(130)
    except F5liteError as problem:
        print(f"benchmarks: {problem}", file=sys.stderr)
        sys.exit(2)
