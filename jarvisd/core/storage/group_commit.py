"""Group commit: whoever wants something written waits for the next transaction.

Nobody can read a client's message again, so it is acknowledged when the disk has it. A
wait for the disk takes milliseconds, whatever it is for: all who wait share one.
"""

from asyncio import Future, get_running_loop
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, Protocol, TypeVar

import anyio

from jarvisd.base.errors import StoreError
from jarvisd.core.storage.sqlite_connection import Unit

MAX_GROUP: Final = 256
"""Units of one transaction: some 20 ms, in which a flush waits."""

R = TypeVar("R")
T = TypeVar("T")


class Applier(Protocol):
    """What is needed of the store."""

    async def apply(
        self, units: Sequence[Unit[Any]], *, durable: bool = False
    ) -> list[Any | StoreError]:
        """Run *units* in one transaction; see `Store.apply`."""
        ...


class GroupCommit:
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
        return await self.promise(unit, lambda answer: answer)

    def promise(self, unit: Unit[T], read: Callable[[T], R]) -> "Future[R]":
        """Return what will be what *read* makes of what *unit* returns, or an error.

        As `write`, without a task that waits: for what comes by the thousand.
        """
        promised: Future[R] = get_running_loop().create_future()
        self._waiting.append(_Entry(unit, read, promised))
        self._wake.set()
        return promised

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


class _Entry(NamedTuple):
    """One unit that somebody waits for."""

    unit: Unit[Any]
    read: Callable[[Any], Any]
    promised: "Future[Any]"

    def settle(self, answer: object) -> None:
        if self.promised.done():  # whoever waited has stopped
            return

        try:
            if isinstance(answer, Exception):
                raise answer

            self.promised.set_result(self.read(answer))
        except Exception as exc:
            self.promised.set_exception(exc)
