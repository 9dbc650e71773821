"""What documents and folders of files have in common: elements, each counted once."""

from abc import ABC, abstractmethod
from array import array
from dataclasses import dataclass, field

import msgspec

from jarvisd.base.clock import Clock
from jarvisd.core.source import Batch, Budget, Fault, Item, ItemRef
from jarvisd.core.sources.document.element_table import (
    ElementTable,
    FileSignature,
    KnownElement,
)

REPORTED_AFTER_S = 5.0
"""For how long a file may be half written before that is reported."""

MAX_RETRY_S = 60.0
"""... and how often it is read again after that, though it looks the same."""

BUSY_SHARE = 100
"""A look that took t is followed by a pause of t times this: 1 % of a core at most,
which is 2.4 s for 20 MB and nothing to notice for 200 kB."""

KEY_PREFIX = "element:"

Order = tuple["array[int]", "array[int]"]
"""Digests and hashed names of elements, one after the other."""

_CONTINUATION = bytes(range(0x80, 0xC0))


@dataclass(slots=True)
class ElementChange:
    """An element that is new or another than it was."""

    name: int
    digest: int
    item: Item


@dataclass(slots=True)
class Handed:
    """A batch that was returned, and what is known once it has been applied."""

    batch: Batch
    changes: list[ElementChange] = field(default_factory=list)
    returned: list[tuple[int, KnownElement]] = field(default_factory=list)
    """Elements that were removed once and are back as they were."""
    removed: list[int] = field(default_factory=list)
    signature: FileSignature | None = None
    """Of the file all of whose elements are known then."""
    order: dict[str, Order] | None = None
    """How its elements stand in it, by kind."""


class ElementSource(ABC):
    """A source of elements that are identified by name and digest."""

    def __init__(self, path: str, clock: Clock, cursor: bytes = b"") -> None:
        self.path = path
        self._clock = clock
        self._table = ElementTable(cursor)
        self._order: dict[str, Order] = {}
        self._handed: Handed | None = None
        self._fault: Fault | None = None
        self._failing_since: tuple[float, int] | None = None
        self._not_before = 0.0

    @abstractmethod
    def _next(self, budget: Budget) -> Handed | Batch:
        """Return the next items, or a batch that changes nothing."""

    @abstractmethod
    def locate(self, ref: ItemRef) -> bytes | None:
        """Return the text of an element as it is now."""

    def read(self, budget: Budget) -> Batch:
        """Return the next items; the same ones until they are applied."""
        if self._handed is None:
            found = self._next(budget)
            if isinstance(found, Batch):
                return found

            self._handed = found

        return self._handed.batch

    def applied(self, batch: Batch) -> None:
        """Move the cursor past *batch*."""
        handed = self._handed
        if handed is None or batch is not handed.batch:
            return  # it had nothing to apply

        self._handed = None
        for each in handed.changes:
            self._table.put(each.name, each.digest, each.item.chars)

        for name, known in handed.returned:
            self._table.put(name, known.digest, known.chars)

        for name in handed.removed:
            self._table.remove(name)

        if handed.signature is not None:
            self._table.signature = handed.signature
            self._table.rest()

        if handed.order is not None:
            self._order = handed.order

    @property
    def has_removed(self) -> bool:
        """Whether elements were counted that the source does not have any more."""
        return self._table.present < len(self._table)

    def cursor(self) -> bytes:
        """Return the encoded table of counted elements."""
        return self._table.encode()

    def _waiting(self, retry_s: float | None) -> Batch:
        return Batch(retry_s=retry_s, fault=self._fault)

    def _failing(
        self, path: str, reason: str, *, reported_after_s: float = 0.0
    ) -> Batch:
        """Return that *path* cannot be read, and report it if it has been so for long."""
        now = self._clock.monotonic()
        if self._failing_since is None:
            self._failing_since = now, self._clock.unix_ms()

        began, since_ms = self._failing_since
        if now - began >= reported_after_s:
            self._fault = Fault(path, reason, since_ms)

        return self._waiting(min(MAX_RETRY_S, max(0.05, now - began)))

    def _recovered(self) -> None:
        self._fault = self._failing_since = None

    def _rest_after(self, began: float) -> None:
        """Pause in proportion to the time since *began*, the start of a read."""
        now = self._clock.monotonic()
        self._not_before = now + (now - began) * BUSY_SHARE


def item_of(
    key: str,
    body: bytes,
    known: KnownElement | None = None,
    stream: str = "",
    written_ms: int | None = None,
) -> Item:
    """Return an element as an item, which replaces the *known* one of its name."""
    ref = ItemRef(KEY_PREFIX + key)
    return Item(
        ref,
        stream,
        body,
        chars=len(body.translate(None, _CONTINUATION)),
        replaces=None if known is None else ref,
        replaced_chars=0 if known is None else known.chars,
        written_ms=written_ms,
    )


def whole_text(body: msgspec.Raw) -> bytes:
    """Return a copy of *body*, which holds on to its whole document."""
    return bytes(memoryview(body))
