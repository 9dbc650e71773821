"""`jarvisctl forget`: remove what was said, for ever, and say what was removed."""

import argparse
import os
import re

from jarvisd.client import clock, terminal
from jarvisd.client import format as fmt
from jarvisd.client.parser import (
    Subparsers,
    add_connection,
    add_json,
    client_of,
    declare,
)
from jarvisd.errors import EXIT_USAGE
from jarvisd.model.block import SessionId
from jarvisd.model.conversation import ConversationId
from jarvisd.protocol.conversations import (
    ConversationsForget,
    ConversationsForgetResult,
)

EXAMPLES = """\
jarvisctl forget .                   what agents said in this project
jarvisctl forget 57193ac7-30eb-...   one session of an agent, by its whole id
jarvisctl forget 9f1c0a7be52d4e60    one conversation
jarvisctl forget --all               everything that was said"""

MORE = """\
What was counted (lines, tokens, cost) stays:
it holds no words. The agents' own files are not touched."""

TIMEOUT_S = 60.0
_CONVERSATION = re.compile(r"[0-9a-f]{16}")


def add(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = declare(subparsers, "forget", run, examples=EXAMPLES, more=MORE)
    parser.add_argument(
        "target",
        metavar="WHAT",
        nargs="?",
        help="a project's folder, a session's id or a conversation's",
    )
    parser.add_argument(
        "--all", action="store_true", help="all that is kept of all conversations"
    )
    add_json(parser)
    add_connection(parser, timeout_s=TIMEOUT_S)


def run(args: argparse.Namespace) -> int:
    """Forget, and say what was forgotten."""
    if args.all == (args.target is not None):
        terminal.say("say what to forget: a project, a session, or --all")
        return EXIT_USAGE

    asked = ConversationsForget(everything=True) if args.all else _asked(args.target)
    with client_of(args) as client:
        gone = client.call(asked, ConversationsForgetResult)

    if args.json:
        terminal.print_json(forgotten=gone)
    else:
        _print(gone)

    return 0


def _asked(target: str) -> ConversationsForget:
    if target in {".", ".."} or "/" in target:
        folder = os.path.abspath(os.path.expanduser(target))  # noqa: PTH100, PTH111 - text
        return ConversationsForget(project=folder)

    if _CONVERSATION.fullmatch(target):
        return ConversationsForget(conversation_id=ConversationId(target))

    return ConversationsForget(session_id=SessionId(target))


def _print(gone: ConversationsForgetResult) -> None:
    terminal.show(
        f"forgot {gone.messages} messages, {gone.conversations} conversations "
        f"and {gone.summaries} summaries"
    )
    if gone.old_backups and gone.old_backups_until_ms is not None:
        left_s = max(0, gone.old_backups_until_ms - clock.unix_ms()) / fmt.MS_PER_S
        terminal.say(
            f"{gone.old_backups} backups made before may still have it; "
            f"the last is replaced in {fmt.duration(left_s)}"
        )
