"""Bytes into lines, whatever the pieces they come in, in bounded memory.

A line is held until it is whole. A long one is not: it is condensed while it comes in,
to a small line that says the same.

A line ends at 0x0A and nowhere else: U+2028, VT, FF, NEL and a lone CR are content,
which is why `splitlines()` is not used. One CR before the end belongs to the end.
NULs at the start of a line are holes (a writer that kept its offset over a
truncation) and are skipped; so is a byte order mark at the start of a file.
"""

from collections.abc import Callable
from typing import Protocol

import msgspec

MAX_LINE_BYTES = 64 * 1024 * 1024
"""A longer line is not read. Agents write images and pasted files as single lines of
several MB, and histories of whole sessions."""

SHORT_BYTES = 32 * 1024
MAX_WHOLE_BYTES = 256 * 1024
MAX_MARKS = 4000
"""A line is parsed as it is if it is short, or not very long and has few marks: of
commas and opening brackets, which bound how many values are in it. What is more is
condensed. Each limit is worth some milliseconds of the parser's time."""

_BOM = b"\xef\xbb\xbf"
_SPACE = b" \t\r\v\f\0"
_CONTINUATION = bytes(range(0x80, 0xC0))


class Condenser(Protocol):
    """Takes a long line piece by piece, and makes a small one that says the same."""

    def feed(self, piece: bytes) -> None:
        """Take the next bytes of the line."""
        ...

    def finish(self) -> bytes:
        """Return the small line; the long one has ended."""
        ...


Condense = Callable[[], Condenser]
"""Begins to condense a line."""


def is_blank(text: bytes) -> bool:
    """Return True if the line *text* is white space, of ASCII or of Unicode, or NULs."""
    rest = text.strip(_SPACE)
    if not rest or rest[0] < 0x80:
        return not rest

    # Only what begins with white space is decoded whole: lines may be megabytes.
    begins = rest[:3].decode(errors="ignore").isspace()
    return begins and rest.decode(errors="replace").isspace()


class TextLine(msgspec.Struct, frozen=True, gc=False):
    """One line without its end, and where in the source it starts.

    *omitted* is how many code points a long line had more than *text*, which says the
    same. They are counted as those of an `Oversize` are.
    """

    offset: int
    text: bytes
    omitted: int = 0

    @property
    def length(self) -> int:
        """Return how long the line was, near enough."""
        return len(self.text) + self.omitted


class Oversize(msgspec.Struct, frozen=True, gc=False):
    """A line that was too long to keep: only its length in code points is known.

    The length counts bytes that start a character, so a line that is not UTF-8 may
    differ from what decoding it would give.
    """

    offset: int
    chars: int


class LineSplitter:
    """Cut one source's bytes into lines; hold the unfinished last one back.

    *offset* is where the next byte fed stands in the source, and must be the start
    of a line. Long lines go through *condense*; where there is none, each is held up to
    *max_line_bytes*.
    """

    __slots__ = (
        "_condense",
        "_counted",
        "_held",
        "_held_bytes",
        "_long",
        "_marks",
        "_max",
        "_next",
        "_short",
        "offset",
    )

    def __init__(
        self,
        *,
        offset: int = 0,
        condense: Condense | None = None,
        max_line_bytes: int = MAX_LINE_BYTES,
    ) -> None:
        self.offset = offset
        """Where the unfinished line starts: the position that is safe to store."""
        self._next = offset
        self._condense = condense
        self._short = max_line_bytes if condense is None else SHORT_BYTES
        self._max = max_line_bytes
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._counted = self._marks = 0
        self._long: LongLine | None = None

    @property
    def partial_bytes(self) -> int:
        """Return the length of the unfinished line so far."""
        return self._next - self.offset

    @property
    def next_offset(self) -> int:
        """Return where the next byte to feed stands in the source."""
        return self._next

    def feed(self, chunk: bytes, start: int = 0) -> list[TextLine | Oversize]:
        """Return the lines that *chunk* completes, in order; blank ones as well.

        What stands before *start* in it was fed already.
        """
        lines: list[TextLine | Oversize] = []
        if not self._next and chunk.startswith(_BOM, start):
            self.offset = self._next = len(_BOM)
            start += len(_BOM)

        if self._next > self.offset:  # a line is unfinished
            end = chunk.find(b"\n", start)
            if end < 0:
                self._hold(chunk[start:])
                return lines

            lines.append(self._complete(chunk[start:end]))
            start = end + 1

        offset = self.offset - start
        # `find` is memchr, where `split` would look at each byte: five times faster.
        while (end := chunk.find(b"\n", start)) >= 0:
            text = chunk[start:end]
            if end - start > self._short or text[:1] == b"\0" or text[-1:] == b"\r":
                self.offset = self._next = offset + start
                lines.append(self._complete(text))
            else:
                lines.append(TextLine(offset + start, text))

            start = end + 1

        self.offset = self._next = offset + start
        if start < len(chunk):
            self._hold(chunk[start:])

        return lines

    def skip_to(self, offset: int) -> None:
        """Go on at *offset*, over a hole; only where no line is unfinished."""
        assert not self.partial_bytes, "a line is unfinished"
        self.offset = self._next = offset

    def finish(self) -> TextLine | Oversize | None:
        """Return the unfinished last line of a source that has ended, if any."""
        return self._complete(b"", ended=True) if self.partial_bytes else None

    def _complete(self, piece: bytes, *, ended: bool = False) -> TextLine | Oversize:
        if not self.partial_bytes:
            piece = self._behind_hole(piece)

        offset = self.offset
        self._next += len(piece) + (not ended)
        self.offset = self._next
        if not self._held and self._long is None and len(piece) <= self._short:
            return TextLine(offset, piece.removesuffix(b"\r"))

        self._keep(piece)
        if self._long is None and self._held_bytes > self._short:
            self._condense_unless_text()

        held, long = self._held, self._long
        self._forget()
        if long is None:
            return TextLine(offset, b"".join(held).removesuffix(b"\r"))

        return long.line(offset)

    def _behind_hole(self, piece: bytes) -> bytes:
        """Return how a line begins without the NULs before it, and begin it there.

        Where it begins must not depend on where a slice ended: that is its name.
        """
        kept = piece.lstrip(b"\0") if piece.startswith(b"\0") else piece
        self.offset = self._next = self._next + len(piece) - len(kept)
        return kept

    def _hold(self, rest: bytes) -> None:
        if not self.partial_bytes:
            rest = self._behind_hole(rest)

        if not rest:
            return

        self._next += len(rest)
        self._keep(rest)

    def _keep(self, piece: bytes) -> None:
        """Keep the next bytes of the unfinished line, or what they say."""
        if self._long is not None:
            self._long.add(piece)
            return

        self._held.append(piece)
        self._held_bytes += len(piece)
        if self._held_bytes > self._short and not self._is_light():
            self._condense_held()

    def _is_light(self) -> bool:
        """Whether the line so far can be parsed in no time as it is."""
        if self._condense is None or self._held_bytes > MAX_WHOLE_BYTES:
            return False

        self._marks += sum(
            each.count(mark)
            for each in self._held[self._counted :]
            for mark in (b",", b"{", b"[")
        )
        self._counted = len(self._held)
        return self._marks <= MAX_MARKS

    def _condense_unless_text(self) -> None:
        """Condense the line if it is not UTF-8: to repair all of it takes long."""
        try:
            b"".join(self._held).decode()
        except UnicodeDecodeError:
            self._condense_held()

    def _condense_held(self) -> None:
        condenser = None if self._condense is None else self._condense()
        long = LongLine(condenser, self._max)
        for each in self._held:
            long.add(each)

        self._forget()
        self._long = long

    def _forget(self) -> None:
        self._held, self._held_bytes = [], 0
        self._counted = self._marks = 0
        self._long = None


class LongLine:
    """A line that is not held: what it says, and how long it is.

    Without a *condenser*, or beyond *max_bytes*, only its length is known at its end.
    """

    __slots__ = ("_bytes", "_chars", "_condenser", "_last", "_max")

    def __init__(
        self, condenser: Condenser | None, max_bytes: int = MAX_LINE_BYTES
    ) -> None:
        self._condenser = condenser
        self._max = max_bytes
        self._bytes = self._chars = 0
        self._last = b""

    def add(self, piece: bytes) -> None:
        """Take the next bytes of the line."""
        self._bytes += len(piece)
        self._chars += _chars(piece)
        self._last = piece[-1:] or self._last
        if self._bytes > self._max:
            self._condenser = None
        elif self._condenser is not None:
            self._condenser.feed(piece)

    def line(self, offset: int) -> TextLine | Oversize:
        """Return the line that has ended and began at *offset*."""
        chars = self._chars - (self._last == b"\r")
        if self._condenser is None:
            return Oversize(offset, chars)

        text = self._condenser.finish()
        return TextLine(offset, text, chars - _chars(text))


def _chars(piece: bytes) -> int:
    return len(piece.translate(None, _CONTINUATION))
