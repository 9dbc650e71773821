"""One client's bytes, cut into lines; bounded whatever the client sends."""

from dataclasses import dataclass, field

from jarvisd.rpc.messages import MAX_REQUEST_BYTES

LARGE_BYTES = 64 * 1024
"""From here on a request may take milliseconds to decode, 3 for a MiB of brackets."""


@dataclass(slots=True)
class LineFramer:
    """Collects bytes and gives lines.

    A line beyond the limit is given once, cut just behind the limit so that it is
    refused as too large, and the rest of it is thrown away as it comes.
    """

    max_line_bytes: int = MAX_REQUEST_BYTES
    _bytes: bytearray = field(default_factory=bytearray)
    _searched: int = 0
    _skipping: bool = False

    @property
    def has_partial(self) -> bool:
        """Whether a line has begun; meant for when `next_line` gave None."""
        return bool(self._bytes) or self._skipping

    @property
    def is_large(self) -> bool:
        """Whether the line to come may be larger than `LARGE_BYTES`, and is complete."""
        return len(self._bytes) > LARGE_BYTES and self.has_line

    @property
    def has_line(self) -> bool:
        """Whether `next_line` would give one."""
        if self._skipping:
            return b"\n" in self._bytes

        return (
            len(self._bytes) > self.max_line_bytes
            or self._bytes.find(b"\n", self._searched) >= 0
        )

    def feed(self, data: bytes | memoryview) -> None:
        """Append *data*."""
        self._bytes += data

    def next_line(self) -> bytes | None:
        """Return the next line without its end, or None until more has come."""
        end = self._bytes.find(b"\n", self._searched)
        if self._skipping:
            return self._skip(end)

        if end < 0 or end > self.max_line_bytes:
            return self._unfinished(end)

        line = bytes(memoryview(self._bytes)[:end])
        self._drop(end + 1)
        return line

    def _unfinished(self, end: int) -> bytes | None:
        self._searched = len(self._bytes)
        if self._searched <= self.max_line_bytes:
            return None

        line = bytes(memoryview(self._bytes)[: self.max_line_bytes + 1])
        self._drop(end + 1 if end >= 0 else len(self._bytes))
        self._skipping = end < 0
        return line

    def _skip(self, end: int) -> bytes | None:
        if end < 0:
            self._drop(len(self._bytes))
            return None

        self._skipping = False
        self._drop(end + 1)
        return self.next_line()

    def _drop(self, count: int) -> None:
        del self._bytes[:count]
        self._searched = 0
