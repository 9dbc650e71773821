"""`jarvisctl report`: what was spent, when, on what; as tables, a map, or JSON."""

import argparse
import os
from collections.abc import Callable
from typing import Any

import msgspec

from jarvisd.base.errors import EXIT_BUDGET_WARNED, EXIT_FAILURE, EXIT_USAGE
from jarvisd.base.wire_types import Params
from jarvisd.base.zone import local_zone, zone_named
from jarvisd.cli import filters, wall_clock
from jarvisd.cli.block_pages import list_blocks
from jarvisd.cli.daemon_client import Client
from jarvisd.cli.daemon_connection import Fields
from jarvisd.cli.output import terminal
from jarvisd.cli.output.reports import written_days
from jarvisd.cli.output.titles import Titles
from jarvisd.cli.parser import (
    Subparsers,
    add_colour,
    add_connection,
    add_json,
    client_of,
    declare,
)
from jarvisd.overview.wire import BlocksList
from jarvisd.reports.attention_wire import ReportAttention, ReportAttentionResult
from jarvisd.reports.model import Grouping
from jarvisd.reports.wire import (
    ReportTools,
    ReportToolsResult,
    ReportUsage,
    ReportUsageResult,
    ReportWindows,
    ReportWindowsResult,
)

GROUPINGS: dict[str, Grouping] = {
    "daily": "day",
    "weekly": "week",
    "monthly": "month",
    "session": "session",
    "project": "project",
    "model": "model",
    "agent": "agent",
    "branch": "branch",
    "account": "account",
}
KINDS = (*GROUPINGS, "tool", "plugin", "blocks", "heatmap", "attention", "budget")
FULL = 100
"""Percent of a budget."""

COMPATIBLE = {"daily", "weekly", "monthly", "session", "blocks"}


def add(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = declare(
        subparsers,
        "report",
        run,
        more="Cost is at list prices. Weeks begin on Monday.",
    )
    parser.add_argument(
        "kind",
        choices=KINDS,
        metavar="KIND",
        help=f"what the rows are: {', '.join(KINDS)}",
    )
    parser.add_argument("--since", metavar="DAY", help=f"from {written_days.EXPECTED}")
    parser.add_argument("--until", metavar="DAY", help="to this day, included")
    parser.add_argument(
        "--tz",
        metavar="ZONE",
        help="use the days of this time zone instead of the local one",
    )
    parser.add_argument("--agent", metavar="NAME", help="only this agent's")
    parser.add_argument(
        "--project", metavar="NAME", help="only this project's: the end of a path"
    )
    parser.add_argument(
        "--branch", metavar="NAME", help="use only responses on this branch"
    )
    parser.add_argument(
        "--account",
        metavar="FOLDER",
        help="use only this account: its configuration folder or the end of its path",
    )
    parser.add_argument(
        "--daily", action="store_true", help="tools and plugins: a row a day"
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="budget: exit with 1 when a limit is reached, with 10 when a warning is",
    )
    form = parser.add_mutually_exclusive_group()
    add_json(form)
    form.add_argument(
        "--compat",
        choices=("ccusage",),
        metavar="TOOL",
        help="print the JSON of another tool: ccusage",
    )
    add_colour(parser)
    add_connection(parser)


def run(args: argparse.Namespace) -> int:
    """Print the report."""
    wrong = _wrong(args)
    if wrong is not None:
        terminal.report(wrong)
        return EXIT_USAGE

    with client_of(args) as client:
        filters.check(client.call, agent=args.agent, project=args.project)
        if args.compat:
            _print_compatible(client, args)
        elif args.json:
            terminal.print_json(**client.call(_params(args), Fields))
        else:
            _print(client, args)

        return _checked(client) if args.check else 0


def _checked(client: Client) -> int:
    """Return the exit status that shows how much of the budgets is spent."""
    from jarvisd.budgets.wire import ReportBudget, ReportBudgetResult  # noqa: PLC0415 - as needed

    found = client.call(ReportBudget(), ReportBudgetResult).budgets
    if any(each.percent >= FULL for each in found):
        return EXIT_FAILURE

    return EXIT_BUDGET_WARNED if any(each.warned_at for each in found) else 0


def _local_zone() -> str:
    """Return the user's zone; UTC, as libc takes it, where `TZ` names none."""
    zone = local_zone(os.environ)
    if "TZ" in os.environ:
        try:
            zone_named(zone)
        except ValueError as exc:
            terminal.report(f"TZ: {exc}; days are those of UTC")
            return "UTC"

    return zone


def _wrong(args: argparse.Namespace) -> str | None:
    """Settle what days are meant; say what is wrong with the command line."""
    try:
        zone_named(args.tz or "UTC")
    except ValueError as exc:
        return f"--tz: {exc}"

    args.tz = args.tz or _local_zone()
    for name in ("since", "until"):
        text = getattr(args, name)
        if text is None:
            continue

        try:
            setattr(args, name, written_days.day(text, _today(text, args.tz)))
        except (ValueError, OverflowError):
            return f"--{name}: expected {written_days.EXPECTED}, not `{text}`"

    is_budget = args.kind == "budget"
    narrowed = args.agent or args.project or args.since or args.until
    rules = {
        f"{args.compat} has no report `{args.kind}`": args.compat
        and args.kind not in COMPATIBLE,
        "--check is for `report budget`": args.check and not is_budget,
        "what a budget is for is configured: see [[budgets]]": is_budget and narrowed,
        "windows are of an account, not of a project": args.project
        and args.kind == "blocks",
        f"`report {args.kind}` cannot be limited to a branch or an account": (
            args.kind not in {*GROUPINGS, "heatmap"} and (args.branch or args.account)
        ),
    }
    return next((text for text, is_broken in rules.items() if is_broken), None)


def _today(text: str, zone: str) -> Any:
    # Only words like `today` need to know, and zones take time to load.
    return None if text[-1:].isdecimal() else written_days.today(zone)


def _params(args: argparse.Namespace) -> Params:
    days = {"since": args.since, "until": args.until, "tz": args.tz}
    match args.kind:
        case "blocks":
            return ReportWindows(agent=args.agent, **days)
        case "budget":
            from jarvisd.budgets.wire import ReportBudget  # noqa: PLC0415 - as needed

            return ReportBudget()
        case "attention":
            return ReportAttention(agent=args.agent, project=args.project, **days)
        case "tool" | "plugin":
            return ReportTools(
                by=args.kind,
                daily=args.daily,
                agent=args.agent,
                project=args.project,
                **days,
            )
        case kind:
            return ReportUsage(
                by=GROUPINGS.get(kind, "day"),
                agent=args.agent,
                project=args.project,
                branch=args.branch,
                account=args.account,
                **days,
            )


def _print(client: Client, args: argparse.Namespace) -> None:
    room = terminal.columns()
    colour = terminal.wants_colour(args.color, os.environ)
    titles = Titles()
    match args.kind:
        case "blocks":
            from jarvisd.cli.output.reports import usage_tables, window_tables  # noqa: PLC0415 - as needed

            spent = client.call(_params(args), ReportWindowsResult)
            lines = window_tables.lines(spent, room=room, colour=colour)
            _show(lines, [] if lines else [usage_tables.NOTHING])
        case "tool" | "plugin":
            from jarvisd.cli.output.reports import tool_tables  # noqa: PLC0415 - as needed

            used = client.call(_params(args), ReportToolsResult)
            nothing = [] if used.rows else [f"no {args.kind} was used in that time"]
            _show(tool_tables.lines(used.rows, room=room, colour=colour), nothing)
        case "attention":
            from jarvisd.cli.output.reports import attention_tables  # noqa: PLC0415 - as needed

            waited = client.call(_params(args), ReportAttentionResult)
            titles.learn(client.call, attention_tables.untitled(waited))
            shown = attention_tables.lines(waited, titles, room=room, colour=colour)
            _show(shown, attention_tables.notes(waited))
        case "budget":
            from jarvisd.budgets.wire import ReportBudgetResult  # noqa: PLC0415 - as needed
            from jarvisd.cli.output.reports import budget_tables  # noqa: PLC0415 - as needed

            budgets = client.call(_params(args), ReportBudgetResult)
            titles.learn_ids(client.call, budget_tables.ids(budgets))
            shown = budget_tables.lines(budgets, titles, room=room, colour=colour)
            _show(shown, budget_tables.notes(budgets))
        case "heatmap":
            _print_map(client, args, room, colour=colour)
        case _:
            from jarvisd.cli.output.reports import usage_tables  # noqa: PLC0415 - as needed

            report = client.call(_params(args), ReportUsageResult)
            titles.learn(client.call, usage_tables.untitled(report))
            titles.learn_ids(client.call, usage_tables.ids(report))
            shown = usage_tables.lines(report, titles, room=room, colour=colour)
            _show(shown, usage_tables.notes(report))


def _print_map(
    client: Client, args: argparse.Namespace, room: int | None, *, colour: bool
) -> None:
    from jarvisd.cli.output.reports import bars, heatmap  # noqa: PLC0415 - as needed

    today = written_days.today(args.tz)
    first = heatmap.first_day(today, room)
    args.since = first.isoformat()
    report = client.call(_params(args), ReportUsageResult)
    costs = {row.key: row.cost_micros for row in report.rows if row.key}
    plain = bars.is_plain()
    _show(
        heatmap.lines(costs, first=first, today=today, colour=colour, plain=plain), []
    )


def _show(lines: list[str], notes: list[str]) -> None:
    terminal.draw(lines)
    for note in notes:
        terminal.report(note)


def _print_compatible(client: Client, args: argparse.Namespace) -> None:
    from jarvisd.cli.output.reports import compat  # noqa: PLC0415 - as needed

    iso: Callable[[int], str] = wall_clock.iso
    if args.kind == "blocks":
        args.agent = args.agent or compat.DEFAULT_AGENT
        made = compat.blocks(client.call(_params(args), ReportWindowsResult), iso)
    else:
        report = client.call(_params(args), ReportUsageResult)
        names = _names(client) if args.kind == "session" else {}
        is_alone = args.agent == compat.DEFAULT_AGENT
        form = compat.usage_alone if is_alone else compat.usage
        made = form(report, names, iso)

    terminal.print_encoded(msgspec.json.encode(made, order="sorted"), indent=2)


def _names(client: Client) -> dict[str, tuple[str, str]]:
    """Return where the transcript of each session lies, and its name with ccusage."""
    names = {}
    for block in list_blocks(client.call, BlocksList()).blocks:
        if block.path is None or block.session_id is None or block.parent_session_id:
            continue

        folder, _, name = block.path.rpartition("/")
        _, below, dated = block.path.removesuffix(".jsonl").rpartition("/sessions/")
        called = dated if below else block.session_id
        names[str(block.session_id)] = (folder.rpartition("/")[2] or name, called)

    return names
