"""`jarvisctl watch`: the blocks live, as a table for people or as JSON for programs."""

import argparse
import os
from typing import Any

from jarvisd.base import paths
from jarvisd.cli import filters, waiting, wall_clock
from jarvisd.cli.commands.ps import add_filters
from jarvisd.cli.feed import Feed
from jarvisd.cli.output import block_rows, live_view, terminal
from jarvisd.cli.parser import (
    Subparsers,
    add_colour,
    add_connection,
    add_json,
    client_of,
    declare,
)
from jarvisd.core.origin import BlockView
from jarvisd.rpc.client_wire import SubscriptionFilter

MORE = """Where stdout is no terminal it prints JSON, one object a line with `topic`
and `data`: `blocks` (a block as it is now), `backfill` (the first reading of history),
`daemon` (it went away, or is back)."""


def add(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = declare(subparsers, "watch", run, more=MORE)
    add_filters(parser)
    add_json(parser)
    add_colour(parser)
    add_connection(parser)


def run(args: argparse.Namespace) -> int:
    """Follow the blocks until the person leaves."""
    with client_of(args) as client:
        filters.check(client.call, agent=args.agent, project=args.project)

    chosen = SubscriptionFilter(agent=args.agent)
    path = args.socket or paths.socket_path(os.environ)
    if args.json or terminal.columns() is None:
        _Stream(args).run(path, chosen)
        return 0

    feed = Feed(path, chosen=chosen)
    feed.connect()
    view = live_view.LiveView(
        feed,
        everything=args.all,
        project=args.project,
        colour=terminal.wants_colour(args.color, os.environ),
    )
    live_view.run(feed, view)
    return 0


class _Stream:
    """The feed as JSON lines, each written as soon as it is known."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args
        self._printed: dict[str, Any] = {}

    def run(self, path: str, chosen: SubscriptionFilter) -> None:
        feed = Feed(path, chosen=chosen, on_change=self._block)
        feed.connect()
        while True:
            feed.refresh()
            self._print_change("daemon", {"connected": feed.trouble is None})
            if feed.backfill is not None:
                self._print_change("backfill", feed.backfill)

            waiting.wait(feed.wait_on(), feed.due_in_s())

    def _block(self, block: BlockView) -> None:
        args = self._args
        of_project = args.project is None or block_rows.in_project(block, args.project)
        if of_project and (
            args.all or block_rows.is_recent(block, wall_clock.unix_ms())
        ):
            terminal.print_json_line(topic="blocks", data=block)

    def _print_change(self, topic: str, data: Any) -> None:
        if self._printed.get(topic) != data:
            self._printed[topic] = data
            terminal.print_json_line(topic=topic, data=data)
