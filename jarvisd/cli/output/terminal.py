"""What the terminal is and wants: size, colour, redrawing; and the way out to it.

Data goes to stdout and talk to stderr. Colour is for terminals only, and not where
NO_COLOR is set or TERM is `dumb`.

Every command prints through `show`, `draw`, `say` and the functions of JSON, so that
nothing that a stranger wrote steers a terminal, and nothing is wider than it. Only here
is `print` allowed; what must pass as it is goes through `pass_on`.
"""

import os
import sys
from collections.abc import Iterable, Mapping
from types import FrameType
from typing import Any, NoReturn, TextIO

import msgspec

from jarvisd.base.json_guard import escape_unsafe
from jarvisd.cli import waiting
from jarvisd.cli.output.text import clip, painted, safe, wrap

SCHEMA = 1
"""The version of every `--json` answer; raised only when a field changes its meaning."""


def is_terminal(stream: TextIO) -> bool:
    """Whether *stream* ends at a person."""
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False


def can_redraw(environ: Mapping[str, str]) -> bool:
    """Whether stdout is a terminal on which lines can be painted over."""
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
    """Return columns and rows of the terminal, 80x24 where it does not report them."""
    # As `shutil` does it, whose import loads every way to compress a file.
    known = [os.environ.get(each, "") for each in ("COLUMNS", "LINES")]
    columns, rows = (int(each) if each.isdecimal() else 0 for each in known)
    if not (columns and rows):
        try:
            found = os.get_terminal_size(sys.__stdout__.fileno())  # type: ignore[union-attr]
        except (AttributeError, ValueError, OSError):
            found = os.terminal_size((80, 24))

        columns, rows = columns or found.columns or 80, rows or found.lines or 24

    return columns, rows


def columns_of(stream: TextIO) -> int | None:
    """Return the width of the terminal at the end of *stream*; None where there is none."""
    if not is_terminal(stream) or is_terminal(sys.stdout):
        return size()[0] if is_terminal(stream) else None

    return os.get_terminal_size(stream.fileno()).columns or 80


def show(*lines: str) -> None:
    """Print *lines* of text on stdout, each made safe and wrapped between words."""
    room = columns()
    for line in lines:
        print(*wrap(safe(line), room), sep="\n")


def show_fields(fields: Iterable[object]) -> None:
    """Print one line of fields for scripts, tab separated; None is empty."""
    print("\t".join("" if each is None else safe(str(each)) for each in fields))


def draw(lines: Iterable[str]) -> None:
    """Print *lines* that `table` made, with their colours, on stdout."""
    room = columns()
    for line in lines:
        shown = painted(line)
        print(shown if room is None else clip(shown, room))


def pass_on(text: str, *, end: str = "\n") -> None:
    """Print *text* on stdout as it is: what the person asked for in that form."""
    print(text, end=end)


def flush() -> None:
    """Flush everything printed to the reader of stdout."""
    sys.stdout.flush()


def report(message: str) -> None:
    """Print a message that is not data on stderr; it may have several lines."""
    lines = message.splitlines() or [""]
    shown = as_prose([f"jarvisctl: {lines[0]}", *lines[1:]], sys.stderr)
    print(shown, file=sys.stderr, flush=True)


def as_prose(lines: Iterable[str], stream: TextIO) -> str:
    """Return *lines* safe for *stream*, and wrapped at its width."""
    room = columns_of(stream)
    return "\n".join(each for line in lines for each in wrap(safe(line), room))


def print_json(**fields: Any) -> None:
    """Print one object: indented for a person, on one line for a program."""
    print_encoded(_encoded(fields), indent=2 if is_terminal(sys.stdout) else None)


def print_json_line(**fields: Any) -> None:
    """Print one object of a stream, on one line whoever reads it."""
    print_encoded(_encoded(fields), indent=None)


def _encoded(fields: dict[str, Any]) -> bytes:
    return msgspec.json.encode({"schema": SCHEMA, **fields})


def print_encoded(encoded: bytes, *, indent: int | None) -> None:
    """Print JSON, with what could steer a terminal escaped, as it is on the wire."""
    if indent is not None:
        encoded = msgspec.json.format(encoded, indent=indent)

    print(escape_unsafe(encoded).decode(), flush=True)


def command(words: str) -> str:
    """Return the line that runs jarvisctl with *words* in this person's shell."""
    here = os.path.join(os.path.dirname(sys.executable), "jarvisctl")  # noqa: PTH118, PTH120 - text
    from shutil import which  # noqa: PLC0415 - see `size`

    if which("jarvisctl") is not None or not os.path.exists(here):  # noqa: PTH110 - text in, text out
        return f"jarvisctl {words}"

    return f"{min(os.path.relpath(here), here, key=len)} {words}"


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
            waiting.wait([], None, writable=[descriptor])


def end(number: int, _frame: FrameType | None) -> NoReturn:
    """End as signal *number* would, but clean up: a signal handler."""
    raise SystemExit(128 + number)


def silence_stdout() -> None:
    """Send what is still buffered nowhere: the reader of our output has gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
