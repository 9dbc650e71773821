"""`jarvisctl recall`: what any agent said in this project, or who said these words."""

import argparse

from jarvisd.client import clock, terminal
from jarvisd.client.commands.conversation import count
from jarvisd.client.parser import (
    Subparsers,
    add_connection,
    add_json,
    client_of,
    declare,
)
from jarvisd.client.talk import message_lines
from jarvisd.protocol.conversations import (
    DEFAULT_RECALLED,
    ConversationsRecall,
    ConversationsRecallResult,
    RecallHit,
)

EXAMPLES = """\
jarvisctl recall                     what was said last in this project
jarvisctl recall migration failed    messages with both words
jarvisctl recall --all migration     in all projects and conversations"""

NOTHING = """\
nothing was found. Agents are recorded only where the configuration says so:
    [conversations]
    record = true"""


def add(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = declare(subparsers, "recall", run, examples=EXAMPLES)
    parser.add_argument(
        "words", metavar="WORD", nargs="*", help="all of them must be in a message"
    )
    parser.add_argument(
        "-a", "--all", action="store_true", help="everywhere, not in this folder only"
    )
    parser.add_argument(
        "--limit",
        metavar="N",
        type=count,
        default=DEFAULT_RECALLED,
        help=f"how many at most ({DEFAULT_RECALLED})",
    )
    add_json(parser)
    add_connection(parser)


def run(args: argparse.Namespace) -> int:
    """Print what was found, the newest last, where a person looks."""
    asked = ConversationsRecall(
        words=" ".join(args.words),
        folder=None if args.all else terminal.folder(),
        limit=args.limit,
    )
    with client_of(args) as client:
        answer = client.call(asked, ConversationsRecallResult)

    if args.json:
        terminal.print_json(hits=answer.hits)
    elif answer.hits:
        _print(answer.hits, several=args.all)
    else:
        terminal.say(NOTHING)

    return 0


def _print(hits: list[RecallHit], *, several: bool) -> None:
    now_ms = clock.unix_ms()
    for hit in reversed(hits):
        if several:
            terminal.show(f"{hit.project or hit.conversation_id}:")

        terminal.show(*message_lines(hit.message, now_ms))
