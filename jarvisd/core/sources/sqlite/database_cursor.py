"""FoundBy far a database was read: a position for each of its streams."""

from collections.abc import Iterable, Mapping
from hashlib import blake2b

import msgspec
from msgspec import Struct

from jarvisd.core.sources.sqlite.database_queries import RowName, SqliteValue

VERSION = 1


class StreamPosition(Struct, frozen=True, array_like=True):
    """All entries of a stream up to *sequence* were delivered.

    The rows that they name were read in states up to the entry *seen*, and *mark*
    identifies that one. *after* is the row that was delivered last while the stream is
    read for the first time; None once it is read.
    """

    sequence: int
    seen: int
    mark: bytes
    after: RowName | None = None


class RowMark(Struct, frozen=True, array_like=True):
    """What was delivered of a row that changes without an entry."""

    digest: bytes
    chars: int


class SeenState(Struct, frozen=True, array_like=True):
    """The state of the file that was read last."""

    device: int
    inode: int
    salts: bytes
    frames: int
    stamp: tuple[int, ...]


class DatabaseCursor(Struct, array_like=True):
    """The positions of all streams, and the state they were found in."""

    version: int = VERSION
    seen: SeenState | None = None
    streams: dict[str, StreamPosition] = {}
    unnumbered: dict[str, dict[RowName, RowMark]] = {}

    def drop(self, streams: Iterable[str]) -> None:
        """Forget streams that ended or begin again."""
        for stream in streams:
            self.streams.pop(stream, None)
            self.unnumbered.pop(stream, None)

    def advance(
        self,
        seen: SeenState,
        streams: Mapping[str, StreamPosition],
        unnumbered: Mapping[str, dict[RowName, RowMark]],
    ) -> None:
        """Move behind what was delivered. Streams without unnumbered rows have none."""
        self.seen = seen
        self.streams.update(streams)
        self.unnumbered.update(unnumbered)
        for stream in [stream for stream, rows in unnumbered.items() if not rows]:
            del self.unnumbered[stream]

    def encode(self) -> bytes:
        """Return the cursor as bytes."""
        return _encoder.encode(self)


def decode_cursor(data: bytes) -> DatabaseCursor | None:
    """Return the cursor, or None if *data* is empty, damaged or of another version."""
    try:
        cursor = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None

    return cursor if cursor.version == VERSION else None


def mark_of(value: SqliteValue) -> bytes:
    """Return a short digest of what identifies an entry; empty if there is none."""
    if value is None:
        return b""

    data = value if isinstance(value, bytes) else str(value).encode()
    return blake2b(data, digest_size=8).digest()


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(DatabaseCursor)
