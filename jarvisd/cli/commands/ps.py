"""`jarvisctl ps`: the blocks, as a table, as columns for scripts, or as JSON."""

import argparse
import os

from jarvisd.cli import filters, wall_clock
from jarvisd.cli.block_pages import list_blocks
from jarvisd.cli.daemon_client import Client
from jarvisd.cli.output import block_rows, drift_lines, terminal
from jarvisd.cli.output.tables import render
from jarvisd.cli.output.text import safe
from jarvisd.cli.output.titles import Titles, ids_of, of_block
from jarvisd.cli.parser import (
    Parser,
    Subparsers,
    add_colour,
    add_connection,
    add_json,
    client_of,
    declare,
)
from jarvisd.core.origin import BlockView
from jarvisd.overview.health_wire import Health, HealthResult
from jarvisd.overview.wire import BlocksList, Status, StatusResult

PLAIN = """\
--plain prints, tab separated: block_id, kind, agent, life, project, session_id, lines,
tokens (estimate), last activity (Unix ms), lines per second; then of its session: tokens,
cost (micro-dollars), context (percent), last tool, tool errors; then what it is doing:
state, since (Unix ms), activity, tool. Absent is empty."""


def add(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = declare(subparsers, "ps", run)
    parser.epilog = PLAIN
    add_filters(parser)
    form = parser.add_mutually_exclusive_group()
    add_json(form)
    form.add_argument("--plain", action="store_true", help="stable columns for scripts")
    add_colour(parser)
    add_connection(parser)


def add_filters(parser: Parser) -> None:
    """Add the options that choose blocks."""
    parser.add_argument("-a", "--all", action="store_true", help="old blocks as well")
    parser.add_argument("--agent", metavar="NAME", help="only this agent's")
    parser.add_argument(
        "--project",
        metavar="NAME",
        help="only this project's: a name or the end of a path",
    )


def run(args: argparse.Namespace) -> int:
    """Print the blocks that were asked for."""
    with client_of(args) as client:
        filters.check(client.call, agent=args.agent, project=args.project)
        answer = list_blocks(client.call, BlocksList(agent=args.agent))
        known = block_rows.newest_first(answer.blocks)
        if args.project is not None:
            known = [
                each for each in known if block_rows.in_project(each, args.project)
            ]

        if not (args.json or args.plain):
            known = block_rows.once_each(known)

        now_ms = wall_clock.unix_ms()
        shown = [
            each for each in known if args.all or block_rows.is_recent(each, now_ms)
        ]
        if args.json:
            terminal.print_json(revision=answer.revision, blocks=shown)
        elif args.plain:
            _print_plain(shown)
        else:
            titles = Titles()
            titles.learn(client.call, map(of_block, shown))
            titles.learn_ids(client.call, ids_of(shown))
            _print_table(shown, now_ms, args, titles)
            _print_footer(client, args, shown=len(shown), more=len(known) - len(shown))

    return 0


def _print_plain(shown: list[BlockView]) -> None:
    for block in shown:
        fields = (
            block.block_id,
            block.kind,
            block.agent,
            block.life,
            block.project,
            block.session_id,
            block.line_count,
            block.token_estimate,
            block.last_activity_ms,
            f"{block.lines_per_s:.3f}",
            None if block.tokens is None else block.tokens.total,
            block.cost_micros,
            block.context_percent,
            block.last_tool,
            block.tool_errors,
            block.state,
            block.state_since_ms,
            block.activity,
            block.state_tool,
        )
        terminal.show_fields(fields)


def _print_table(
    shown: list[BlockView], now_ms: int, args: argparse.Namespace, titles: Titles
) -> None:
    if not shown:
        return

    rows = [block_rows.row(block, now_ms, titles) for block in shown]
    colour = terminal.wants_colour(args.color, os.environ)
    terminal.draw(
        render(block_rows.COLUMNS, rows, room=terminal.columns(), colour=colour)
    )


def _print_footer(
    client: Client, args: argparse.Namespace, *, shown: int, more: int
) -> None:
    backfill = client.call(Status(), StatusResult).backfill
    progress = block_rows.progress(backfill)
    if progress is not None:
        terminal.report(progress)

    drift = drift_lines.summary(client.call(Health(), HealthResult).drift)
    if drift is not None:
        terminal.report(safe(drift))

    if more:
        named = "block" if more == 1 else "blocks"
        # What has not been read yet has no time; it may be of this minute.
        old = (
            f"older {named}" if progress is None else f"{named}, older or not yet read"
        )
        terminal.report(f"{more} {old}: --all shows them")
    elif not shown:
        is_filtered = args.agent is not None or args.project is not None
        terminal.report(block_rows.nothing_found(backfill, is_filtered=is_filtered))
