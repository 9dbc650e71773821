"""`jarvisctl tail`: the last lines of a block, and those that follow."""

import argparse
from itertools import islice

from jarvisd.base.errors import JarvisError
from jarvisd.cli import naming, waiting
from jarvisd.cli.daemon_client import Client
from jarvisd.cli.feed import Feed
from jarvisd.cli.output import terminal
from jarvisd.cli.parser import Subparsers, add_connection, client_of, declare, whole
from jarvisd.core.origin import BlockView, Life
from jarvisd.overview.wire import (
    DEFAULT_TAIL_LINES,
    MAX_TAIL_LINES,
    BlocksGet,
    BlocksTail,
    BlocksTailResult,
)
from jarvisd.rpc.client_wire import SubscriptionFilter

SPARE_LINES = 20
"""Asked for beyond the new ones: a count may be older than the lines."""


def add(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = declare(subparsers, "tail", run)
    parser.add_argument(
        "name", metavar="NAME", nargs="+", help=f"the session or block: {naming.HELP}"
    )
    parser.add_argument(
        "-n",
        "--lines",
        metavar="N",
        type=whole,
        default=DEFAULT_TAIL_LINES,
        help=f"how many lines ({DEFAULT_TAIL_LINES}; at most {MAX_TAIL_LINES})",
    )
    parser.add_argument(
        "-f", "--follow", action="store_true", help="go on until the block ends"
    )
    parser.add_argument(
        "--raw",
        action="store_true",
        help="leave escape sequences in, on a terminal too",
    )
    add_connection(parser)


def run(args: argparse.Namespace) -> int:
    """Print the lines."""
    with client_of(args) as client:
        found = naming.resolve(client, " ".join(args.name))
        block_id = naming.block_of(found, " ".join(args.name))
        block = client.call(BlocksGet(block_id=block_id), BlockView)
        tail = _Tail(client, block, raw=args.raw or terminal.columns() is None)
        tail.print_last(args.lines)
        if block.error is not None:  # there may be more, which cannot be read
            terminal.report(f"{block.path or block.block_id}: {block.error}")

        if args.follow:
            tail.follow()

    return 0


class _Tail:
    """Prints each line of one block once."""

    def __init__(self, client: Client, block: BlockView, *, raw: bool) -> None:
        self._client = client
        self._block = block
        self._raw = raw
        self._next_line = 0
        self._changed = False

    def print_last(self, lines: int) -> None:
        """Print those of the last *lines* that were not printed before."""
        params = BlocksTail(
            block_id=self._block.block_id, lines=min(lines, MAX_TAIL_LINES)
        )
        answer = self._client.call(params, BlocksTailResult)
        known = max(0, self._next_line - answer.first_line)
        for line in islice(answer.lines, known, None):
            if self._raw:
                terminal.pass_on(line)
            else:
                terminal.show(line)

        terminal.flush()
        end = answer.first_line + len(answer.lines)
        self._next_line = max(self._next_line, end)

    def follow(self) -> None:
        """Print what comes, until the block ends."""
        chosen = SubscriptionFilter(block_id=self._block.block_id)
        feed = Feed(self._client.path, chosen=chosen, on_change=self._print_new)
        try:
            while self._block.life not in (Life.ENDED, Life.FAILED):
                self._print_news(feed)
                waiting.wait(feed.wait_on(), feed.due_in_s())
        finally:
            feed.close()

    def _print_new(self, block: BlockView) -> None:
        self._block = block
        self._changed = True

    def _print_news(self, feed: Feed) -> None:
        seen = self._block.line_count
        feed.refresh()
        if not self._changed:
            return

        self._changed = False
        try:
            # Blank lines are in no count, so there may be more.
            self.print_last(2 * max(0, self._block.line_count - seen) + SPARE_LINES)
        except JarvisError:
            # The feed notices too, and says so when the daemon is back.
            self._changed = True
