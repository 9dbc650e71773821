"""Long answers in turns and page by page: cursors, and rows as JSON."""

from collections.abc import Callable, Iterator
from typing import Final, TypeVar

import msgspec

from jarvisd.base.errors import protocol_error
from jarvisd.base.json_guard import encode_safe
from jarvisd.base.work_in_turns import PAUSE

T = TypeVar("T")

MAX_NUMBER: Final = 2**63 - 1

ROWS: Final = 16
"""Rows to make in one step: less than a millisecond."""

Place = tuple[int | str, ...]
"""What rows are sorted by, the smallest first: numbers, then names that make it unique."""


def cursor_of(place: Place) -> str:
    """Return *place* as text: numbers, then names, the last of them first."""
    numbers = [str(each) for each in place if isinstance(each, int)]
    names = [each for each in place if isinstance(each, str)]
    escaped = [each.replace("%", "%25").replace(":", "%3A") for each in names]
    return ":".join([*numbers, *reversed(escaped)])


def place_at(cursor: str | None, *, numbers: int, names: int) -> Place | None:
    """Return the place that *cursor* is of; None for the beginning.

    Raises:
        ProtocolError: It is no cursor of an order by so many *numbers* and *names*.

    """
    if cursor is None:
        return None

    parts = cursor.split(":")
    try:
        values = [int(each) for each in parts[:numbers]]
    except ValueError:
        values = []

    if (
        len(parts) != numbers + names
        or len(values) != numbers
        or any(abs(each) > MAX_NUMBER for each in values)
    ):
        message = "expected `next` of the page before"
        raise protocol_error("invalid_params", message, field="after")

    escaped = reversed(parts[numbers:])
    return (*values, *(x.replace("%3A", ":").replace("%25", "%") for x in escaped))


def page(
    head: bytes,
    found: Iterator[T | None],
    *,
    limit: int | None,
    view: Callable[[T], msgspec.Struct],
    place_of: Callable[[T], Place],
) -> Iterator[bytes]:
    """Yield an object that begins with *head* and a list of at most *limit* rows.

    A few rows at each step. Its last field is `next`, the cursor of the next page. None
    in *found* is a turn for others.
    """
    yield head
    rows: list[msgspec.Struct] = []
    count, comma, following = 0, b"", b"null"
    last: T | None = None
    for each in found:
        if each is None:
            yield PAUSE
            continue

        if count == limit:
            if last is not None:
                following = encode_safe(cursor_of(place_of(last)))

            break

        rows.append(view(each))
        last = each
        count += 1
        if len(rows) == ROWS:
            yield comma + encode_safe(rows)[1:-1]
            rows, comma = [], b","

    if rows:
        yield comma + encode_safe(rows)[1:-1]

    yield b'],"next":%b}' % following
