"""`f5lite check`: is this machine ready? The findings are made in `f5lite.check`; here they are printed."""

from __future__ import annotations

import argparse
import json
import sys

HELP = "say whether this machine is ready, and which command mends what isn't"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`--json` for programs."""
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")


def run(options: argparse.Namespace) -> int:
    """Exit code 0 if f5lite runs here, 1 if something stops it."""
    from f5lite import check, machine

    findings = check.check()
    good = check.ready(findings)
    if options.json:
        content = {
            "ready": good,
            "findings": [finding.to_dict() for finding in findings],
            "machine": machine.card().to_dict(),
        }
        print(json.dumps(content, indent=2))
        return 0 if good else 1
    for finding in findings:
        print(finding)
    stopping = sum(finding.status == "fail" for finding in findings)
    print()
    print(
        "Ready." if good else f"Not ready: {stopping} of {len(findings)} stop it. Run the commands after →."
    )
    sys.stdout.flush()
    return 0 if good else 1
