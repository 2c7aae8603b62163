"""The front of `f5lite COMMAND`: finds the commands in `f5lite/commands`, imports the chosen one, runs it.

Progress and errors go to standard error; standard output is for results, so `--json` can be piped.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from f5lite.errors import F5liteError

COMMANDS = Path(__file__).parent / "commands"


def commands() -> dict[str, str]:
    """Name → one line of help. Reads HELP from the source, so no command (and no torch) is imported."""
    found = {}
    for path in sorted(COMMANDS.glob("[a-z]*.py")):
        found[path.stem] = _help(path)
    return found


def _help(path: Path) -> str:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if isinstance(target, ast.Name) and target.id == "HELP":
            return ast.literal_eval(node.value)
    return ""


def _parser(chosen: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="f5lite", description="F5-TTS on a small machine.")
    parser.add_argument("--version", action="store_true", help="print the version and stop")
    parser.add_argument("-v", "--verbose", action="count", default=0, help="say more on standard error")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, text in commands().items():
        sub = subparsers.add_parser(name, help=text, description=text)
        if name == chosen:
            module = importlib.import_module(f"f5lite.commands.{name}")
            module.add_arguments(sub)
            sub.set_defaults(run=module.run)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Exit codes: 0 done, 1 the answer is no, 2 an error that the message explains."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    # Only the words before the command can be the front's own options, and none of them takes a value.
    chosen = next((word for word in arguments if not word.startswith("-")), None)
    options = None
    try:
        parser = _parser(chosen)
        options = parser.parse_args(arguments)
        if options.version:
            from f5lite import __version__

            print(f"f5lite {__version__}")
            return 0
        if options.command is None:
            parser.print_help(sys.stderr)
            return 2
        level = (logging.WARNING, logging.INFO, logging.DEBUG)[min(options.verbose, 2)]
        logging.basicConfig(level=level, stream=sys.stderr, format="f5lite: %(message)s")
        return int(options.run(options) or 0)
    except F5liteError as problem:
        print(f"f5lite: {problem}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("f5lite: stopped.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of our output has gone (`f5lite … | head`): nothing to say, and nobody to say it to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


if __name__ == "__main__":
    sys.exit(main())
