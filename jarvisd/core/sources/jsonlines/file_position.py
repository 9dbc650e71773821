"""How far a file of lines was read, and enough of it to know the file again."""

import msgspec

from jarvisd.core.roots import Position


class FilePosition(Position, frozen=True, kw_only=True, gc=False, array_like=True):
    """How far a file was read, and enough of it to know it again.

    The head is the first *head_len* bytes of the file and grows with it to a limit;
    the mark is the *mark_len* bytes just before *offset*. Both are kept as 64-bit
    hashes. *offset* always stands behind a line end.

    Stored as a JSON array in the order of the fields: a field more goes to the end.
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
        """Whether the file was ever opened, though it may have had no whole line."""
        return self.inode != 0

    def cursor(self) -> bytes:
        """Return the position as it is stored."""
        return msgspec.json.encode(self)


_DECODER = msgspec.json.Decoder(FilePosition)


def position_of(cursor: bytes) -> FilePosition:
    """Return the position that is stored as *cursor*; nothing was read if that is empty.

    Raises:
        msgspec.DecodeError: It is no position of a file.

    """
    return _DECODER.decode(cursor) if cursor else FilePosition()
