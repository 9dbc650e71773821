"""`jarvisctl statusline`: declared here for its help; `client.statusline` does the work."""

import argparse

from jarvisd.cli import statusline
from jarvisd.cli.parser import Subparsers, declare

MORE = """The
daemon learns from it how much of the account's limits is used, which no transcript
tells. The line shows the model, the context, the cost of the session, the
five-hour limit, and how many other sessions need you. With --wrap it is the one of your command:
same input, output untouched, its exit status; the daemon is told on the side."""


def add(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = declare(subparsers, "statusline", run, more=MORE)
    parser.add_argument(
        "--wrap", metavar="CMD", help="show what this shell command prints instead"
    )


def run(args: argparse.Namespace) -> int:
    """Print the line for options in a form that the fast path left to us."""
    return statusline.show([] if args.wrap is None else ["--wrap", args.wrap]) or 0
