"""Group commit: the writes of many clients share the next transaction.

A client's message cannot be read again from a log, so it is acknowledged only when it is
on disk. Waiting for the disk takes milliseconds, however much is written: all waiting
clients share it.
"""

from asyncio import Future, get_running_loop
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, Protocol, TypeVar

import anyio

from jarvisd.base.errors import StoreError
from jarvisd.core.storage.sqlite_connection import Unit

MAX_GROUP: Final = 256
"""Units of one transaction: about 20 ms, for which a flush waits."""

R = TypeVar("R")
T = TypeVar("T")


class Applier(Protocol):
    """The part of the store that a group commit needs."""

    async def apply(
        self, units: Sequence[Unit[Any]], *, durable: bool = False
    ) -> list[Any | StoreError]:
        """Run *units* in one transaction; see `Store.apply`."""
        ...


class GroupCommit:
    """Runs units of many clients in groups, in the order of submission.

    The queue is bounded by the number of requests that clients may have in flight.
    """

    def __init__(self, store: Applier) -> None:
        self._store = store
        self._waiting: list[_Entry] = []
        self._wake = anyio.Event()

    async def write(self, unit: Unit[T]) -> T:
        """Run *unit*, and return its result once its writes are on disk.

        A cancelled caller does not withdraw the unit: it may be written all the same.

        Raises:
            StoreError: Nothing was written; see `Store.apply`.

        """
        return await self.submit(unit, lambda answer: answer)

    def submit(self, unit: Unit[T], read: Callable[[T], R]) -> "Future[R]":
        """Return a future of *read* applied to the result of *unit*, or of its error.

        Like `write`, but without a waiting task, for thousands of units.
        """
        future: Future[R] = get_running_loop().create_future()
        self._waiting.append(_Entry(unit, read, future))
        self._wake.set()
        return future

    async def run(self) -> None:
        """Write until cancelled, then write what is still queued."""
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
        except Exception as exc:  # passed to each caller, which would wait forever
            answers = [exc] * len(group)

        for entry, answer in zip(group, answers, strict=True):
            entry.resolve(answer)


class _Entry(NamedTuple):
    """One unit, and the future of its result."""

    unit: Unit[Any]
    read: Callable[[Any], Any]
    future: "Future[Any]"

    def resolve(self, answer: object) -> None:
        if self.future.done():  # the caller was cancelled
            return

        try:
            if isinstance(answer, Exception):
                raise answer

            self.future.set_result(self.read(answer))
        except Exception as exc:
            self.future.set_exception(exc)
