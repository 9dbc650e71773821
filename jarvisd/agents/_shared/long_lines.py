"""Long lines, cut down to what the parsers look at while their bytes come in.

A line of megabytes can hold millions of values: decoded at once, it would hold the loop
for seconds and take fifty times its size. So a long line is scanned piece by piece. The
members that the agent's shape names are kept, everything else is checked and dropped,
and the parser is given the small line that is left. That says the same, but for what
is beyond the limits below: of a longer text the start is kept, of a longer array the
first items.
"""

import re
from collections.abc import Callable, Generator
from functools import cache
from typing import Any

import msgspec

from jarvisd.agents._shared.decode import parts_of
from jarvisd.agents._shared.json_scan import (
    BODY,
    CLOSE_ARRAY,
    CLOSE_OBJECT,
    COLON,
    COMMA,
    OPEN_ARRAY,
    OPEN_OBJECT,
    OPENING,
    QUOTE,
    SCALAR,
    SPACES,
    Scan,
    Scanner,
    malformed,
)
from jarvisd.core.sources.jsonlines.lines import Condense, is_blank

MAX_VALUE_BYTES = 128 * 1024
"""Kept of one text, or of one value that is wanted as it is written. A recorded message
has 16 Ki characters at most, each of them six bytes if it is escaped."""

MAX_KEPT_BYTES = 256 * 1024
"""Kept of a line in all; of each text behind that only MIN_VALUE_BYTES."""

MIN_VALUE_BYTES = 1024

MAX_ITEMS = 1000
"""Kept of one array: each may be a tool call, which takes a while to be counted."""

_MAX_DEPTH = 32
"""Nothing is kept that lies deeper. What the parsers look for is eight deep at most."""

_HEAD_BYTES = 4096
_ITEM_BYTES = 4
_BLANK = b" \t\r\v\f\0"
_BOM = b"\xef\xbb\xbf"
_MALFORMED = b"{"
"""What is left of a line that is no JSON object: no parser takes it for one."""

_SPACE = rb"[ \t\r\n]*+"
_NAME = _SPACE + rb'"(' + BODY + rb')"' + _SPACE + rb":" + _SPACE
_FLAT = rb'(?:"' + BODY + rb'"|' + SCALAR + rb")"
_FLAT_ITEMS = rb"(?:" + _FLAT + rb"(?:," + _FLAT + rb")*+)?+"
_NEXT = _SPACE + rb"," + _SPACE + rb'(?=")'

_MEMBER_NAME = re.compile(_NAME)
_FLAT_MEMBER = re.compile(
    _NAME + rb"(" + _FLAT + rb"|\[" + _FLAT_ITEMS + rb"\]|\{\})" + _NEXT
)
"""A member that need not be looked into, before another one."""

_NEXT_MEMBER = re.compile(_NEXT)

_KindOf = Callable[[bytes], Any]
"""name -> what is wanted of a member: the type it is decoded as, or None."""


def condenser_of(shape: type[msgspec.Struct]) -> Condense:
    """Return the condenser of lines that are decoded as *shape*."""
    return lambda: Objects(shape)


class Head:
    """Condenses a line of plain text: all that is asked of it is whether it is blank."""

    def __init__(self) -> None:
        self._head = b""

    def feed(self, piece: bytes) -> None:
        """Apply the next bytes of the line."""
        if is_blank(self._head):
            self._head = piece[:_HEAD_BYTES]

    def finish(self) -> bytes:
        """Return a part of the line that is not blank, if there is one."""
        return self._head


class Objects:
    """Condenses a line that should be a JSON object of the given shape."""

    def __init__(self, shape: type[msgspec.Struct]) -> None:
        self._scanner = Scanner()
        self._scan = self._line(shape)
        self._depth = 0
        self._left = MAX_KEPT_BYTES
        self._kept: bytes | None = None
        """What is left of the line, once that is known."""
        self._is_blank = True

    def feed(self, piece: bytes) -> None:
        """Apply the next bytes of the line."""
        self._is_blank = self._is_blank and not piece.strip(_BLANK)
        if self._kept is not None:
            self._end(self._kept, piece)
            return

        self._scanner.take(piece)
        try:
            next(self._scan)
        except StopIteration as ended:
            self._end(ended.value, self._scanner.text[self._scanner.at :])
        except (ValueError, RecursionError):
            self._end(_MALFORMED, b"")

    def finish(self) -> bytes:
        """Return a line that says the same to the parser; blank if the line is."""
        if self._is_blank:
            return b""

        return _MALFORMED if self._kept is None else self._kept

    def _end(self, kept: bytes, behind: bytes) -> None:
        self._kept = _MALFORMED if behind.strip(SPACES) else kept
        self._scanner.text = b""

    def _line(self, shape: type[msgspec.Struct]) -> Scan:
        scanner = self._scanner
        while len(scanner.text) < len(_BOM) and _BOM.startswith(scanner.text):
            yield

        scanner.at = len(_BOM) if scanner.text.startswith(_BOM) else 0
        yield from scanner.pass_space()
        if scanner.text[scanner.at] != OPEN_OBJECT:
            malformed()

        return (yield from self._value(shape))

    def _value(self, kind: Any) -> Scan:
        """Scan one value, and keep what of it is wanted as *kind*; None if nothing."""
        scanner = self._scanner
        yield from scanner.pass_space()
        first = scanner.text[scanner.at]
        if first == QUOTE:
            string = yield from scanner.string(0 if kind is None else self._room())
            self._left -= len(string)
            return string

        if first not in OPENING:
            return (yield from scanner.scalar())

        if kind is msgspec.Raw:
            written = yield from self._as_written()
            if written:
                return written

        self._depth += 1
        try:
            return (yield from self._parts(kind, first))
        finally:
            self._depth -= 1

    def _parts(self, kind: Any, first: int) -> Scan:
        """Scan an object or an array, of which not all is kept."""
        kind_of, item = _wanted(kind if self._depth <= _MAX_DEPTH else None)
        if first == OPEN_OBJECT and kind_of is not None:
            return (yield from self._object(kind_of))

        if first == OPEN_ARRAY and item is not None:
            return (yield from self._array(item))

        yield from self._scanner.skip()
        return b"{}" if first == OPEN_OBJECT else b"[]"

    def _as_written(self) -> Scan:
        """Scan a value and return all of it; nothing, and stay here, if it is long."""
        scanner, room = self._scanner, self._room()
        while True:
            end = scanner.whole_value()
            length = (len(scanner.text) if end is None else end) - scanner.at
            if length > room:
                return b""

            if end is not None:
                written = scanner.text[scanner.at : end]
                self._left -= length
                scanner.at = end
                return written

            yield

    def _object(self, kind_of: _KindOf) -> Scan:
        scanner, found = self._scanner, dict[bytes, bytes]()
        scanner.at += 1
        yield from scanner.pass_space()
        if scanner.text[scanner.at] == CLOSE_OBJECT:
            scanner.at += 1
            return b"{}"

        count = 0
        while True:
            if kind_of is not _raw:
                _pass_easy_members(scanner, kind_of, found)

            name = yield from self._name()
            kind = kind_of(name)
            value = yield from self._value(kind)
            if kind is not None:
                found[name] = value
                self._left -= _ITEM_BYTES

            if (yield from self._ends(CLOSE_OBJECT)):
                break

            count += 1
            if kind_of is _raw and self._is_enough(count):
                yield from scanner.skip_rest(b"{", COMMA)
                break

        return b"{%b}" % b",".join(b'"%b":%b' % each for each in found.items())

    def _array(self, item: Any) -> Scan:
        scanner, kept = self._scanner, list[bytes]()
        scanner.at += 1
        yield from scanner.pass_space()
        if scanner.text[scanner.at] == CLOSE_ARRAY:
            scanner.at += 1
            return b"[]"

        while True:
            kept.append((yield from self._value(item)))
            self._left -= _ITEM_BYTES
            if (yield from self._ends(CLOSE_ARRAY)):
                break

            if self._is_enough(len(kept)):
                yield from scanner.skip_rest(b"[", COMMA)
                break

        return b"[%b]" % b",".join(kept)

    def _name(self) -> Scan:
        """Scan the name of a member, and the colon behind it."""
        scanner = self._scanner
        found = _MEMBER_NAME.match(scanner.text, scanner.at)
        if found is not None and len(found[1]) <= MIN_VALUE_BYTES:
            scanner.at = found.end()
            return _plain(found[1])

        yield from scanner.pass_space()
        if scanner.text[scanner.at] != QUOTE:
            malformed()

        written = yield from scanner.string(MIN_VALUE_BYTES)
        yield from scanner.pass_space()
        if scanner.text[scanner.at] != COLON:
            malformed()

        scanner.at += 1
        return _plain(written[1:-1])

    def _ends(self, close: int) -> Generator[None, None, bool]:
        """Continue after the mark behind a value; return True if it closes what it is in."""
        scanner = self._scanner
        yield from scanner.pass_space()
        mark = scanner.text[scanner.at]
        if mark not in (close, COMMA):
            malformed()

        scanner.at += 1
        return mark == close

    def _is_enough(self, count: int) -> bool:
        return count >= MAX_ITEMS or self._left <= 0

    def _room(self) -> int:
        return max(MIN_VALUE_BYTES, min(MAX_VALUE_BYTES, self._left))


def _pass_easy_members(
    scanner: Scanner, kind_of: _KindOf, found: dict[bytes, bytes]
) -> None:
    """Keep or pass over members that are small or not wanted, as far as they have come whole.

    The same as what `Objects` does with each, in a tenth of the time.
    """
    while True:
        member = _FLAT_MEMBER.match(scanner.text, scanner.at)
        if member is None:
            if _passes_unwanted(scanner, kind_of):
                continue

            return

        name, value = member.groups()
        name = _plain(name)
        if kind_of(name) is not None:
            is_empty = len(value) == len(b"{}")
            if len(value) > MIN_VALUE_BYTES or (value[0] in OPENING and not is_empty):
                return

            found[name] = value

        scanner.at = member.end()


def _passes_unwanted(scanner: Scanner, kind_of: _KindOf) -> bool:
    """Pass over a member that holds more than can be matched, if not wanted."""
    begin = scanner.at
    member = _MEMBER_NAME.match(scanner.text, begin)
    if member is None or kind_of(_plain(member[1])) is not None:
        return False

    scanner.at = member.end()
    if scanner.text[scanner.at : scanner.at + 1] in (b"{", b"["):
        end = scanner.whole_value()
        following = None if end is None else _NEXT_MEMBER.match(scanner.text, end)
        if following is not None:
            scanner.at = following.end()
            return True

    scanner.at = begin
    return False


def _raw(_: bytes) -> Any:
    return msgspec.Raw


@cache
def _wanted(kind: Any) -> tuple[_KindOf | None, Any]:
    """Return the wanted members of an object and items of an array.

    None where a value of *kind* is no object, or no array.
    """
    if kind is msgspec.Raw:
        return _raw, msgspec.Raw

    struct, item = parts_of(kind)
    if struct is None:
        return None, item

    fields = msgspec.structs.fields(struct)
    return {each.encode_name.encode(): each.type for each in fields}.get, item


def _plain(name: bytes) -> bytes:
    """Return the *name*, which is well-formed, with no more escapes than it needs."""
    if b"\\u" not in name:  # no other escape is in the name of what is wanted
        return name

    try:
        text = msgspec.json.decode(b'"%b"' % name, type=str)
    except ValueError:  # half of a surrogate pair
        return name

    return msgspec.json.encode(text)[1:-1]
