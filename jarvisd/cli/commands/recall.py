"""`jarvisctl recall`: what any agent said in this project, or who said these words."""

import argparse

from jarvisd.base.errors import EXIT_NO_SUCH_BLOCK
from jarvisd.cli import wall_clock
from jarvisd.cli.commands.conversation import count
from jarvisd.cli.daemon_client import Client
from jarvisd.cli.output import terminal
from jarvisd.cli.output.messages_view import message_lines
from jarvisd.cli.parser import Subparsers, add_connection, add_json, client_of, declare
from jarvisd.conversations.wire import (
    DEFAULT_RECALLED,
    ConversationsRecall,
    ConversationsRecallResult,
    RecallHit,
)

NO_WORDS = "no message has all of these words"
ELSEWHERE = "nothing was said in this project, but in others: `jarvisctl recall --all`"
WORDS_ELSEWHERE = """\
no message of this project has all of these words, but others have: look with --all"""
NOTHING = """\
nothing was found. Agents are recorded only where the configuration says so:
    [conversations]
    record = true"""


def add(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = declare(subparsers, "recall", run)
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
    params = ConversationsRecall(
        words=" ".join(args.words),
        folder=None if args.all else terminal.folder(),
        limit=args.limit,
    )
    with client_of(args) as client:
        answer = client.call(params, ConversationsRecallResult)
        reason = "" if answer.hits else _reason(client, params)

    if args.json:
        terminal.print_json(hits=answer.hits)
    elif answer.hits:
        _print(answer.hits, several=args.all)
    else:
        terminal.report(reason)

    return EXIT_NO_SUCH_BLOCK if args.words and not answer.hits else 0


def _reason(client: Client, params: ConversationsRecall) -> str:
    """Return why nothing was found."""
    if params.folder is not None and _is_any(client, words=params.words):
        return WORDS_ELSEWHERE if params.words else ELSEWHERE

    return NO_WORDS if params.words and _is_any(client, words="") else NOTHING


def _is_any(client: Client, *, words: str) -> bool:
    params = ConversationsRecall(words=words, limit=1)
    return bool(client.call(params, ConversationsRecallResult).hits)


def _print(hits: list[RecallHit], *, several: bool) -> None:
    now_ms = wall_clock.unix_ms()
    for hit in reversed(hits):
        if several:
            terminal.show(f"{hit.project or hit.conversation_id}:")

        terminal.show(*message_lines(hit.message, now_ms))
