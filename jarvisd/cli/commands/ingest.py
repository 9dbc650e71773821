"""`jarvisctl ingest`: count the lines of standard input as a block of their own."""

import argparse
import math
import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial

from jarvisd.base import paths
from jarvisd.base.errors import EXIT_INTERRUPTED, JarvisError
from jarvisd.cli import waiting, wall_clock
from jarvisd.cli.line_batches import Cutter, LineBatch, Packer
from jarvisd.cli.output import terminal
from jarvisd.cli.parser import Subparsers, add_connection, declare
from jarvisd.cli.push_delivery import Delivery, Pauses, new_block_id, wait_patiently
from jarvisd.core.origin import BlockId
from jarvisd.core.wire import PushOpen

MORE = """Exits with 0 only when every line is stored. While the daemon
is away the pipe waits; after --timeout it exits with 4 and says how many lines are
stored. A line of more than 1 MiB is counted with its length, but its text is not sent."""

DEFAULT_TIMEOUT_S = 30.0
GATHER_S = 0.1
GRACE_S = 1.0
READ_BYTES = 256 * 1024
STDIN, STDOUT = 0, 1


def add(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = declare(subparsers, "ingest", run, more=MORE)
    parser.add_argument(
        "--agent", metavar="NAME", default="text", help="whose output it is (text)"
    )
    parser.add_argument("--project", metavar="NAME", help="which project it belongs to")
    parser.add_argument(
        "--block-id",
        metavar="ID",
        type=block_id,
        help="go on with this block: 16 hex digits",
    )
    parser.add_argument(
        "--tee", action="store_true", help="pass the input on to stdout"
    )
    parser.add_argument(
        "--quiet", action="store_true", help="do not print the block's id"
    )
    add_connection(parser, timeout_s=DEFAULT_TIMEOUT_S)


def block_id(text: str) -> BlockId:
    """Return *text* as the id of a block; the type of an option."""
    if not re.fullmatch("[0-9a-f]{16}", text):
        raise argparse.ArgumentTypeError(f"expected 16 hex digits, not `{text}`")

    return BlockId(text)


def run(args: argparse.Namespace) -> int:
    """Send everything on stdin; return once it is stored."""
    opening = PushOpen(
        block_id=args.block_id or new_block_id(),
        agent=args.agent,
        project=args.project,
        cwd=terminal.folder(),
        pid=os.getpid(),
    )
    if not args.quiet:
        terminal.report(f"block {opening.block_id}")

    delivery = Delivery(args.socket or paths.socket_path(os.environ), opening)
    try:
        for batch in _batches(tee=args.tee):
            _insist(partial(delivery.deliver, batch), args.timeout)

        _insist(delivery.close, args.timeout)
    except JarvisError:
        _print_stored(delivery, "stored so far")
        raise
    except KeyboardInterrupt:
        _print_stored(delivery, "stored before the interrupt")
        _break_off(delivery)
        return EXIT_INTERRUPTED

    if not args.quiet:
        _print_stored(delivery, "stored")

    return 0


def _batches(*, tee: bool) -> Iterator[LineBatch]:
    """Yield batches of standard input: full ones at once, others after `GATHER_S`."""
    cutter, packer = Cutter(), Packer()
    due = math.inf
    while True:
        timeout_s = None if due == math.inf else max(0.0, due - wall_clock.monotonic())
        if waiting.wait([STDIN], timeout_s):
            data = os.read(STDIN, READ_BYTES)
            if not data:
                break

            if tee:
                terminal.write_all(STDOUT, data)

            yield from packer.pack(cutter.feed(data))
            due = min(due, wall_clock.monotonic() + GATHER_S)

        if wall_clock.monotonic() >= due:
            yield from packer.rest()
            due = math.inf

    yield from packer.pack(cutter.finish())
    yield from packer.rest()


def _insist(attempt: Callable[[], None], limit_s: float) -> None:
    pauses, deadline = Pauses(), wall_clock.monotonic() + limit_s
    while True:
        try:
            attempt()
        except JarvisError as exc:
            wait_patiently(pauses, exc, deadline)
        else:
            return


def _break_off(delivery: Delivery) -> None:
    """End the block of an interrupted pipe, if the daemon can be reached."""
    if delivery.was_opened:
        with suppress(JarvisError, KeyboardInterrupt):
            delivery.hang_up()  # an answer may be on its way
            delivery.close(EXIT_INTERRUPTED, timeout_s=GRACE_S)


def _print_stored(delivery: Delivery, when: str) -> None:
    lines = delivery.stored_lines
    terminal.report(f"{lines:,} {'line' if lines == 1 else 'lines'} {when}")
