"""What is known of the elements of one document: the durable cursor.

Twenty bytes an element: a hash of its name, a digest of its text, and how many code
points that has. It is kept packed, also in memory: a document with 100,000 elements has
a cursor of 2 MB, and is itself so large that it is looked at once a minute.
"""

import os
import struct
from collections.abc import Iterator
from hashlib import blake2b

import msgspec

from jarvisd.core.sources.document.description import MAX_ELEMENTS

MAX_KNOWN = 2 * MAX_ELEMENTS
"""With those that were removed. Beyond it the ones that were removed first are
forgotten, and count again should they come back."""

_VERSION = 1
_HEADER = struct.Struct("<BQQQqq")
_RECORD = struct.Struct("<QQI")
_REMOVED = 1 << 31


class FileSignature(msgspec.Struct, frozen=True, gc=False):
    """What changes when a file does. The change time cannot be set back."""

    dev: int = 0
    inode: int = 0
    size: int = 0
    mtime_ns: int = 0
    ctime_ns: int = 0


class KnownElement(msgspec.Struct, frozen=True, gc=False):
    """An element that was counted."""

    digest: int
    chars: int
    is_removed: bool = False


def signature_of(seen: os.stat_result) -> FileSignature:
    """Return the signature of a file with this status."""
    return FileSignature(
        seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns
    )


def hash_of(text: bytes | str | msgspec.Raw) -> int:
    """Return 64 bits of a hash."""
    data = text.encode(errors="surrogateescape") if isinstance(text, str) else text
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "little")


class ElementTable:
    """The counted elements by the hash of their names, in the order of first sight.

    *signature* is that of the file whose elements all are in it. While nothing changes
    there are only the packed records: most documents are never written again.
    """

    __slots__ = ("_index", "_present", "_records", "signature")

    def __init__(self, cursor: bytes = b"") -> None:
        self.signature = FileSignature()
        self._records = bytearray()
        self._index: dict[int, int] | None = None
        """Where the record of each name begins."""
        self._present = 0
        if cursor[:1] == bytes((_VERSION,)) and len(cursor) >= _HEADER.size:
            _, *signature = _HEADER.unpack_from(cursor)
            self.signature = FileSignature(*signature)
            usable = len(cursor) - (len(cursor) - _HEADER.size) % _RECORD.size
            self._records[:] = cursor[_HEADER.size : usable]

    def __len__(self) -> int:
        return len(self._records) // _RECORD.size

    @property
    def present(self) -> int:
        """Return how many are in the document, or were at the last look."""
        self._slots()
        return self._present

    def __iter__(self) -> Iterator[tuple[int, KnownElement]]:
        for name, digest, chars in _RECORD.iter_unpack(self._records):
            yield name, _known(digest, chars)

    def encode(self) -> bytes:
        """Return the cursor that this table can be made from again."""
        each = self.signature
        head = _HEADER.pack(
            _VERSION, each.dev, each.inode, each.size, each.mtime_ns, each.ctime_ns
        )
        return head + bytes(self._records)

    def rest(self) -> None:
        """Drop the index, which only a look needs."""
        self._index = None

    def get(self, name: int) -> KnownElement | None:
        """Return the known element whose name has this hash, if any."""
        slot = self._slots().get(name)
        if slot is None:
            return None

        _, digest, chars = _RECORD.unpack_from(self._records, slot)
        return _known(digest, chars)

    def put(self, name: int, digest: int, chars: int) -> None:
        """Record that an element is in the document, and counted as it is."""
        slot = self._slots().get(name)
        if slot is None:
            if len(self) >= MAX_KNOWN:
                self._forget_removed()

            slot = self._slots()[name] = len(self._records)
            self._records += bytes(_RECORD.size)
            self._present += 1
        else:
            self._present += self._is_removed(slot)

        _RECORD.pack_into(self._records, slot, name, digest, chars)

    def remove(self, name: int) -> None:
        """Record that an element is not in the document any more. It stays counted."""
        slot = self._slots()[name]
        if not self._is_removed(slot):
            _, digest, chars = _RECORD.unpack_from(self._records, slot)
            _RECORD.pack_into(self._records, slot, name, digest, chars | _REMOVED)
            self._present -= 1

    def _is_removed(self, slot: int) -> bool:
        _, _, chars = _RECORD.unpack_from(self._records, slot)
        return bool(chars & _REMOVED)

    def _slots(self) -> dict[int, int]:
        if self._index is None:
            self._index, self._present = {}, 0
            records = _RECORD.iter_unpack(self._records)
            for number, (name, _, chars) in enumerate(records):
                self._index[name] = number * _RECORD.size
                self._present += not chars & _REMOVED

        return self._index

    def _forget_removed(self) -> None:
        """Drop half of the removed elements, those that were seen first."""
        most = (len(self) - self.present + 1) // 2
        kept = bytearray()
        for record in _RECORD.iter_unpack(self._records):
            if record[2] & _REMOVED and most:
                most -= 1
            else:
                kept += _RECORD.pack(*record)

        self._records = kept
        self.rest()


def _known(digest: int, chars: int) -> KnownElement:
    return KnownElement(digest, chars & ~_REMOVED, bool(chars & _REMOVED))
