"""`jarvisctl sync`: wait until everything on disk is read and stored."""

import argparse

from jarvisd.cli.output import format as fmt
from jarvisd.cli.output import terminal
from jarvisd.cli.parser import Subparsers, add_connection, add_json, client_of, declare
from jarvisd.overview.wire import Sync, SyncResult

TIMEOUT_S = 60.0


def add(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = declare(subparsers, "sync", run)
    add_json(parser)
    add_connection(parser, timeout_s=TIMEOUT_S)


def run(args: argparse.Namespace) -> int:
    """Wait, then print the revision that holds everything."""
    with client_of(args) as client:
        answer = client.call(Sync(), SyncResult)

    if args.json:
        terminal.print_json(revision=answer.revision, took_ms=answer.took_ms)
    else:
        took = fmt.duration(answer.took_ms / fmt.MS_PER_S)
        terminal.show(f"revision {answer.revision}, after {took}")

    return 0
