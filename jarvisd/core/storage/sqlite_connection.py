"""One SQLite connection on aiosqlite's thread, which runs whole units of work.

The only module that uses aiosqlite, and it uses some of its private names on purpose:

- `_execute` runs any function on the connection's thread. Through the public methods
  a transaction takes several hops, and a task cancelled between two of them leaves it
  open, so that the next task's rows would join it. Here BEGIN, work and COMMIT are one
  function and one hop, which cancellation cannot interrupt. One hop is also cheaper.
- `_thread` becomes a daemon thread, so that a disk that never answers cannot keep the
  process from exiting. That is safe, since SQLite tolerates a crash at any time.

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
"""Seconds to wait for an interrupted unit to end."""

CLOSE_TIMEOUT_S: Final = 5.0
"""A last checkpoint writes a few MB at most; if it takes longer, the disk has failed."""

_STUCK: Final = "the disk has not answered an earlier request yet"

T = TypeVar("T")
Unit = Callable[[sqlite3.Connection], T]
"""Synchronous work on the connection's thread; it leaves no transaction open."""


class SqliteConnection:
    """A connection that runs one unit at a time, each to its end.

    The caller sets timeouts: put `anyio.fail_after` around `open` and `run`, with
    `shield=True` if the work must not be abandoned. A unit that is abandoned by timeout
    or cancellation is interrupted. If it still runs after that, the connection is
    `stuck` and refuses work until the unit has ended, so that no queue builds up while
    the disk does not answer.
    """

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        """Create the object; `open` calls *connect* on the thread."""
        self._turn = anyio.Lock()
        self._running: _Work[Any] | None = None
        self._connect = connect
        self._db = aiosqlite.Connection(self._connect_in_time, iter_chunk_size=64)
        self._db._thread.daemon = True  # noqa: SLF001 - see above

    @property
    def stuck(self) -> bool:
        """Whether a unit that was abandoned still runs on the thread."""
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
            # aiosqlite has stopped the thread; wait for it, or it may outlive the loop.
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(self._db._thread.join, GRACE_S)  # noqa: SLF001 - aiosqlite offers no other way
            raise

    async def run(self, unit: Unit[T]) -> T:
        """Run *unit* with the `sqlite3` connection on its thread, and return its result.

        Raises:
            StoreUnansweredError: An earlier unit is stuck; this one was not started.

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
        """Run *last*, close, and end the thread, within `CLOSE_TIMEOUT_S`.

        Raises:
            sqlite3.Error: *last* failed. The connection is closed nevertheless.

        """
        with anyio.move_on_after(CLOSE_TIMEOUT_S, shield=True) as scope:
            if self.stuck:
                scope.cancel()  # the thread ends when the disk answers

            try:
                if last is not None:
                    await self.run(last)
            finally:
                await self._db.close()

    async def _execute(self, work: "_Work[T]") -> T:
        result = await self._db._execute(work)  # type: ignore[no-untyped-call]  # noqa: SLF001 - aiosqlite offers no other way
        return cast("T", result)

    def _connect_in_time(self) -> sqlite3.Connection:
        """Connect; close the connection again if the caller has given up meanwhile."""
        raw = self._connect()
        if self._running is not None and self._running.abandoned:
            raw.close()
            raise StoreError("the disk answered too late")
        return raw


class _Work(Generic[T]):
    """One unit on the thread; it notifies the event loop of its end."""

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
        """Interrupt the unit, and wait GRACE_S for its end."""
        self.abandoned = True
        raw.interrupt()
        with anyio.move_on_after(GRACE_S, shield=True):
            await self.ended.wait()
