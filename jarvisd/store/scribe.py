"""Group commit: whoever wants something written waits for the next transaction.

Nobody can read a client's message again, so it is acknowledged when the disk has it. A
wait for the disk takes milliseconds, whatever it is for: all who wait share one.
"""

from collections.abc import Sequence
from typing import Any, Final, Protocol, TypeVar, cast

import anyio

from jarvisd.errors import StoreError
from jarvisd.store.connection import Unit

MAX_GROUP: Final = 256
"""Units of one transaction: some 20 ms, in which a flush waits."""

T = TypeVar("T")


class Applier(Protocol):
    """What is needed of the store."""

    async def apply(
        self, units: Sequence[Unit[Any]], *, durable: bool = False
    ) -> list[Any | StoreError]:
        """Run *units* in one transaction; see `Store.apply`."""
        ...


class Scribe:
    """Writes what is asked, in the order in which it is asked.

    What waits is bounded by the requests that clients may have under way.
    """

    def __init__(self, store: Applier) -> None:
        self._store = store
        self._waiting: list[_Entry] = []
        self._wake = anyio.Event()

    async def write(self, unit: Unit[T]) -> T:
        """Return what *unit* returns, once the disk has what it wrote.

        Whoever stops waiting has not taken it back: it may be written all the same.

        Raises:
            StoreError: It was not written; see `Store.apply`.

        """
        entry = _Entry(unit)
        self._waiting.append(entry)
        self._wake.set()
        await entry.done.wait()
        if entry.error is not None:
            raise entry.error

        return cast("T", entry.answer)

    async def run(self) -> None:
        """Write until cancelled, then what still waits."""
        try:
            while True:
                await self._wake.wait()
                self._wake = anyio.Event()
                await self._write_all()
        finally:
            with anyio.CancelScope(shield=True):  # bounded by the store
                await self._write_all()

    async def _write_all(self) -> None:
        while self._waiting:
            group = self._waiting[:MAX_GROUP]
            del self._waiting[:MAX_GROUP]
            await self._write(group)

    async def _write(self, group: "list[_Entry]") -> None:
        units = [each.unit for each in group]
        try:
            answers = await self._store.apply(units, durable=True)
        except Exception as exc:  # told to each who waits, who must not wait for ever
            answers = [exc] * len(group)

        for entry, answer in zip(group, answers, strict=True):
            entry.settle(answer)


class _Entry:
    """One unit that somebody waits for."""

    __slots__ = ("answer", "done", "error", "unit")

    def __init__(self, unit: Unit[Any]) -> None:
        self.unit = unit
        self.done = anyio.Event()
        self.answer: object = None
        self.error: Exception | None = None

    def settle(self, answer: object) -> None:
        if isinstance(answer, Exception):
            self.error = answer
        else:
            self.answer = answer

        self.done.set()
