"""`jarvisctl forget`: remove what was said, for ever, and say what was removed."""

import argparse
import os
import re

from jarvisd.base.errors import EXIT_USAGE
from jarvisd.cli import filters, naming, wall_clock
from jarvisd.cli.daemon_client import Client
from jarvisd.cli.output import format as fmt
from jarvisd.cli.output import terminal
from jarvisd.cli.parser import Subparsers, add_connection, add_json, client_of, declare
from jarvisd.conversations.model import ConversationId
from jarvisd.conversations.wire import ConversationsForget, ConversationsForgetResult
from jarvisd.core.origin import SessionId

MORE = """\
What was counted (lines, tokens, cost) stays:
it holds no words. The agents' own files are not touched."""

TIMEOUT_S = 60.0
_CONVERSATION = re.compile(r"[0-9a-f]{16}")


def add(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = declare(subparsers, "forget", run, more=MORE)
    parser.add_argument(
        "target",
        metavar="WHAT",
        nargs="?",
        help="a project's folder, a conversation's id, or a session: an id or its "
        "beginning, words of a title, @next or @latest",
    )
    parser.add_argument(
        "--all", action="store_true", help="all that is kept of all conversations"
    )
    add_json(parser)
    add_connection(parser, timeout_s=TIMEOUT_S)


def run(args: argparse.Namespace) -> int:
    """Forget, and say what was forgotten."""
    if args.all == (args.target is not None):
        terminal.report("say what to forget: a project, a session, or --all")
        return EXIT_USAGE

    with client_of(args) as client:
        gone = _forget(client, args.target)

    if args.json:
        terminal.print_json(forgotten=gone)
    else:
        _print(gone)

    return 0


def _forget(client: Client, target: str | None) -> ConversationsForgetResult:
    """Forget what *target* means, or everything if it is None.

    Raises:
        JarvisError: Nothing, or more than one session, is meant.

    """
    if target is None:
        return _call(client, ConversationsForget(everything=True))

    if target in {".", ".."} or "/" in target:
        folder = os.path.abspath(os.path.expanduser(target))  # noqa: PTH100, PTH111 - text
        gone = _call(client, ConversationsForget(project=folder))
        if not _is_any(gone):
            filters.check(client.call, project=folder)

        return gone

    if _CONVERSATION.fullmatch(target):
        id_ = ConversationId(target)
        gone = _call(client, ConversationsForget(conversation_id=id_))
        if _is_any(gone):
            return gone

    return _forget_session(client, target)


def _forget_session(client: Client, name: str) -> ConversationsForgetResult:
    try:
        found = naming.resolve(client, name, strictly=True)
    except naming.UnknownNameError:
        # Words are kept longer than an agent keeps its files.
        gone = _call(client, ConversationsForget(session_id=SessionId(name)))
        if not _is_any(gone):
            raise

        return gone

    session_id = naming.session_of(found, name)
    terminal.report(f"session {session_id} of {found.agent}")
    return _call(client, ConversationsForget(session_id=session_id))


def _call(client: Client, params: ConversationsForget) -> ConversationsForgetResult:
    return client.call(params, ConversationsForgetResult)


def _is_any(gone: ConversationsForgetResult) -> bool:
    return bool(gone.messages or gone.conversations or gone.summaries)


def _print(gone: ConversationsForgetResult) -> None:
    terminal.show(
        f"forgot {gone.messages} messages, {gone.conversations} conversations "
        f"and {gone.summaries} summaries"
    )
    if gone.old_backups and gone.old_backups_until_ms is not None:
        left_s = max(0, gone.old_backups_until_ms - wall_clock.unix_ms()) / fmt.MS_PER_S
        terminal.report(
            f"{gone.old_backups} backups made before may still have it; "
            f"the last is replaced in {fmt.duration(left_s)}"
        )
