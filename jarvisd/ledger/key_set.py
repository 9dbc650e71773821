"""Keys of rows: 64 bits of a hash, and the set of all that are known."""

import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterable
from hashlib import blake2b

_SHARDS = 256
_INT_BYTES = 32
"""What a key takes beside its place in a set."""


def key_of(agent: str, kind: str, name: str) -> int:
    """Return the key of the thing that *agent* calls *name*; never 0.

    Signed, because that is what SQLite's integers are. Among a million keys the chance
    that two are alike is one in thirty million.
    """
    text = f"{agent}\0{kind}\0{name}".encode(errors="surrogatepass")
    digest = blake2b(text, digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True) or 1


class KeySet:
    """A set of keys: 8 bytes for each that was stored, 70 to 140 for each new one.

    Plain sets, since a table made of arrays is smaller and much slower in Python.
    There are 256, so that growing one is no pause: a set of a million keys would be
    moved at once for tens of ms, one of four thousand for a fraction of one.

    Attributes:
        stored: How many keys were stored when this process began.

    """

    complete = True
    """Whether every stored key is in. Until then no key is known to be new."""

    def __init__(self, keys: Iterable[int] = ()) -> None:
        self._base: array[int] = array("q")
        self.stored = 0
        self._sets: list[set[int]] = [set() for _ in range(_SHARDS)]
        for key in keys:
            self.add(key)

    def restore(self, keys: "array[int]") -> None:
        """Use the sorted *keys* as they are: 8 bytes and no time for each."""
        self._base, self.stored, self.complete = keys, len(keys), True

    def __len__(self) -> int:
        return len(self._base) + sum(map(len, self._sets))

    def __contains__(self, key: int) -> bool:
        return key in self._sets[key & 255] or self._has_base(key)

    def add(self, key: int) -> bool:
        """Add *key*; return whether it is new."""
        shard = self._sets[key & 255]
        if key in shard or (self._base and self._has_base(key)):
            return False

        shard.add(key)
        return True

    @property
    def size_bytes(self) -> int:
        """Return how much memory the keys take."""
        sets = sum(sys.getsizeof(each) + len(each) * _INT_BYTES for each in self._sets)
        return sets + len(self._base) * self._base.itemsize

    def _has_base(self, key: int) -> bool:
        base = self._base
        if not base:
            return False

        at = bisect_left(base, key)
        return at < len(base) and base[at] == key
