"""`jarvisctl segments`: what each stretch of work came to, once it was over."""

import argparse
import os
from datetime import date, datetime, time

from jarvisd.base.errors import EXIT_USAGE
from jarvisd.base.ids import SessionId
from jarvisd.cli import filters, naming, wall_clock
from jarvisd.cli.commands.conversation import count
from jarvisd.cli.daemon_client import Client
from jarvisd.cli.output import format as fmt
from jarvisd.cli.output import project_names, terminal
from jarvisd.cli.output.reports import written_days
from jarvisd.cli.output.reports.usage_tables import short_model
from jarvisd.cli.output.tables import Column, TableCell, render
from jarvisd.cli.output.text import safe
from jarvisd.cli.output.titles import Titles
from jarvisd.cli.parser import (
    Subparsers,
    add_colour,
    add_connection,
    add_json,
    client_of,
    declare,
)
from jarvisd.segments.model import Closed, Segment
from jarvisd.segments.wire import MAX_SEGMENTS, SegmentsList, SegmentsListResult

MORE = """\
A segment is a stretch of work of one session. It closes when the session ends, after five
minutes without a line, or when the daemon stops; what comes then is the next one."""

SHOWN = 20
NOTHING = "no segment has been closed yet that matches"

COLUMNS = [
    Column(title="ENDED", right=True),
    Column(title="AGENT", least=6),
    Column(title="PROJECT", least=8),
    Column(title="SESSION", rank=1),
    Column(title="NO", right=True, rank=7),
    Column(title="TOOK", right=True, rank=2),
    Column(title="TURNS", right=True, rank=8),
    Column(title="TOKENS", right=True, rank=3),
    Column(title="COST", right=True),
    Column(title="P50", right=True, rank=10),
    Column(title="P95", right=True, rank=11),
    Column(title="TOOLS", right=True, rank=9),
    Column(title="ERRORS", right=True, rank=4),
    Column(title="MODEL", least=8, rank=6),
    Column(title="BY", rank=5),
]
_REASON_STYLE = {Closed.INTERRUPTED: "33"}


def add(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = declare(subparsers, "segments", run, more=MORE)
    parser.add_argument("--agent", metavar="NAME", help="only this agent's")
    parser.add_argument(
        "--project", metavar="NAME", help="only this project's: the end of a path"
    )
    parser.add_argument(
        "--session", metavar="NAME", help=f"only this session's: {naming.HELP}"
    )
    parser.add_argument(
        "--since", metavar="DAY", help=f"ended since {written_days.EXPECTED}"
    )
    parser.add_argument(
        "--limit",
        metavar="N",
        type=count,
        default=SHOWN,
        help=f"how many at most ({SHOWN})",
    )
    add_json(parser)
    add_colour(parser)
    add_connection(parser)


def run(args: argparse.Namespace) -> int:
    """Print the segments that were asked for, the newest last, where a person looks."""
    try:
        since_ms = None if args.since is None else _start_ms(args.since)
    except (ValueError, OverflowError):
        terminal.report(
            f"--since: expected {written_days.EXPECTED}, not `{args.since}`"
        )
        return EXIT_USAGE

    titles = Titles()
    with client_of(args) as client:
        filters.check(client.call, agent=args.agent, project=args.project)
        params = SegmentsList(
            agent=args.agent,
            project=args.project,
            session_id=_session(client, args.session),
            since_ms=since_ms,
            limit=min(args.limit, MAX_SEGMENTS),
        )
        answer = client.call(params, SegmentsListResult)
        if not args.json:
            titles.learn_ids(client.call, (e.session_id for e in answer.segments))

    if args.json:
        terminal.print_json(
            segments=answer.segments, next=answer.next, more=answer.more
        )
    elif answer.segments:
        _print(answer.segments, args, titles)
    else:
        terminal.report(NOTHING)

    return 0


def _session(client: Client, name: str | None) -> SessionId | None:
    """Return the session that *name* means; None, which is every one, if there is none."""
    if name is None:
        return None

    return naming.session_of(naming.resolve(client, name), name)


def _start_ms(text: str) -> int:
    """Return when the day *text* begins here, Unix ms."""
    today = datetime.fromtimestamp(wall_clock.unix_ms() / 1000).astimezone().date()
    day = date.fromisoformat(written_days.day(text, today))
    return round(datetime.combine(day, time()).astimezone().timestamp() * 1000)


def _print(segments: list[Segment], args: argparse.Namespace, titles: Titles) -> None:
    now_ms = wall_clock.unix_ms()
    rows = [_row(each, now_ms, titles) for each in reversed(segments)]
    colour = terminal.wants_colour(args.color, os.environ)
    terminal.draw(render(COLUMNS, rows, room=terminal.columns(), colour=colour))


def _row(segment: Segment, now_ms: int, titles: Titles) -> list[TableCell]:
    errors = fmt.count(segment.errors)
    more = "+" if segment.unpriced else ""
    return [
        TableCell(fmt.ago(segment.ended_ms, now_ms)),
        TableCell(safe(segment.agent)),
        TableCell(project_names.short(segment.project) or fmt.ABSENT),
        TableCell(titles.short(segment.session_id)),
        TableCell(str(segment.segment)),
        TableCell(fmt.duration(segment.duration_ms / fmt.MS_PER_S)),
        TableCell(fmt.count(segment.turns)),
        TableCell(fmt.count(segment.tokens_in + segment.tokens_out)),
        TableCell(f"{fmt.dollars(segment.cost_micros)}{more}"),
        TableCell(_latency(segment.latency_p50_ms)),
        TableCell(_latency(segment.latency_p95_ms)),
        TableCell(fmt.count(segment.tools)),
        TableCell(errors, "31" if segment.errors else ""),
        TableCell(_model(segment)),
        TableCell(segment.reason, _REASON_STYLE.get(segment.reason, "")),
    ]


def _latency(took_ms: float | None) -> str:
    return fmt.ABSENT if took_ms is None else fmt.duration(took_ms / fmt.MS_PER_S)


def _model(segment: Segment) -> str:
    if segment.model is not None:
        return short_model(segment.model)

    if not segment.unique_models:
        return fmt.ABSENT

    return fmt.number_of(segment.unique_models, "model")
