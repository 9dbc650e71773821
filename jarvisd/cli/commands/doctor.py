"""`jarvisctl doctor`: look at everything that may be wrong, and say what to do."""

import argparse
import os
from dataclasses import asdict

from jarvisd.base.errors import EXIT_FAILURE
from jarvisd.cli import doctor_checks
from jarvisd.cli.doctor_checks import Finding
from jarvisd.cli.output import project_names, terminal
from jarvisd.cli.output.tables import facts, styled
from jarvisd.cli.parser import (
    Subparsers,
    add_colour,
    add_connection,
    add_json,
    client_of,
    declare,
)

_STYLES = {"ok": "32", "warn": "33", "fail": "31"}


def add(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = declare(subparsers, "doctor", run)
    add_json(parser)
    add_colour(parser)
    add_connection(parser)


def run(args: argparse.Namespace) -> int:
    """Print the findings; exit 1 when one of them is a failure."""
    environ = dict(os.environ)
    if args.socket:
        environ["JARVISD_SOCKET"] = args.socket

    with client_of(args) as client:
        found = [*doctor_checks.local(environ), *doctor_checks.of_daemon(client)]

    if args.json:
        terminal.print_json(findings=[asdict(each) for each in found])
    else:
        colour = terminal.wants_colour(args.color, os.environ)
        for finding in found:
            _print(finding, colour=colour)

    return EXIT_FAILURE if any(each.level == "fail" for each in found) else 0


def _print(finding: Finding, *, colour: bool) -> None:
    room = terminal.columns()
    rows = [(finding.subject, project_names.with_home(finding.detail))]
    if finding.remedy:
        rows.append(("", f"-> {finding.remedy}"))

    lines = facts(rows, least=10, room=None if room is None else room - 6)
    level = styled(f"{finding.level:<4}", _STYLES[finding.level] if colour else "")
    terminal.draw([f"{level}  {lines[0]}", *(f"{'':<6}{each}" for each in lines[1:])])
