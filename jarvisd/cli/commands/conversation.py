"""`jarvisctl conversation`: people's threads across channels, kept by the daemon."""

import argparse
import math
import secrets
import sys
from collections.abc import Callable

import msgspec

from jarvisd.cli import wall_clock
from jarvisd.cli.daemon_client import Client
from jarvisd.cli.output import format as fmt
from jarvisd.cli.output import terminal
from jarvisd.cli.output.messages_view import message_lines
from jarvisd.cli.output.text import safe
from jarvisd.cli.parser import (
    Parser,
    Subparsers,
    add_connection,
    add_json,
    client_of,
    declare,
)
from jarvisd.conversations.model import ConversationId, ConversationView
from jarvisd.conversations.wire import (
    DEFAULT_LISTED,
    DEFAULT_MESSAGES,
    ConversationsConsolidate,
    ConversationsConsolidateResult,
    ConversationsDecay,
    ConversationsDecayResult,
    ConversationsGetOrCreate,
    ConversationsGetOrCreateResult,
    ConversationsLinkChannel,
    ConversationsLinkChannelResult,
    ConversationsList,
    ConversationsListResult,
    ConversationsMessages,
    ConversationsMessagesResult,
    ConversationsResolve,
    ConversationsSaveMessage,
    ConversationsSaveMessageResult,
)
from jarvisd.core.message import Role

_ACTIONS: dict[str, str] = {
    "list": "those that are not over, newest activity first",
    "open": "print the id of a person's conversation, a new one if need be",
    "save": "add a message: TEXT, or standard input",
    "messages": "print the messages, the summary of older ones first",
    "link": "bind who somebody is on a channel to a conversation",
    "resolve": "print the id of the conversation somebody on a channel is in",
    "consolidate": "fold the oldest half of the messages into the summary now",
    "decay": "remove conversations that are over now",
}


def add(subparsers: Subparsers) -> None:
    """Declare the command and its actions."""
    parser = declare(subparsers, "conversation", run)
    actions = parser.add_subparsers(
        title="actions", dest="action", metavar="ACTION", required=True
    )
    for name, summary in _ACTIONS.items():
        action: Parser = actions.add_parser(name, help=summary, allow_abbrev=False)
        _OPTIONS[name](action)
        add_json(action)
        add_connection(action)


def run(args: argparse.Namespace) -> int:
    """Do the action."""
    with client_of(args) as client:
        answer, lines = _DOES[args.action](client, args)

    if args.json:
        terminal.print_json(**msgspec.structs.asdict(answer))
    else:
        terminal.show(*lines)

    return 0


def hours(text: str) -> float:
    """Return *text* as a number of hours, 0 or more; the type of an option."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan

    if not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"expected hours, 0 or more, not `{text}`")

    return number


def count(text: str) -> int:
    """Return *text* as a whole number, 0 or more; the type of an option."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(
            f"expected a whole number, 0 or more, not `{text}`"
        )

    return int(text)


def _add_id(parser: Parser) -> None:
    parser.add_argument("id", metavar="ID", help="the conversation's id")


def _add_limit(parser: Parser, default: int) -> None:
    parser.add_argument(
        "--limit",
        metavar="N",
        type=count,
        default=default,
        help=f"how many at most ({default})",
    )


def _list_options(parser: Parser) -> None:
    parser.add_argument("-a", "--all", action="store_true", help="old ones as well")
    _add_limit(parser, DEFAULT_LISTED)


def _open_options(parser: Parser) -> None:
    parser.add_argument("user", metavar="USER", help="whose conversation")
    parser.add_argument("--channel", metavar="NAME", help="where they speak now")
    parser.add_argument("--as", dest="alias", metavar="ID", help="who they are there")
    parser.add_argument("--name", metavar="TEXT", help="how to show them")


def _save_options(parser: Parser) -> None:
    _add_id(parser)
    parser.add_argument("text", metavar="TEXT", nargs="?", help="the message")
    parser.add_argument(
        "--role",
        choices=tuple(each.value for each in Role),
        default=Role.USER.value,
        metavar="ROLE",
        help="who speaks: user (unless told), assistant, system or tool",
    )
    parser.add_argument("--channel", metavar="NAME", default="", help="where")


def _messages_options(parser: Parser) -> None:
    _add_id(parser)
    _add_limit(parser, DEFAULT_MESSAGES)


def _add_channel(parser: Parser) -> None:
    parser.add_argument("channel", metavar="CHANNEL", help="such as telegram")
    parser.add_argument("alias", metavar="USER", help="who they are there")


def _link_options(parser: Parser) -> None:
    _add_id(parser)
    _add_channel(parser)
    parser.add_argument(
        "--move", action="store_true", help="take them from another conversation"
    )


def _consolidate_options(parser: Parser) -> None:
    _add_id(parser)
    parser.add_argument(
        "--threshold", metavar="N", type=count, help="instead of the configured one"
    )


def _decay_options(parser: Parser) -> None:
    parser.add_argument(
        "--max-age-hours",
        metavar="HOURS",
        type=hours,
        help="instead of the configured age",
    )


_Done = tuple[msgspec.Struct, list[str]]


def _list(client: Client, args: argparse.Namespace) -> _Done:
    answer = client.call(
        ConversationsList(active_only=not args.all, limit=args.limit),
        ConversationsListResult,
    )
    now_ms = wall_clock.unix_ms()
    if not (answer.conversations or args.json):
        everything = "there is no conversation yet"
        terminal.report(everything if args.all else "no conversation is going on")

    return answer, [_line(each, now_ms) for each in answer.conversations]


def _open(client: Client, args: argparse.Namespace) -> _Done:
    answer = client.call(
        ConversationsGetOrCreate(
            user_id=args.user,
            channel=args.channel,
            channel_user_id=args.alias,
            display_name=args.name,
        ),
        ConversationsGetOrCreateResult,
    )
    return answer, [answer.conversation.conversation_id]


def _save(client: Client, args: argparse.Namespace) -> _Done:
    content = sys.stdin.read().rstrip("\n") if args.text is None else args.text
    answer = client.call(
        ConversationsSaveMessage(
            conversation_id=ConversationId(args.id),
            role=Role(args.role),
            content=content,
            channel=args.channel,
            # The question is asked again when the connection breaks.
            key=secrets.token_hex(16),
        ),
        ConversationsSaveMessageResult,
    )
    return answer, []


def _messages(client: Client, args: argparse.Namespace) -> _Done:
    answer = client.call(
        ConversationsMessages(
            conversation_id=ConversationId(args.id), limit=args.limit
        ),
        ConversationsMessagesResult,
    )
    now_ms = wall_clock.unix_ms()
    lines = [line for each in answer.messages for line in message_lines(each, now_ms)]
    return answer, lines


def _link(client: Client, args: argparse.Namespace) -> _Done:
    answer = client.call(
        ConversationsLinkChannel(
            conversation_id=ConversationId(args.id),
            channel=args.channel,
            channel_user_id=args.alias,
            move=args.move,
        ),
        ConversationsLinkChannelResult,
    )
    moved = answer.moved_from
    return answer, [] if moved is None else [f"moved from {moved}"]


def _resolve(client: Client, args: argparse.Namespace) -> _Done:
    answer = client.call(
        ConversationsResolve(channel=args.channel, channel_user_id=args.alias),
        ConversationView,
    )
    return answer, [answer.conversation_id]


def _consolidate(client: Client, args: argparse.Namespace) -> _Done:
    answer = client.call(
        ConversationsConsolidate(
            conversation_id=ConversationId(args.id), threshold=args.threshold
        ),
        ConversationsConsolidateResult,
    )
    return answer, [f"{answer.folded} folded, {answer.message_count} left"]


def _decay(client: Client, args: argparse.Namespace) -> _Done:
    answer = client.call(
        ConversationsDecay(max_age_hours=args.max_age_hours), ConversationsDecayResult
    )
    return answer, [f"{answer.removed} removed"]


def _line(view: ConversationView, now_ms: int) -> str:
    who = view.display_name or view.user_id
    folded = f" (and {view.folded_count} folded)" if view.folded_count else ""
    passed = fmt.ago(view.last_activity_ms, now_ms)
    size = f"{fmt.number_of(view.message_count, 'message')}{folded}"
    return f"{view.conversation_id}  {passed:>4}  {safe(who)}, {size}"


_OPTIONS: dict[str, Callable[[Parser], None]] = {
    "list": _list_options,
    "open": _open_options,
    "save": _save_options,
    "messages": _messages_options,
    "link": _link_options,
    "resolve": _add_channel,
    "consolidate": _consolidate_options,
    "decay": _decay_options,
}
_DOES: dict[str, Callable[[Client, argparse.Namespace], _Done]] = {
    "list": _list,
    "open": _open,
    "save": _save,
    "messages": _messages,
    "link": _link,
    "resolve": _resolve,
    "consolidate": _consolidate,
    "decay": _decay,
}
