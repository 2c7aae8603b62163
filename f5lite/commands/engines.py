"""`f5lite engines`: which int8 engine is the fastest here. Measures one block, compiles the fused code if asked, says why."""

from __future__ import annotations

import argparse
import json

HELP = "measure which int8 engine is the fastest here, and compile the fused one"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`--compile`, `--refresh`, `--shape`, `--json`."""
    parser.add_argument(
        "--compile", action="store_true", help="compile the fused engine, or say why that can't be done"
    )
    parser.add_argument("--refresh", action="store_true", help="measure again, even if a measurement is kept")
    parser.add_argument("--shape", default="F5TTS_v1_Base", help="whose block (default: F5TTS_v1_Base)")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")


def run(options: argparse.Namespace) -> int:
    """Exit code 0, or 2 if nothing could be measured or compiled."""
    from f5lite import machine
    from f5lite.errors import F5liteError
    from f5lite.model.config import SHAPES
    from f5lite.shrink.int8 import auto, best_product

    if options.shape not in SHAPES:
        raise F5liteError(f"no shape {options.shape!r}; there are {', '.join(SHAPES)}")
    config = SHAPES[options.shape].dit
    if options.compile:
        best_product.ready(config)
    found = auto.calibrated(config, refresh=options.refresh)
    if options.json:
        print(json.dumps({**found.to_dict(), "machine": machine.card().to_dict()}, indent=2))
        return 0
    print(f"{'engine':12} {'ms a block':>10} {'relative error':>15}")
    for name in sorted(found.errors, key=lambda each: found.seconds.get(each, float("inf"))):
        took = f"{1e3 * found.seconds[name]:.1f}" if name in found.seconds else "–"
        print(f"{name:12} {took:>10} {found.errors[name]:>14.2%}")
    print(f"\nauto takes {found.name}: {found.why}")
    if "fused" not in found.errors:
        print("The fused engine isn't compiled for this machine: f5lite engines --compile")
    return 0
