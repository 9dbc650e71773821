"""`jarvisctl prices`: show the prices in force, or replace them by newer ones."""

import argparse
import hashlib
import urllib.error
import urllib.request
from pathlib import Path

from jarvisd.base.errors import EXIT_USAGE, JarvisError
from jarvisd.cli.output import terminal
from jarvisd.cli.parser import Subparsers, add_connection, add_json, client_of, declare
from jarvisd.pricing.wire import (
    MAX_TABLE_CHARS,
    PricesGet,
    PricesResult,
    PricesUpdate,
)

FETCH_TIMEOUT_S = 30.0

MORE = """Nothing is fetched unless you name an address. What was counted before is
priced again in the background, without reading a log."""


class PriceFileError(JarvisError):
    """A price table cannot be read, or is not the one that was asked for."""

    code = "price_file"
    exit_status = EXIT_USAGE


def add(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = declare(subparsers, "prices", run, more=MORE)
    parser.add_argument(
        "action",
        nargs="?",
        choices=("show", "update"),
        default="show",
        help="show the prices in force (default), or update them",
    )
    parser.add_argument(
        "source",
        nargs="?",
        metavar="FILE-OR-URL",
        help="a price table: a file, or an https address",
    )
    parser.add_argument(
        "--sha256",
        metavar="HEX",
        help="refuse a table with another checksum; required for an address",
    )
    add_json(parser)
    add_connection(parser)


def run(args: argparse.Namespace) -> int:
    """Show or update the prices."""
    if (args.action == "update") is not (args.source is not None):
        terminal.report("name one table: jarvisctl prices update FILE-OR-URL")
        return EXIT_USAGE

    asked: PricesGet | PricesUpdate = PricesGet()
    if args.source is not None:
        asked = PricesUpdate(table=_read(args.source, args.sha256))

    with client_of(args) as client:
        found = client.call(asked, PricesResult)

    if args.json:
        terminal.print_json(prices=found)
        return 0

    shipped = (
        "" if found.day == found.shipped_day else f"; shipped: {found.shipped_day}"
    )
    terminal.show(f"prices of {found.day}{shipped} ({found.version})")
    if found.problem is not None:
        terminal.report(found.problem)

    return 0


def _read(source: str, checksum: str | None) -> str:
    is_address = source.startswith(("https://", "http://"))
    if is_address and checksum is None:
        raise PriceFileError(f"{source}: --sha256 is required for an address")

    data = _fetched(source) if is_address else _file(source)
    if len(data) > MAX_TABLE_CHARS:
        raise PriceFileError(f"{source}: larger than {MAX_TABLE_CHARS:,} bytes")

    found = hashlib.sha256(data).hexdigest()
    if checksum is not None and found != checksum.lower():
        raise PriceFileError(f"{source}: its sha256 is {found}, not {checksum}")

    try:
        return data.decode()
    except ValueError:
        raise PriceFileError(f"{source}: no text in UTF-8") from None


def _file(name: str) -> bytes:
    try:
        with Path(name).open("rb") as file:
            return file.read(MAX_TABLE_CHARS + 1)
    except OSError as exc:
        raise PriceFileError(f"{name}: {exc.strerror or exc}") from exc


def _fetched(address: str) -> bytes:
    """Return the table at *address*; its checksum is what it is trusted for."""
    try:
        with urllib.request.urlopen(address, timeout=FETCH_TIMEOUT_S) as answer:  # noqa: S310 - http and https alone
            data: bytes = answer.read(MAX_TABLE_CHARS + 1)
    except (OSError, ValueError) as exc:
        reason = exc.reason if isinstance(exc, urllib.error.URLError) else exc
        raise PriceFileError(f"{address}: {reason}") from exc

    return data
