"""`jarvisctl pick`: the sessions as a list to choose from, for a popup of tmux."""

import argparse
import os
import sys

from jarvisd.base import paths
from jarvisd.base.errors import EXIT_USAGE
from jarvisd.cli import filters, jumping, picking
from jarvisd.cli.commands.next import add_filters
from jarvisd.cli.output import terminal
from jarvisd.cli.output.live_view import run_screen
from jarvisd.cli.parser import (
    Subparsers,
    add_colour,
    add_connection,
    client_of,
    declare,
)
from jarvisd.cli.watching import StatesFeed
from jarvisd.state.wire import StatesList

MORE = """Those that need somebody come first, and those at work last; each keeps its number
while it is shown. Enter goes to the
chosen session as `jump` does, 1 to 9 to one of the first nine, q leaves."""


def add(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = declare(subparsers, "pick", run, more=MORE)
    add_filters(parser)
    parser.add_argument(
        "--client", metavar="NAME", help="the tmux client to take there"
    )
    add_colour(parser)
    add_connection(parser)


def run(args: argparse.Namespace) -> int:
    """Show the list, and jump to the session that is chosen."""
    if not (terminal.is_terminal(sys.stdin) and terminal.can_redraw(os.environ)):
        terminal.report("choosing needs a terminal; `jarvisctl next` only lists")
        return EXIT_USAGE

    with client_of(args) as client:
        filters.check(client.call, agent=args.agent, project=args.project)

    chosen = StatesList(agent=args.agent, project=args.project)
    feed = StatesFeed(args.socket or paths.socket_path(os.environ), chosen)
    colour = terminal.wants_colour(args.color, os.environ)
    picker = picking.Picker(feed, _goer(args.client), colour=colour)
    try:
        run_screen(feed, picker)
    finally:
        feed.close()

    return 0


def _goer(client: str | None) -> picking.Goer:
    def go(wanted: jumping.JumpTarget) -> None:
        jumping.jump(wanted, os.environ, client=client)

    return go
