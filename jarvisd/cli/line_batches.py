"""Bytes into lines of text, and lines into batches that fit into a request.

A line ends at LF; one CR before it is dropped; what is not UTF-8 is replaced. A line
that cannot be sent in one request is never cut in two, which would count it twice, and
never shortened in silence: its length is counted and sent in its place.
"""

import codecs
from dataclasses import dataclass, field

import msgspec

from jarvisd.core.wire import MAX_PUSH_LINES

MAX_LINE_BYTES = 1024 * 1024 - 4096
"""As JSON, so that the line with everything round it is a request of at most 1 MiB."""

MAX_BATCH_BYTES = 512 * 1024
MOST_BYTES_PER_BYTE = 6
"""What JSON makes of one byte at worst: a control character is six."""

Oversize = int
"""The length of a line that is too long to send, in code points."""


class Cutter:
    """Cuts a stream of bytes into lines, holding at most one line of legal length."""

    def __init__(self) -> None:
        self._begun = bytearray()
        self._endless: _Endless | None = None

    def feed(self, data: bytes) -> list[str | Oversize]:
        """Return the lines that *data* completes."""
        *ends, begun = data.split(b"\n")
        lines = [self._line(end) for end in ends]
        self._add(begun)
        return lines

    def forget(self) -> None:
        """Drop the line that has begun: its end is missing."""
        self._begun.clear()
        self._endless = None

    def finish(self) -> list[str | Oversize]:
        """Return the last line, where the stream ended without a line end."""
        return [self._line(b"")] if self._begun or self._endless else []

    def _line(self, end: bytes) -> str | Oversize:
        self._add(end)
        if self._endless is not None:
            chars = self._endless.finish()
            self._endless = None
            return chars

        raw = bytes(self._begun).removesuffix(b"\r")
        self._begun.clear()
        text = raw.decode("utf-8", "replace")
        may_be_long = len(raw) * MOST_BYTES_PER_BYTE > MAX_LINE_BYTES
        return len(text) if may_be_long and _cost(text) > MAX_LINE_BYTES else text

    def _add(self, data: bytes) -> None:
        if self._endless is not None:
            self._endless.add(data)
            return

        self._begun += data
        # The CR of the line's end may still be among them.
        if len(self._begun) > MAX_LINE_BYTES + 1:
            self._endless = _Endless()
            self._endless.add(bytes(self._begun))
            self._begun.clear()


class _Endless:
    """Counts the code points of a line without keeping it."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._chars = 0
        self._ends_with_cr = False

    def add(self, data: bytes) -> None:
        self._count(self._decoder.decode(data))

    def finish(self) -> Oversize:
        self._count(self._decoder.decode(b"", final=True))
        return self._chars - self._ends_with_cr

    def _count(self, text: str) -> None:
        if text:
            self._chars += len(text)
            self._ends_with_cr = text.endswith("\r")


@dataclass(slots=True)
class LineBatch:
    """Lines that are sent, stored and acknowledged together."""

    lines: list[str] = field(default_factory=list)
    oversize_chars: list[Oversize] = field(default_factory=list)
    cost_bytes: int = 0

    def __len__(self) -> int:
        """Return the number of lines."""
        return len(self.lines) + len(self.oversize_chars)

    def add(self, line: str | Oversize, cost_bytes: int) -> None:
        """Add *line*, which costs so much of a request."""
        match line:
            case str():
                self.lines.append(line)
            case _:
                self.oversize_chars.append(line)
        self.cost_bytes += cost_bytes


class Packer:
    """Gathers lines into batches of legal size."""

    def __init__(self) -> None:
        self._open = LineBatch()

    def pack(self, lines: list[str | Oversize]) -> list[LineBatch]:
        """Add *lines*; return the batches that are full."""
        return [batch for line in lines if (batch := self._add(line))]

    def rest(self) -> list[LineBatch]:
        """Return the batch that is not full, unless it is empty."""
        return [self._seal()] if len(self._open) else []

    def _seal(self) -> LineBatch:
        batch, self._open = self._open, LineBatch()
        return batch

    def _add(self, line: str | Oversize) -> LineBatch | None:
        cost_bytes = _cost(line)
        is_full = len(self._open) and (
            self._open.cost_bytes + cost_bytes > MAX_BATCH_BYTES
            or len(self._open) >= MAX_PUSH_LINES
        )
        full = self._seal() if is_full else None
        self._open.add(line, cost_bytes)
        return full


def _cost(line: str | Oversize) -> int:
    return len(msgspec.json.encode(line)) + 1
