"""Keys of rows: 64 bits of a hash, and a compact set of all that are known."""

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from hashlib import blake2b

_SHARDS = 256
_FIRST_SLOTS = 16
"""A power of two, as every table's length; a slot that is 0 is free."""


def key_of(agent: str, kind: str, name: str) -> int:
    """Return the key of the thing that *agent* calls *name*; never 0.

    Signed, because that is what SQLite's integers are. Among a million keys the chance
    that two are alike is one in thirty million.
    """
    text = f"{agent}\0{kind}\0{name}".encode(errors="surrogatepass")
    digest = blake2b(text, digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True) or 1


class KeySet:
    """A set of keys in 16 to 32 bytes each, where a set of ints takes 60 to 100.

    Open addressing in 256 tables, so that growing one is no pause: a table of a
    million keys would be moved in a quarter of a second, one of four thousand in a
    millisecond.
    """

    complete = True
    """Every stored key is in. While it is not, no key can be taken for a new one."""

    def __init__(self, keys: Iterable[int] = ()) -> None:
        self._base: array[int] = array("q")
        self._tables = [array("q", bytes(8 * _FIRST_SLOTS)) for _ in range(_SHARDS)]
        self._sizes = [0] * _SHARDS
        for key in keys:
            self.add(key)

    def restore(self, keys: "array[int]") -> None:
        """Take *keys*, sorted, as they are: no time for each, and 8 bytes."""
        self._base = keys

    def __len__(self) -> int:
        return len(self._base) + sum(self._sizes)

    def __contains__(self, key: int) -> bool:
        if self._has_base(key):
            return True

        table = self._tables[key & 255]
        return table[_slot(table, key)] == key

    def add(self, key: int) -> bool:
        """Take *key* in, which is not 0; say whether it is new."""
        if self._has_base(key):
            return False

        shard = key & 255
        table = self._tables[shard]
        mask = len(table) - 1
        slot = (key >> 8) & mask
        while found := table[slot]:
            if found == key:
                return False

            slot = (slot + 1) & mask

        table[slot] = key
        size = self._sizes[shard] = self._sizes[shard] + 1
        if size * 2 > mask:
            self._tables[shard] = _grown(table)

        return True

    @property
    def size_bytes(self) -> int:
        """Return how much memory the keys take."""
        tables = sum(len(table) * table.itemsize for table in self._tables)
        return tables + len(self._base) * self._base.itemsize

    def _has_base(self, key: int) -> bool:
        base = self._base
        at = bisect_left(base, key)
        return at < len(base) and base[at] == key


def _slot(table: "array[int]", key: int) -> int:
    """Return where *key* is in *table*, or else would be put."""
    mask = len(table) - 1
    slot = (key >> 8) & mask
    while (found := table[slot]) and found != key:
        slot = (slot + 1) & mask

    return slot


def _grown(table: "array[int]") -> "array[int]":
    larger = array("q", bytes(16 * len(table)))
    for key in table:
        if key:
            larger[_slot(larger, key)] = key

    return larger
