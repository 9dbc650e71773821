"""`jarvisctl explain`: what each line of a session counted for, and why."""

import argparse
import os

from jarvisd.cli import naming
from jarvisd.cli.daemon_client import Client
from jarvisd.cli.output import format as fmt
from jarvisd.cli.output import project_names, terminal
from jarvisd.cli.output.tables import Column, TableCell, render
from jarvisd.cli.output.text import cut, safe
from jarvisd.cli.parser import (
    Subparsers,
    add_colour,
    add_connection,
    add_json,
    client_of,
    declare,
)
from jarvisd.core.origin import SessionId
from jarvisd.reports.model import ExplainedBlock, ExplainedLine
from jarvisd.reports.wire import (
    MAX_EXPLAINED_LINES,
    SessionsExplain,
    SessionsExplainResult,
)

TIMEOUT_S = 40.0
_COLUMNS = [
    Column(title="LINE", right=True),
    Column(title="OFFSET", right=True, rank=3),
    Column(title="KIND", least=8, rank=2),
    Column(title="VERDICT"),
    Column(title="REASON", least=62),
]
_ITEM_COLUMNS = [Column(title="ITEM", least=20), *_COLUMNS[2:]]
_STYLES = {
    "counted": "32",
    "merged": "32",
    "malformed": "31",
    "oversize": "31",
    "elsewhere": "33",
    "copied": "33",
}


def add(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = declare(
        subparsers,
        "explain",
        run,
        more="The session's files are read again; nothing of their content is shown.",
    )
    parser.add_argument(
        "name", metavar="NAME", nargs="+", help=f"the session: {naming.HELP}"
    )
    parser.add_argument(
        "-a", "--all", action="store_true", help="also lines that mean nothing"
    )
    parser.add_argument("--brief", action="store_true", help="only the sums")
    add_json(parser)
    add_colour(parser)
    add_connection(parser, timeout_s=TIMEOUT_S)


def run(args: argparse.Namespace) -> int:
    """Print what became of each line."""
    name = " ".join(args.name)
    with client_of(args) as client:
        session_id = naming.session_of(naming.resolve(client, name), name)
        answer, lines = _fetch(client, args, session_id)

    if args.json:
        terminal.print_json(
            agent=answer.agent,
            session_id=answer.session_id,
            blocks=answer.blocks,
            lines=lines,
            tokens=answer.tokens,
            booked=answer.booked,
        )
        return 0

    for number, block in enumerate(answer.blocks):
        own = [each for each in lines if each.block == number]
        _print_block(block, own, args)

    _print_sum(answer)
    return 0


def _fetch(
    client: Client, args: argparse.Namespace, session_id: SessionId
) -> tuple[SessionsExplainResult, list[ExplainedLine]]:
    """Return the answer, and the lines of all its pages."""
    lines: list[ExplainedLine] = []
    after: int | None = 0
    while after is not None:
        params = SessionsExplain(
            session_id=session_id,
            after=after,
            limit=0 if args.brief else MAX_EXPLAINED_LINES,
            all=args.all,
        )
        answer = client.call(params, SessionsExplainResult)
        lines += answer.lines
        after = None if args.brief else answer.next

    return answer, lines


def _print_block(
    block: ExplainedBlock, lines: list[ExplainedLine], args: argparse.Namespace
) -> None:
    name, room = (
        safe(project_names.with_home(block.path or block.block_id)),
        terminal.columns(),
    )
    terminal.show(name if room is None else cut(name, room, front=True))
    if block.error is not None:
        terminal.report(block.error)

    unit = "item" if block.are_items else "line"
    if lines:
        colour = terminal.wants_colour(args.color, os.environ)
        rows = [_cells(each) for each in lines]
        terminal.draw(
            render(
                _ITEM_COLUMNS if block.are_items else _COLUMNS,
                rows,
                room=terminal.columns(),
                colour=colour,
            )
        )

    sums = ", ".join(f"{count:,} {word}" for word, count in block.verdicts.items())
    terminal.show(f"{fmt.number_of(block.lines, unit)}: {sums or 'none'}", "")


def _cells(line: ExplainedLine) -> list[TableCell]:
    place = [f"{line.line}", f"{line.offset}"] if line.item is None else [line.item]
    return [
        *map(TableCell, place),
        TableCell(line.kind),
        TableCell(line.verdict, _STYLES.get(line.verdict, "2")),
        TableCell(line.reason),
    ]


def _print_sum(answer: SessionsExplainResult) -> None:
    found, booked = answer.tokens.total, answer.booked.total
    what = "items" if any(each.are_items for each in answer.blocks) else "lines"
    terminal.show(f"these {what} count {found:,} tokens; the books hold {booked:,}")
    if found != booked:
        terminal.report(
            "they differ where a copy in another session's file says more, or a file "
            f"is gone: {fmt.count(abs(booked - found))} tokens"
        )
