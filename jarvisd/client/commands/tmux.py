"""`jarvisctl tmux`: the file that gives tmux a status segment and a picker."""

import argparse

from jarvisd.client import terminal
from jarvisd.client.packaged import packaged
from jarvisd.client.parser import Subparsers, declare

EXAMPLES = """\
run-shell 'tmux source-file "$(jarvisctl tmux)"'        in tmux.conf, at its end
set -g @jarvisd-key J                                   before it: the key of the picker
set -g @jarvisd-status off                              before it: leave status-right alone
jarvisctl tmux --print                                  the file itself"""


def add(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = declare(subparsers, "tmux", run, examples=EXAMPLES)
    parser.add_argument(
        "--print", action="store_true", help="print what is in it, not where it lies"
    )


def run(args: argparse.Namespace) -> int:
    """Print the file's path, or the file."""
    path = packaged("share") / "jarvisd.tmux"
    if args.print:
        terminal.pass_on(path.read_text(encoding="utf-8"), end="")
    else:
        terminal.show(str(path))

    return 0
