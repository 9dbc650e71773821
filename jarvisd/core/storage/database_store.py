"""The store as the rest of the daemon knows it: load, save, read, back up.

No trouble with the disk ends the daemon. A store that cannot be opened or written is
degraded: `error` says why, `save` raises and is tried again by its caller, who keeps
what is dirty, and the first save that works ends the trouble, without a restart.
"""

import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import anyio
import structlog

from jarvisd.base.clock import Clock
from jarvisd.base.errors import StoreError, StoreForeignError, StoreTooNewError
from jarvisd.core.feature import FeatureStore
from jarvisd.core.saved import FlushBatch, Saved
from jarvisd.core.storage.backup import (
    OldBackups,
    is_due,
    last_backup_ms,
    make_backup,
    old_backups,
)
from jarvisd.core.storage.database import (
    connect_copier,
    connect_frozen,
    connect_reader,
    fold_log,
    full_check,
    snapshot,
    transaction,
)
from jarvisd.core.storage.failures import DamagedError
from jarvisd.core.storage.files import has_leftovers
from jarvisd.core.storage.read_connections import ReadConnections, look
from jarvisd.core.storage.sqlite_connection import Unit
from jarvisd.core.storage.writer import WRITE_TIMEOUT_S, RunUnits, Writer, run_each

LOAD_TIMEOUT_S: Final = 30.0
CHECK_TIMEOUT_S: Final = 120.0
BACKUP_TIMEOUT_S: Final = 600.0

T = TypeVar("T")

log = structlog.get_logger()


@asynccontextmanager
async def open_database(
    path: Path,
    *,
    clock: Clock,
    stores: Mapping[str, FeatureStore],
    run_units: RunUnits = run_each,
) -> AsyncIterator["Store"]:
    """Open the database at *path* for the time of the block; make it if need be.

    A damaged one is repaired, see `Store.repaired`. One that is out of reach gives a
    degraded store, see `Store.error`. On a network file system a rollback journal takes
    the place of the WAL, which needs memory that hosts do not share: slower, but sound.
    *stores* write what features change, by their names; *run_units* what clients do.

    Raises:
        StoreTooNewError: A newer jarvisd wrote it; it was not touched.
        StoreForeignError: Another program wrote it; it was not touched.

    """
    store = Store(path, clock, stores, run_units)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


class Store:
    """One database: one connection that writes, one that answers queries.

    Attributes:
        path: The database file, links resolved.
        revision: Flushes ever committed. Never falls, even if an older file is restored.
        error: Why nothing can be stored now, for the user; None while all is well.
        last_flush_ms: When the last flush was committed, in Unix ms.
        last_backup_ms: When the newest backup was made, in Unix ms.

    """

    def __init__(
        self,
        path: Path,
        clock: Clock,
        stores: Mapping[str, FeatureStore],
        run_units: RunUnits = run_each,
    ) -> None:
        self.path = path.resolve()
        self.revision = 0
        self.error: str | None = None
        self._clock = clock
        self._writer = Writer(self.path, clock, stores, run_units)
        self._writing = anyio.Lock()
        self._reader = ReadConnections(self.path)
        self.last_flush_ms: int | None = None
        self.last_backup_ms: int | None = None

    @property
    def generation(self) -> int:
        """How often another file has come under us: deleted, replaced or repaired.

        Whoever sees this change must save everything anew, not just what is dirty.
        """
        return self._writer.generation

    @property
    def repaired(self) -> str | None:
        """What was done to a damaged or vanished file, for the user."""
        return self._writer.repaired

    @property
    def schema_version(self) -> int:
        """The number of schema scripts applied; 0 while it cannot be opened."""
        return self._writer.schema_version

    @property
    def size_bytes(self) -> int:
        """What the database and its log take on the disk, as of the last flush."""
        return self._writer.size_bytes

    async def load(self, query: Unit[T]) -> T | None:
        """Return what *query* reads at the start; what there is to be had, if degraded.

        None if nothing can be read.

        Raises:
            StoreError: The disk failed between opening and now.

        """
        async with self._writing:
            if not self._writer.is_open:
                return await self._load_unwritable(query)

            try:
                return await self._load_writable(query)
            except DamagedError as exc:
                await self._writer.reopen(damage=str(exc))
                return await self._load_writable(query)

    async def save(self, batch: FlushBatch) -> Saved:
        """Write *batch* in one transaction, all of it or none; say what came of it.

        One hop to the thread, whatever the size: 1,000 blocks take about 15 ms of it,
        and of the event loop nearly nothing. Once begun it is not cut by cancellation;
        it lasts `WRITE_TIMEOUT_S` at most, longer only while a file is being repaired.

        Raises:
            StoreBusyError: Another process held the lock; nothing was written.
            StoreUnansweredError: The disk did not answer, and the batch may yet be
                committed. Send the same one again until there is an answer.
            StoreError: The database failed; nothing was written.

        """
        async with self._writing:
            try:
                saved = await self._writer.write(batch)
            except StoreError as exc:
                self._degrade(exc)
                raise

            self._recover()
            self.revision = saved.revision
            self.last_flush_ms = self._clock.unix_ms()
            return saved

    async def apply(
        self, units: Sequence[Unit[Any]], *, durable: bool = False
    ) -> list[Any | StoreError]:
        """Run *units* one after the other in one transaction; return their answers.

        A unit that breaks a rule of the schema is undone alone, and answered by its
        error. *durable* waits until the disk has it all.

        Raises:
            StoreBusyError: Another process held the lock; nothing was written.
            StoreError: The database failed; nothing was written. Or the disk did not
                answer, and the units may yet take effect: all, or none.

        """
        async with self._writing:
            try:
                answers = await self._writer.apply(units, durable=durable)
            except StoreError as exc:
                self._degrade(exc)
                raise

            self._recover()
            return answers

    async def apply_one(self, unit: Unit[T]) -> T:
        """Run one unit in a transaction of its own; see `apply`."""
        [answer] = await self.apply([unit])
        if isinstance(answer, StoreError):
            raise answer

        return cast("T", answer)

    async def fold_log(self) -> None:
        """Write the log into the database and empty it of what it held.

        Raises:
            StoreError: The database failed.

        """
        async with self._writing:
            if self._writer.is_open:
                await self._writer.run(fold_log, limit_s=CHECK_TIMEOUT_S, shield=True)

    async def read(self, query: Unit[T]) -> T:
        """Return what *query* returns, given a read-only `sqlite3` connection.

        It sees one moment of the database, whatever is written meanwhile. It runs on
        the reader's thread, and must keep neither the connection nor a cursor of it.

        Raises:
            StoreError: It failed, or took longer than `READ_TIMEOUT_S`.

        """
        return await self._reader.read(query, generation=self.generation)

    async def change(self, unit: Unit[None]) -> None:
        """Run *unit* in a transaction of its own: for what is not of the books.

        Raises:
            StoreBusyError: Another process held the lock; nothing was written.
            StoreError: It failed; nothing was written.

        """
        async with self._writing:
            if not self._writer.is_open:
                raise StoreError(self.error or f"{self.path} is not open")

            await self._writer.run(
                partial(_in_transaction, unit=unit),
                limit_s=WRITE_TIMEOUT_S,
                shield=True,
            )

    async def backup(self) -> bool:
        """Make the day's backup if it is due; say whether one was made.

        Neither queries nor flushes wait for it. Damage that comes to light on the way
        is repaired at once: the last good backup will not get any newer.

        Raises:
            StoreError: There is no room, or the disk failed.

        """
        now_ms = self._clock.unix_ms()
        if not self._writer.is_open or not is_due(self.last_backup_ms, now_ms):
            return False

        copy = partial(make_backup, path=self.path, now_ms=now_ms)
        try:
            made = await look(
                self.path, copy, connect=connect_copier, limit_s=BACKUP_TIMEOUT_S
            )
        except DamagedError as exc:
            async with self._writing:
                await self._writer.reopen(damage=str(exc))
            return False

        self.last_backup_ms = now_ms
        log.info("store.backed_up", path=str(made))
        return True

    def old_backups(self) -> OldBackups:
        """Return how many backups there are, and when the newest will be replaced."""
        return old_backups(self.path)

    async def check(self) -> list[str]:
        """Return everything that is wrong with the database; empty if it is sound.

        Raises:
            StoreError: It could not be looked at.

        """
        try:
            return await look(
                self.path, full_check, connect=connect_reader, limit_s=CHECK_TIMEOUT_S
            )
        except DamagedError as exc:
            return [str(exc)]

    async def open(self) -> None:
        """Open, or be degraded; `open_store` calls this."""
        try:
            await self._writer.open()
        except (StoreTooNewError, StoreForeignError):
            raise
        except StoreError as exc:
            self._degrade(exc)
        self.revision = self._writer.revision
        self.last_backup_ms = last_backup_ms(self.path)

    async def close(self) -> None:
        """Close what is open, within a limit; `open_store` calls this."""
        await self._reader.close()
        await self._writer.close()

    async def _load_writable(self, query: Unit[T]) -> T:
        return await self._writer.run(partial(snapshot, query), limit_s=LOAD_TIMEOUT_S)

    async def _load_unwritable(self, query: Unit[T]) -> T | None:
        """Load what can at least be read.

        Counts and positions are of one moment, so going on from there is exact.
        """
        connects = [connect_reader, connect_frozen]
        if has_leftovers(self.path):
            connects.remove(connect_frozen)

        unit = partial(snapshot, query)
        for connect in connects:
            try:
                return await look(
                    self.path, unit, connect=connect, limit_s=LOAD_TIMEOUT_S
                )
            except StoreError as exc:
                log.info("store.unreadable", reason=str(exc))
        return None

    def _degrade(self, exc: StoreError) -> None:
        if self.error is None:
            log.error("store.degraded", reason=str(exc))
        self.error = str(exc)

    def _recover(self) -> None:
        if self.error is not None:
            log.info("store.recovered", path=str(self.path))
        self.error = None


def _in_transaction(raw: sqlite3.Connection, *, unit: Unit[None]) -> None:
    with transaction(raw):
        unit(raw)
