"""`jarvisctl attribution import`: import where skills, agents and commands come from."""

import argparse
from pathlib import Path

from jarvisd.cli import attributions
from jarvisd.cli.output import terminal
from jarvisd.cli.parser import Subparsers, add_connection, add_json, client_of, declare
from jarvisd.reports.wire import AttributionImport, AttributionImportResult

FORMAT = """\
FILE is JSON (a list of objects), TOML (tables `[[attribution]]`) or CSV (with a header),
by its ending. Each entry has source (curated, flea), kind (skill, agent, command), name
and ref_id. It replaces all that was imported before."""


def add(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = declare(subparsers, "attribution", run)
    parser.epilog = FORMAT
    parser.add_argument("action", choices=("import",), help="what to do")
    parser.add_argument("file", metavar="FILE", type=Path, help="what to import")
    add_json(parser)
    add_connection(parser)


def run(args: argparse.Namespace) -> int:
    """Import the file."""
    entries = attributions.read(args.file)
    with client_of(args) as client:
        known = client.call(AttributionImport(entries=entries), AttributionImportResult)

    if args.json:
        terminal.print_json(curated=known.curated, flea=known.flea)
    else:
        terminal.show(f"{known.curated} curated names, {known.flea} of the flea market")

    return 0
