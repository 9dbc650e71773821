"""`jarvisctl config show`: the settings in force, and who set each."""

import argparse
import importlib
import os

from jarvisd.client import terminal
from jarvisd.client.parser import Subparsers, add_json, declare
from jarvisd.client.table import Cell, Column, facts, render
from jarvisd.client.text import width

EXAMPLES = """\
jarvisctl config show            the settings in force
jarvisctl config show --origin   and where each comes from"""

COLUMNS = [Column(title="KEY"), Column(title="VALUE"), Column(title="ORIGIN")]


def add(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = declare(subparsers, "config", run, examples=EXAMPLES)
    parser.add_argument("action", choices=("show",), help="what to do")
    parser.add_argument(
        "--origin", action="store_true", help="say where each value comes from"
    )
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Print the settings as this environment and the configuration file give them."""
    # Only this command and `doctor` read settings; the others need not pay for it.
    settings = importlib.import_module("jarvisd.config").describe(os.environ)
    if args.json:
        keys = [
            {"key": key, "value": value, "origin": origin}
            for key, value, origin in settings
        ]
        terminal.print_json(settings=keys)
        return 0

    columns = COLUMNS if args.origin else COLUMNS[:2]
    rows = [[Cell(str(field)) for field in each[: len(columns)]] for each in settings]
    room = terminal.columns()
    lines = render(columns, rows, room=None, colour=False)
    if room is not None and any(width(each) > room for each in lines):
        # A value that is cut would be of no use.
        told = [
            (each[0].text, "  ".join(cell.text for cell in each[1:])) for each in rows
        ]
        lines = facts(told, least=max(len(key) for key, _ in told), room=room)

    terminal.draw(lines)
    return 0
