"""One SQLite connection on aiosqlite's thread, given whole units of work.

The only module that touches aiosqlite, and it uses private names of it on purpose:

- `_execute` runs any function on the connection's thread. Through the public methods
  a transaction is several hops, and a task cancelled between two of them leaves it
  open: the next task's rows would join it. Here BEGIN, work and COMMIT are one
  function and one hop, which a cancellation cannot cut. One hop is also cheaper.
- `_thread` is made a daemon thread, so that a disk that never answers cannot keep the
  process from exiting. SQLite loses nothing by that: it is made for sudden ends.

Tested with aiosqlite 0.22; pyproject.toml pins below 0.23.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from functools import partial
from typing import Any, Final, Generic, TypeVar, cast

import aiosqlite
import anyio
import anyio.to_thread

from jarvisd.base.errors import StoreError, StoreUnansweredError

GRACE_S: Final = 1.0
"""How long an interrupted unit may take to notice before we stop waiting for it."""

CLOSE_TIMEOUT_S: Final = 5.0
"""A last checkpoint writes at most a few MB; longer than this the disk is gone."""

_STUCK: Final = "the disk has not answered an earlier request yet"

T = TypeVar("T")
Unit = Callable[[sqlite3.Connection], T]
"""Synchronous work on the connection's thread; it leaves no transaction open."""


class SqliteConnection:
    """A connection that runs one unit at a time, each to its end.

    Limits are the caller's: put `anyio.fail_after` round `open` and `run`, with
    `shield=True` where the work must not be abandoned. A unit abandoned by its limit
    or by cancellation is interrupted. If it is still on the thread after that, the
    connection is `stuck`, and refuses work until the unit has ended: nothing queues
    up behind a disk that does not answer.
    """

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        """Prepare the connection that *connect* will make, on the thread."""
        self._turn = anyio.Lock()
        self._running: _Work[Any] | None = None
        self._connect = connect
        self._db = aiosqlite.Connection(self._connect_in_time, iter_chunk_size=64)
        self._db._thread.daemon = True  # noqa: SLF001 - see above

    @property
    def stuck(self) -> bool:
        """Whether a unit that was abandoned is still on the thread."""
        running = self._running
        return running is not None and running.abandoned and not running.ended.is_set()

    async def open(self) -> None:
        """Start the thread and connect; raise what connecting raises."""
        self._running = work = _Work(self._connect)
        self._connect = work
        try:
            await self._db
        except BaseException:
            work.abandoned = True
            # aiosqlite has told the thread to end; wait, or it may outlive the loop.
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(self._db._thread.join, GRACE_S)  # noqa: SLF001 - aiosqlite offers no other way
            raise

    async def run(self, unit: Unit[T]) -> T:
        """Return what *unit* returns, given the `sqlite3` connection, on its thread.

        Raises:
            StoreUnansweredError: An earlier unit is stuck; this one was not begun.

        """
        async with self._turn:
            if self.stuck:
                raise StoreUnansweredError(_STUCK)

            raw = self._db._conn  # noqa: SLF001 - see above
            self._running = work = _Work(partial(unit, raw))
            try:
                return await self._execute(work)
            except anyio.get_cancelled_exc_class():
                await work.abandon(raw)
                raise

    async def close(self, last: Unit[None] | None = None) -> None:
        """Run *last*, close, and end the thread; give up after `CLOSE_TIMEOUT_S`.

        Raises:
            sqlite3.Error: *last* failed. The connection is closed nevertheless.

        """
        with anyio.move_on_after(CLOSE_TIMEOUT_S, shield=True) as scope:
            if self.stuck:
                scope.cancel()  # the thread ends when the disk lets it

            try:
                if last is not None:
                    await self.run(last)
            finally:
                await self._db.close()

    async def _execute(self, work: "_Work[T]") -> T:
        result = await self._db._execute(work)  # type: ignore[no-untyped-call]  # noqa: SLF001 - aiosqlite offers no other way
        return cast("T", result)

    def _connect_in_time(self) -> sqlite3.Connection:
        """Connect; but close again what came too late to be used by anybody."""
        raw = self._connect()
        if self._running is not None and self._running.abandoned:
            raw.close()
            raise StoreError("the disk answered too late")
        return raw


class _Work(Generic[T]):
    """One unit on its way to the thread and back; tells the loop when it has ended."""

    def __init__(self, unit: Callable[[], T]) -> None:
        self.ended = anyio.Event()
        self.abandoned = False
        self._unit = unit
        self._loop = asyncio.get_running_loop()

    def __call__(self) -> T:
        try:
            if self.abandoned:
                raise StoreError("abandoned before it began")

            return self._unit()
        finally:
            self._loop.call_soon_threadsafe(self.ended.set)

    async def abandon(self, raw: sqlite3.Connection) -> None:
        """Interrupt the unit and give it a moment to end."""
        self.abandoned = True
        raw.interrupt()
        with anyio.move_on_after(GRACE_S, shield=True):
            await self.ended.wait()
