"""A folder whose parts are sources of their own, and one stream of items together."""

from typing import Generic, Protocol, TypeVar

import msgspec

from jarvisd.base.clock import Clock
from jarvisd.core.source import Batch, Budget, Fault, ItemRef
from jarvisd.core.sources.document.element_source import KEY_PREFIX

_CURSORS = msgspec.msgpack.Decoder(dict[str, bytes])


class PartSource(Protocol):
    """One part of a folder, which keeps its own cursor."""

    def read(self, budget: Budget) -> Batch:
        """Return the next items of the part."""
        ...

    def applied(self, batch: Batch) -> None:
        """Move the cursor of the part past *batch*."""
        ...

    def cursor(self) -> bytes:
        """Return the encoded cursor of the part."""
        ...


P = TypeVar("P", bound=PartSource)


class PartFolder(Generic[P]):
    """The parts of the folder at *path* by name, of which one is handed out at a time.

    An item is named by its part and, behind *between*, by its name in that part.
    """

    between = "/"

    def __init__(self, path: str, clock: Clock, cursor: bytes = b"") -> None:
        self.path = path
        self._clock = clock
        self._parts: dict[str, P] = {}
        self._faults: dict[str, Fault] = {}
        self._handed: tuple[P, Batch, Batch] | None = None
        try:
            self._saved = _CURSORS.decode(cursor) if cursor else {}
        except msgspec.DecodeError:
            self._saved = {}  # as if nothing was read: the ledger merges what comes

    def applied(self, batch: Batch) -> None:
        """Move the cursor past *batch*."""
        if self._handed is not None and batch is self._handed[2]:
            part, inner, _ = self._handed
            self._handed = None
            part.applied(inner)

    def _hand_out(self, name: str, part: P, batch: Batch) -> Batch:
        """Return *batch* of the part *name* as one of the folder, until it is applied."""

        def in_folder(ref: ItemRef) -> ItemRef:
            own = ref.key.removeprefix(KEY_PREFIX)
            return ItemRef(f"{KEY_PREFIX}{name}{self.between}{own}")

        items = [
            msgspec.structs.replace(
                each,
                ref=in_folder(each.ref),
                replaces=None if each.replaces is None else in_folder(each.replaces),
            )
            for each in batch.items
        ]
        whole = msgspec.structs.replace(
            batch, items=items, more=True, fault=self._fault()
        )
        self._handed = part, batch, whole
        return whole

    def _part_of(self, ref: ItemRef) -> tuple[str, ItemRef]:
        """Return the part that an item of the folder is in, and its name there."""
        own = ref.key.removeprefix(KEY_PREFIX)
        name, _, rest = own.partition(self.between)
        return name, ItemRef(KEY_PREFIX + rest)

    def _fault(self) -> Fault | None:
        return next(iter(self._faults.values()), None)
