"""`jarvisctl jump`: to the terminal in which a session runs."""

import argparse
import os

from jarvisd.cli import jumping, naming
from jarvisd.cli.output import terminal
from jarvisd.cli.parser import Subparsers, add_connection, client_of, declare

MORE = """In tmux it shows the pane. For other terminals `jump` in the configuration, or
JARVISD_JUMP, names a command; {pid}, {tty}, {agent}, {session_id} and {cwd} in it are
filled in, and no shell is started."""


def add(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = declare(subparsers, "jump", run, more=MORE)
    parser.add_argument(
        "name", metavar="NAME", nargs="*", help=f"the session: {naming.HELP}"
    )
    parser.add_argument(
        "-n", "--dry-run", action="store_true", help="say where it is, and stay"
    )
    parser.add_argument(
        "--client", metavar="NAME", help="the tmux client to take there"
    )
    add_connection(parser)


def run(args: argparse.Namespace) -> int:
    """Jump to the terminal of the session."""
    with client_of(args) as client:
        name = " ".join(args.name)
        if name in {"", naming.NEXT}:
            wanted = jumping.most_urgent(client)
        else:
            wanted = jumping.target_of(client, name)

    if args.dry_run:
        terminal.show(jumping.where(wanted, os.environ))
    else:
        jumping.jump(wanted, os.environ, client=args.client)

    return 0
