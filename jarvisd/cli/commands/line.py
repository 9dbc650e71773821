"""`jarvisctl line`: declared here for its help; `client.line` does the work."""

import argparse

from jarvisd.cli import line
from jarvisd.cli.parser import Subparsers, declare, whole

MORE = """Prints nothing when no daemon answers within 0.2 s: a status bar is
never kept waiting, and shows no error."""


def add(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = declare(subparsers, "line", run, more=MORE)
    parser.add_argument("--tmux", action="store_true", help="double each #, for tmux")
    parser.add_argument(
        "--width", metavar="COLUMNS", type=whole, help="leave out what does not fit"
    )
    parser.add_argument(
        "--check", action="store_true", help="exit with 4 when no daemon answers"
    )


def run(args: argparse.Namespace) -> int:
    """Print the line for options in a form that the fast path left to us."""
    options = ["--tmux"] * args.tmux + ["--check"] * args.check
    if args.width is not None:
        options += ["--width", str(args.width)]

    return line.print_line(options) or 0
