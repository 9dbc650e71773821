"""What the terminal is and wants: size, colour, redrawing; and the two output streams.

Data goes to stdout and talk to stderr. Colour is for terminals only, and not where
NO_COLOR is set or TERM is `dumb`.
"""

import os
import select
import shutil
import sys
from collections.abc import Mapping
from types import FrameType
from typing import Any, NoReturn, TextIO

import msgspec

from jarvisd.client.text import safe
from jarvisd.protocol.guard import escape_unsafe

SCHEMA = 1
"""The version of every `--json` answer; raised only when a field changes its meaning."""


def is_terminal(stream: TextIO) -> bool:
    """Say whether *stream* ends at a person."""
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False


def can_redraw(environ: Mapping[str, str]) -> bool:
    """Say whether stdout is a terminal on which lines can be painted over."""
    return is_terminal(sys.stdout) and environ.get("TERM", "dumb") != "dumb"


def wants_colour(choice: str, environ: Mapping[str, str]) -> bool:
    """Decide on colour; *choice* is `auto`, `always` or `never`."""
    if choice != "auto":
        return choice == "always"

    return can_redraw(environ) and not environ.get("NO_COLOR")


def columns() -> int | None:
    """Return the width of the terminal on stdout; None where there is none."""
    return size()[0] if is_terminal(sys.stdout) else None


def size() -> tuple[int, int]:
    """Return columns and rows of the terminal, 80x24 where it does not tell."""
    return shutil.get_terminal_size((80, 24))


def say(message: str) -> None:
    """Tell the person something that is not data; it may have several lines."""
    shown = "\n".join(safe(line) for line in message.splitlines())
    print(f"jarvisctl: {shown}", file=sys.stderr, flush=True)


def print_json(**fields: Any) -> None:
    """Print one object: indented for a person, on one line for a program."""
    _print_encoded(fields, indent=2 if is_terminal(sys.stdout) else None)


def print_json_line(**fields: Any) -> None:
    """Print one object of a stream, on one line whoever reads it."""
    _print_encoded(fields, indent=None)


def _print_encoded(fields: dict[str, Any], *, indent: int | None) -> None:
    encoded = msgspec.json.encode({"schema": SCHEMA, **fields})
    if indent is not None:
        encoded = msgspec.json.format(encoded, indent=indent)

    # JSON demands escapes for C0 controls only; what else could steer gets them too.
    print(escape_unsafe(encoded).decode(), flush=True)


def folder() -> str | None:
    """Return the folder we are in, or None where it is gone."""
    try:
        return os.getcwd()  # noqa: PTH109 - text is what the protocol wants
    except OSError:  # it was deleted
        return None


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of *data*, however often it takes."""
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(descriptor, rest) :]
        except BlockingIOError:  # whoever shares the terminal made it so
            select.select([], [descriptor], [])


def end(number: int, _frame: FrameType | None) -> NoReturn:
    """End as signal *number* would, but clean up: a signal handler."""
    raise SystemExit(128 + number)


def silence_stdout() -> None:
    """Send what is still buffered nowhere: the reader of our output has gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
