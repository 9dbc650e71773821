"""`jarvisctl config show`: the settings in force, and who set each."""

import argparse
import importlib
import os

from jarvisd.cli.output import terminal
from jarvisd.cli.output.tables import GAP, Column, TableCell, facts, render
from jarvisd.cli.output.text import safe, width, wrap
from jarvisd.cli.parser import Subparsers, add_json, declare

COLUMNS = [Column(title="KEY"), Column(title="VALUE"), Column(title="ORIGIN")]
NARROWEST_VALUE = 12


def add(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = declare(subparsers, "config", run)
    parser.add_argument("action", choices=("show",), help="what to do")
    parser.add_argument(
        "--origin", action="store_true", help="say where each value comes from"
    )
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Print the settings as this environment and the configuration file give them."""
    # Only this command and `doctor` read settings; the others need not pay for it.
    settings = importlib.import_module("jarvisd.config").list_settings(os.environ)
    if args.json:
        keys = [
            {"key": key, "value": value, "origin": origin}
            for key, value, origin in settings
        ]
        terminal.print_json(settings=keys)
        return 0

    columns = COLUMNS if args.origin else COLUMNS[:2]
    rows = [
        [TableCell(str(field)) for field in each[: len(columns)]] for each in settings
    ]
    terminal.draw(_lines(columns, rows, terminal.columns()))
    return 0


def _lines(
    columns: list[Column], rows: list[list[TableCell]], room: int | None
) -> list[str]:
    """Return *rows* as a table whose values go on below: one that is cut is of no use."""
    if room is None:
        return render(columns, rows, room=None, colour=False)

    gaps = len(GAP) * (len(columns) - 1)
    others = [
        max(width(each.text) for each in cells)
        for place, cells in enumerate(zip(*rows, strict=True))
        if place != 1
    ]
    left = room - gaps - sum(others)
    if left < NARROWEST_VALUE:
        pairs = [
            (key.text, "  ".join(each.text for each in rest)) for key, *rest in rows
        ]
        return facts(pairs, least=max(len(key) for key, _ in pairs), room=room)

    broken = []
    for key, value, *origin in rows:
        first, *more = wrap(safe(value.text), left)
        broken.append([key, TableCell(first), *origin])
        broken += [
            [TableCell(""), TableCell(each), *(TableCell("") for _ in origin)]
            for each in more
        ]

    return render(columns, broken, room=room, colour=False)
