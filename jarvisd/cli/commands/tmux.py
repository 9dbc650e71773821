"""`jarvisctl tmux`: the file that gives tmux a status segment and a picker."""

import argparse
import os

from jarvisd.base.errors import EXIT_USAGE
from jarvisd.cli import tmux
from jarvisd.cli.output import terminal
from jarvisd.cli.packaged import packaged
from jarvisd.cli.parser import Subparsers, declare


def add(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = declare(subparsers, "tmux", run)
    parser.add_argument(
        "--print", action="store_true", help="print what is in it, not where it lies"
    )
    parser.add_argument(
        "--mark",
        nargs="*",
        type=int,
        metavar="PID",
        help="mark the windows in which these processes run, and no other",
    )


def run(args: argparse.Namespace) -> int:
    """Print the file's path, or the file; or mark windows, as the file asks for."""
    if args.mark is not None:
        return _mark(args.mark)

    path = packaged("share") / "jarvisd.tmux"
    if args.print:
        terminal.pass_on(path.read_text(encoding="utf-8"), end="")
    else:
        terminal.show(str(path))

    return 0


def _mark(pids: list[int]) -> int:
    server = tmux.own_server(os.environ)
    if server is None:
        terminal.report("`--mark` is for a program that tmux runs")
        return EXIT_USAGE

    panes = server.panes()
    found = (tmux.match(pid, panes) for pid in pids)
    server.mark({each.window for each in found if each is not None}, pids)
    return 0
