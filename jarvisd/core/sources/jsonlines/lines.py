"""Splits bytes into lines, whatever the pieces they come in, in bounded memory.

A line is buffered until it is complete. A long line is not: it is condensed while it is
read, to a small line with the same meaning.

A line ends at 0x0A and nowhere else: U+2028, VT, FF, NEL and a lone CR are content,
which is why `splitlines()` is not used. One CR before the end belongs to the end. NULs at
the start of a line are holes (of a writer that kept its offset over a truncation) and are
skipped, as is a byte order mark at the start of a file.
"""

from collections.abc import Callable
from typing import Protocol

import msgspec

MAX_LINE_BYTES = 64 * 1024 * 1024
"""The longest line that is read. Agents write images and pasted files as single lines of
several MB, and histories of whole sessions."""

SHORT_BYTES = 32 * 1024
MAX_WHOLE_BYTES = 256 * 1024
MAX_MARKS = 4000
"""A line is parsed unchanged if it is short, or of medium length with few marks: commas
and opening brackets, which limit the number of its values. Other lines are condensed.
Each limit is worth some milliseconds of the parser's time."""

_BOM = b"\xef\xbb\xbf"
_SPACE = b" \t\r\v\f\0"
CONTINUATION = bytes(range(0x80, 0xC0))


class Condenser(Protocol):
    """Condenses a long line, piece by piece, to a small one with the same meaning."""

    def feed(self, piece: bytes) -> None:
        """Add the next bytes of the line."""
        ...

    def finish(self) -> bytes:
        """Return the small line, after the end of the long one."""
        ...


Condense = Callable[[], Condenser]
"""Creates the condenser of one line."""


def is_blank(text: bytes) -> bool:
    """Return True if *text* has only NULs and white space, of ASCII or Unicode."""
    rest = text.strip(_SPACE)
    if not rest or rest[0] < 0x80:
        return not rest

    # Only a line that begins with white space is decoded: lines may be megabytes long.
    begins = rest[:3].decode(errors="ignore").isspace()
    return begins and rest.decode(errors="replace").isspace()


class TextLine(msgspec.Struct, frozen=True, gc=False):
    """One line without its end, and its offset in the source.

    *omitted* is the number of code points that a long line had in addition to the
    condensed *text*, counted as in `Oversize`.
    """

    offset: int
    text: bytes
    omitted: int = 0

    @property
    def length(self) -> int:
        """Return the approximate length of the original line."""
        return len(self.text) + self.omitted


class ItemLine(TextLine, frozen=True, gc=False):
    """An item of another kind of source than a file of lines, with its name there.

    *omitted* is negative where *text* has more than the item as it is counted: a row's
    text stands in it beside the other columns. *written_ms* stands for its time if it
    has none of its own.
    """

    item: str = ""
    written_ms: int | None = None


class Oversize(msgspec.Struct, frozen=True, gc=False):
    """A line that was too long to read: only its length in code points is known.

    The length counts bytes that start a character, so a line that is not UTF-8 may
    differ from what decoding it would give.
    """

    offset: int
    chars: int


class LineSplitter:
    """Splits the bytes of one source into lines, and buffers the partial last one.

    *offset* is the position of the next byte in the source, and must be the start of
    a line. Long lines are condensed by *condense*; without it, each is buffered up to
    *max_line_bytes*.
    """

    __slots__ = (
        "_buffered_bytes",
        "_condense",
        "_counted",
        "_long",
        "_marks",
        "_max",
        "_next",
        "_pieces",
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
        """The start of the partial line: the position that is safe to store."""
        self._next = offset
        self._condense = condense
        self._short = max_line_bytes if condense is None else SHORT_BYTES
        self._max = max_line_bytes
        self._pieces: list[bytes] = []
        self._buffered_bytes = 0
        self._counted = self._marks = 0
        self._long: LongLine | None = None

    @property
    def partial_bytes(self) -> int:
        """Return the length of the partial line so far."""
        return self._next - self.offset

    @property
    def next_offset(self) -> int:
        """Return the position of the next byte in the source."""
        return self._next

    def feed(self, chunk: bytes, start: int = 0) -> list[TextLine | Oversize]:
        """Return the lines that *chunk* completes, in order, including blank ones.

        The bytes before *start* in *chunk* were fed already.
        """
        lines: list[TextLine | Oversize] = []
        if not self._next and chunk.startswith(_BOM, start):
            self.offset = self._next = len(_BOM)
            start += len(_BOM)

        if self._next > self.offset:  # a line is unfinished
            end = chunk.find(b"\n", start)
            if end < 0:
                self._buffer(chunk[start:])
                return lines

            lines.append(self._complete(chunk[start:end]))
            start = end + 1

        offset = self.offset - start
        # `find` is memchr, five times faster than `split`, which checks each byte.
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
            self._buffer(chunk[start:])

        return lines

    def skip_to(self, offset: int) -> None:
        """Continue at *offset*, after a hole; only if there is no partial line."""
        assert not self.partial_bytes, "cannot skip a hole within a partial line"
        self.offset = self._next = offset

    def finish(self) -> TextLine | Oversize | None:
        """Return the partial last line of a source that has ended, if any."""
        return self._complete(b"", ended=True) if self.partial_bytes else None

    def _complete(self, piece: bytes, *, ended: bool = False) -> TextLine | Oversize:
        if not self.partial_bytes:
            piece = self._skip_nuls(piece)

        offset = self.offset
        self._next += len(piece) + (not ended)
        self.offset = self._next
        if not self._pieces and self._long is None and len(piece) <= self._short:
            return TextLine(offset, piece.removesuffix(b"\r"))

        self._append(piece)
        if self._long is None and self._buffered_bytes > self._short:
            self._condense_unless_text()

        pieces, long = self._pieces, self._long
        self._reset()
        if long is None:
            return TextLine(offset, b"".join(pieces).removesuffix(b"\r"))

        return long.line(offset)

    def _skip_nuls(self, piece: bytes) -> bytes:
        """Return *piece* without leading NULs, and move the start of the line after them.

        The offset of a line identifies it, so it must not depend on slice boundaries.
        """
        kept = piece.lstrip(b"\0") if piece.startswith(b"\0") else piece
        self.offset = self._next = self._next + len(piece) - len(kept)
        return kept

    def _buffer(self, rest: bytes) -> None:
        if not self.partial_bytes:
            rest = self._skip_nuls(rest)

        if not rest:
            return

        self._next += len(rest)
        self._append(rest)

    def _append(self, piece: bytes) -> None:
        """Append bytes to the partial line, or to its condenser."""
        if self._long is not None:
            self._long.add(piece)
            return

        self._pieces.append(piece)
        self._buffered_bytes += len(piece)
        if self._buffered_bytes > self._short and not self._is_cheap_to_parse():
            self._start_condensing()

    def _is_cheap_to_parse(self) -> bool:
        """Whether the line so far can be parsed quickly without condensing."""
        if self._condense is None or self._buffered_bytes > MAX_WHOLE_BYTES:
            return False

        self._marks += sum(
            each.count(mark)
            for each in self._pieces[self._counted :]
            for mark in (b",", b"{", b"[")
        )
        self._counted = len(self._pieces)
        return self._marks <= MAX_MARKS

    def _condense_unless_text(self) -> None:
        """Condense the line if it is not UTF-8, since repairing all of it is slow."""
        try:
            b"".join(self._pieces).decode()
        except UnicodeDecodeError:
            self._start_condensing()

    def _start_condensing(self) -> None:
        condenser = None if self._condense is None else self._condense()
        long = LongLine(condenser, self._max)
        for each in self._pieces:
            long.add(each)

        self._reset()
        self._long = long

    def _reset(self) -> None:
        self._pieces, self._buffered_bytes = [], 0
        self._counted = self._marks = 0
        self._long = None


class LongLine:
    """A line that is not buffered: its condensed content, and its length.

    Without a *condenser*, or beyond *max_bytes*, only its length is kept.
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
        """Add the next bytes of the line."""
        self._bytes += len(piece)
        self._chars += _chars(piece)
        self._last = piece[-1:] or self._last
        if self._bytes > self._max:
            self._condenser = None
        elif self._condenser is not None:
            self._condenser.feed(piece)

    def line(self, offset: int) -> TextLine | Oversize:
        """Return the completed line, which began at *offset*."""
        chars = self._chars - (self._last == b"\r")
        if self._condenser is None:
            return Oversize(offset, chars)

        text = self._condenser.finish()
        return TextLine(offset, text, chars - _chars(text))


def _chars(piece: bytes) -> int:
    return len(piece.translate(None, CONTINUATION))
