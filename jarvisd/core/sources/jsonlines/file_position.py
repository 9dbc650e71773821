"""The position in a file of lines, with the data that identifies the file."""

import msgspec

from jarvisd.core.roots import Position


class FilePosition(Position, frozen=True, kw_only=True, gc=False, array_like=True):
    """The position up to which a file was read, with the data that identifies the file.

    The head is the first *head_len* bytes of the file and grows with it to a limit; the
    mark is the *mark_len* bytes just before *offset*. Both are stored as hashes.
    *offset* is always after a line end.

    It is stored as a JSON array in the order of the fields: append new fields at the end.
    """

    dev: int = 0
    inode: int = 0
    head_len: int = 0
    head_hash: int = 0
    mark_len: int = 0
    mark_hash: int = 0
    mtime_ns: int = 0

    @property
    def is_begun(self) -> bool:
        """Whether the file was ever opened, even if it had no complete line yet."""
        return self.inode != 0

    def cursor(self) -> bytes:
        """Return the position as stored in the database."""
        return msgspec.json.encode(self)


_DECODER = msgspec.json.Decoder(FilePosition)


def position_of(cursor: bytes) -> FilePosition:
    """Return the position that is stored as *cursor*; the start if that is empty.

    Raises:
        msgspec.DecodeError: *cursor* is no position of a file.

    """
    return _DECODER.decode(cursor) if cursor else FilePosition()
