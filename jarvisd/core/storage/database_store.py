"""The store as the rest of the daemon uses it: load, save, read, back up.

No error of the disk ends the daemon. A store that cannot be opened or written is
degraded: `error` has the reason, `save` raises and is retried by its caller, which keeps
its dirty set, and the first successful save ends the state, without a restart.
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
    DamagedError,
    checkpoint,
    connect_copier,
    connect_frozen,
    connect_reader,
    full_check,
    snapshot,
    transaction,
)
from jarvisd.core.storage.files import has_leftovers
from jarvisd.core.storage.read_connections import ReadConnections, read_once
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
    """Open the database at *path* for the context; create it if it does not exist.

    A damaged database is repaired, see `Store.repaired`. If it is not accessible, the
    store is degraded, see `Store.error`. On a network file system a rollback journal
    replaces the WAL, which needs memory that hosts do not share: slower, but safe.
    *stores* write the changes of features, by name; *run_units* runs clients' units.

    Raises:
        StoreTooNewError: A newer jarvisd wrote it; it was not changed.
        StoreForeignError: Another program wrote it; it was not changed.

    """
    store = Store(path, clock, stores, run_units)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


class Store:
    """One database, with one connection for writing and one for queries.

    Attributes:
        path: The database file, links resolved.
        revision: The number of flushes that were ever committed. It never decreases,
            even if an older file is restored.
        error: The reason why nothing can be stored now, for the user, or None.
        last_flush_ms: The time of the last committed flush, Unix ms.
        last_backup_ms: The time of the newest backup, Unix ms.

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
        """The number of times that the file was deleted, replaced or repaired.

        A caller that sees a change must save everything again, not only its dirty set.
        """
        return self._writer.generation

    @property
    def repaired(self) -> str | None:
        """The repair of a damaged or missing file, for the user; None if there was none."""
        return self._writer.repaired

    @property
    def schema_version(self) -> int:
        """The number of applied schema scripts; 0 while the file cannot be opened."""
        return self._writer.schema_version

    @property
    def size_bytes(self) -> int:
        """The size of the database with its log, as of the last flush."""
        return self._writer.size_bytes

    async def load(self, query: Unit[T]) -> T | None:
        """Return the result of *query* at the start of the daemon.

        A degraded store is read if possible; None if nothing can be read.

        Raises:
            StoreError: The disk has failed since the database was opened.

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
        """Write *batch* in one transaction, all of it or none; return the result.

        It takes one hop to the thread, whatever the size: 1,000 blocks take about 15 ms
        there, and nearly none on the event loop. Once started it is not interrupted by
        cancellation. It takes `WRITE_TIMEOUT_S` at most, longer only during a repair.

        Raises:
            StoreBusyError: Another process held the lock; nothing was written.
            StoreUnansweredError: The disk did not answer, and the batch may still be
                committed. Save the same batch again until there is an answer.
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
        """Run *units* in order in one transaction; return their results.

        A unit that violates a constraint is rolled back alone, and its result is the
        error. *durable* waits until the disk has written everything.

        Raises:
            StoreBusyError: Another process held the lock; nothing was written.
            StoreError: The database failed; nothing was written. Or the disk did not
                answer, and the units may still be committed, all or none.

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
        """Run one unit in its own transaction; see `apply`."""
        [answer] = await self.apply([unit])
        if isinstance(answer, StoreError):
            raise answer

        return cast("T", answer)

    async def checkpoint(self) -> None:
        """Write the write-ahead log into the database and truncate it.

        Raises:
            StoreError: The database failed.

        """
        async with self._writing:
            if self._writer.is_open:
                await self._writer.run(checkpoint, limit_s=CHECK_TIMEOUT_S, shield=True)

    async def read(self, query: Unit[T]) -> T:
        """Run *query* with a read-only `sqlite3` connection, and return its result.

        The query sees one snapshot, whatever is written meanwhile. It runs on the
        reader's thread, and must not keep the connection or a cursor.

        Raises:
            StoreError: The query failed, or took longer than `READ_TIMEOUT_S`.

        """
        return await self._reader.read(query, generation=self.generation)

    async def change(self, unit: Unit[None]) -> None:
        """Run *unit* in its own transaction, without the recovery that `apply` has.

        Raises:
            StoreBusyError: Another process held the lock; nothing was written.
            StoreError: The unit failed; nothing was written.

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
        """Make the daily backup if it is due; return True if one was made.

        Neither queries nor flushes wait for it. Damage that it finds is repaired at
        once, while the last valid backup is as recent as possible.

        Raises:
            StoreError: There is not enough space, or the disk failed.

        """
        now_ms = self._clock.unix_ms()
        if not self._writer.is_open or not is_due(self.last_backup_ms, now_ms):
            return False

        copy = partial(make_backup, path=self.path, now_ms=now_ms)
        try:
            made = await read_once(
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
        """Return the number of backups, and when the newest will be replaced."""
        return old_backups(self.path)

    async def check(self) -> list[str]:
        """Return the errors of the database; empty if it is intact.

        Raises:
            StoreError: The database could not be read.

        """
        try:
            return await read_once(
                self.path, full_check, connect=connect_reader, limit_s=CHECK_TIMEOUT_S
            )
        except DamagedError as exc:
            return [str(exc)]

    async def open(self) -> None:
        """Open the database, or become degraded; `open_database` calls this."""
        try:
            await self._writer.open()
        except (StoreTooNewError, StoreForeignError):
            raise
        except StoreError as exc:
            self._degrade(exc)
        self.revision = self._writer.revision
        self.last_backup_ms = last_backup_ms(self.path)

    async def close(self) -> None:
        """Close all connections within a timeout; `open_database` calls this."""
        await self._reader.close()
        await self._writer.close()

    async def _load_writable(self, query: Unit[T]) -> T:
        return await self._writer.run(partial(snapshot, query), limit_s=LOAD_TIMEOUT_S)

    async def _load_unwritable(self, query: Unit[T]) -> T | None:
        """Load from a database that can be read but not written.

        Counts and cursors are of one snapshot, so counting continues exactly.
        """
        # An immutable file is read without its log, so the log must be empty.
        connects = [connect_reader, connect_frozen]
        if has_leftovers(self.path):
            connects.remove(connect_frozen)

        unit = partial(snapshot, query)
        for connect in connects:
            try:
                return await read_once(
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
