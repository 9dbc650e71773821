"""`jarvisctl notify`: notify when a session needs somebody, once each."""

import argparse
import os

from jarvisd import config
from jarvisd.base import paths
from jarvisd.base.errors import EXIT_USAGE, ProtocolError
from jarvisd.base.session_words import State
from jarvisd.cli import filters, wall_clock
from jarvisd.cli.budget_notices import BudgetNotices
from jarvisd.cli.commands.next import add_filters
from jarvisd.cli.daemon_client import Client
from jarvisd.cli.notices import Notice, Shower
from jarvisd.cli.notification_queue import (
    Allowance,
    Pending,
    quiet_hours,
)
from jarvisd.cli.notifying import Diary, Notifier
from jarvisd.cli.output import terminal
from jarvisd.cli.parser import Subparsers, add_json, declare
from jarvisd.config import NotifySettings
from jarvisd.rpc.client_wire import SubscriptionFilter

MORE = """Tells of approvals, questions, crashes and limits as they come, each once,
even over restarts; whoever needs nobody any more is not told of. What a subagent needs
is told as its parent's. What to tell of, and how, is `[notify]` in the configuration;
options go before it. It prints what it tells, and goes on until Ctrl-C."""

_SHORT = {"approval": State.WAITING_APPROVAL, "answer": State.WAITING_ANSWER}
"""How tables call what has a longer name on the wire."""

WAYS = ("desktop", "bell", "command")


def add(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = declare(subparsers, "notify", run, more=MORE)
    parser.add_argument(
        "--on",
        metavar="STATE",
        action="append",
        type=lambda word: _SHORT.get(word, word),
        choices=[each.value for each in State],
        help="tell when a session comes to this; may be repeated",
    )
    parser.add_argument(
        "--by",
        metavar="WAY",
        action="append",
        choices=WAYS,
        help=f"how: {', '.join(WAYS)}; may be repeated",
    )
    parser.add_argument(
        "--after",
        metavar="SECONDS",
        type=float,
        help="tell only of what has lasted so long",
    )
    parser.add_argument(
        "--quiet", metavar="FROM-TO", help="tell nothing meanwhile, as 22:00-07:00"
    )
    add_filters(parser)
    add_json(parser)
    parser.add_argument(
        "--socket", metavar="PATH", help="ask the daemon on this socket"
    )
    parser.add_argument(
        "--command",
        metavar="WORD",
        nargs=argparse.REMAINDER,
        help="run this for each; {title}, {session_id} and others are filled in",
    )


def run(args: argparse.Namespace) -> int:
    """Notify until Ctrl-C."""
    wanted = config.notify_settings(config.read([], os.environ).notify, _options(args))
    if "command" in wanted.by and not wanted.command:
        terminal.report(
            "--by command: which one? Name it with --command, as the last option"
        )
        return EXIT_USAGE

    if args.agent is not None or args.project is not None:
        with Client(args.socket or paths.socket_path(os.environ)) as client:
            filters.check(client.call, agent=args.agent)
            try:
                filters.check(client.call, project=args.project)
            except ProtocolError as exc:  # it may be worked on for the first time today
                terminal.report(f"{exc}; waiting for its first session")

    diary = Diary(os.environ)
    try:
        _notifier(args, wanted, diary).run()
    finally:
        diary.close()

    return 0


def _options(args: argparse.Namespace) -> dict[str, object]:
    given = {
        "states": args.on,
        "by": args.by or (["command"] if args.command else None),
        "command": args.command,
        "after_s": args.after,
        "quiet": args.quiet,
    }
    return {key: value for key, value in given.items() if value is not None}


def _notifier(
    args: argparse.Namespace, wanted: NotifySettings, diary: Diary
) -> Notifier:
    shower = Shower(wanted.by, wanted.command)
    is_quiet = quiet_hours(wanted.quiet, wall_clock.minute_of_day)

    def show(shown: Notice) -> None:
        shower.show(shown)
        _print(shown, as_json=args.json)

    return Notifier(
        args.socket or paths.socket_path(os.environ),
        Pending(
            states=frozenset(wanted.states),
            after_ms=wanted.after_s * 1000,
            is_quiet=is_quiet,
            last=0,
        ),
        BudgetNotices(
            is_quiet,
            wanted=wanted.budgets and args.agent is None and args.project is None,
        ),
        Allowance(wanted.per_minute),
        diary,
        show=show,
        chosen=SubscriptionFilter(agent=args.agent, project=args.project),
    )


def _print(shown: Notice, *, as_json: bool) -> None:
    if as_json:
        terminal.print_json_line(notice=shown)
        return

    when = wall_clock.local_time(shown.since_ms)
    terminal.show("  ".join((when, shown.title, *shown.body.splitlines())))
    terminal.flush()
