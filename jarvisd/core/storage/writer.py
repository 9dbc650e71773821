"""The writing connection; detects that its file was replaced or damaged.

If the file is deleted, replaced or damaged while it is open, the next write notices. A
valid file then takes its place, and `generation` increases, so that callers, who have
everything in memory, save everything again.
"""

import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import anyio
import msgspec
import structlog

from jarvisd.base.clock import Clock
from jarvisd.base.errors import StoreError
from jarvisd.core.feature import FeatureStore, Receipt, Tx
from jarvisd.core.saved import FlushBatch, Saved
from jarvisd.core.storage.database import (
    DamagedError,
    ReplacedError,
    checkpoint,
    next_revision,
    run_in_savepoint,
    store_errors,
    transaction,
)
from jarvisd.core.storage.files import FileId, identity, size_bytes
from jarvisd.core.storage.interned import Interned
from jarvisd.core.storage.multi_insert import is_of_row
from jarvisd.core.storage.opening import Opening
from jarvisd.core.storage.sqlite_connection import SqliteConnection, Unit

WRITE_TIMEOUT_S: Final = 5.0
"""A thousand rows take 15 ms; a disk that takes longer than this has failed."""

OPEN_TIMEOUT_S: Final = 120.0
"""Enough to check a database of 1 GB and copy its backup on a slow disk."""

T = TypeVar("T")

RunUnits = Callable[[sqlite3.Connection, Sequence[Unit[Any]]], list[Any | StoreError]]
"""Runs units in one transaction; a unit that fails is rolled back alone."""

log = structlog.get_logger()


class Written(NamedTuple):
    """What came of a batch."""

    revision: int
    receipts: Mapping[str, Receipt] = {}
    refused: tuple[str, ...] = ()


class _PartFailedError(Exception):
    """Changes failed in their savepoints, and others that are written need them."""

    def __init__(self, failed: Collection[str], refused: tuple[str, ...]) -> None:
        super().__init__(*failed)
        self.failed = failed
        self.refused = refused


class BatchWriter(NamedTuple):
    """Writes batches by *stores* into one database, of which *known* caches the keys.

    A batch is written without savepoints, and only again with one for each change if a
    store fails for a reason that is not the database's. What needs a change that is not
    stored (`FeatureStore.needs`) is not stored either.
    """

    stores: Mapping[str, FeatureStore]
    known: Interned

    def write(
        self, raw: sqlite3.Connection, batch: FlushBatch, *, above: int
    ) -> Written:
        """Write *batch* as one revision, which is greater than *above*."""
        batch = self._without(batch, batch.failed)
        try:
            return self._write(raw, batch, above=above)
        except Exception as exc:
            if not is_of_row(exc):
                raise

        refused: tuple[str, ...] = ()
        while True:
            try:
                written = self._write(raw, batch, above=above, in_savepoints=True)
            except _PartFailedError as exc:
                # All others are written once more, without what needs the failed.
                of_failed = tuple(f"{name}: " for name in exc.failed)
                refused += tuple(e for e in exc.refused if e.startswith(of_failed))
                batch = self._without(batch, exc.failed)
            else:
                return written._replace(refused=refused + written.refused)

    def moved(self, batch: FlushBatch) -> FlushBatch:
        """Return the changes of *batch* that also apply to another database file."""
        moved = {
            name: self.stores[name].moved(change)
            for name, change in batch.changes.items()
        }
        changes = {name: change for name, change in moved.items() if change is not None}
        return msgspec.structs.replace(batch, changes=changes)

    def _without(self, batch: FlushBatch, failed: Collection[str]) -> FlushBatch:
        """Return *batch* without the changes of *failed*, and what needs them."""
        left_out, needing = set[str](), set(failed)
        while needing:
            left_out |= needing
            needing = {
                name
                for name in batch.changes.keys() - left_out
                if self.stores[name].needs & left_out
            }

        changes = {
            name: change
            for name, change in batch.changes.items()
            if name not in left_out
        }
        return msgspec.structs.replace(batch, changes=changes)

    def _write(
        self,
        raw: sqlite3.Connection,
        batch: FlushBatch,
        *,
        above: int,
        in_savepoints: bool = False,
    ) -> Written:
        receipts: dict[str, Receipt] = {}
        self.known.refused.clear()
        try:
            with transaction(raw, durable=batch.durable):
                tx = Tx(raw, self.known, next_revision(raw, above=above))
                for name, change in batch.changes.items():
                    with self.known.part(raw, name) if in_savepoints else nullcontext():
                        receipts[name] = self.stores[name].write(tx, change)

                refused = tuple(self.known.refused)
                failed = batch.changes.keys() - receipts.keys()
                if any(self.stores[name].needs & failed for name in receipts):
                    raise _PartFailedError(failed, refused)
        except BaseException:
            self.known.forget()
            raise

        return Written(tx.revision, receipts, refused)


def run_each(
    raw: sqlite3.Connection, units: Sequence[Unit[Any]]
) -> list[Any | StoreError]:
    """Run *units* in order inside the caller's transaction."""
    return [run_in_savepoint(raw, each) for each in units]


class Writer:
    """The only connection that writes to the database at *path*.

    It must not be used by two tasks at once; `Store` ensures that.

    Attributes:
        generation: How often the file was replaced since the first `open`.
        repaired: The repair of a damaged or missing file, for the user, or None.
        revision: The number of flushes that were ever committed; never decreases.

    """

    def __init__(
        self,
        path: Path,
        clock: Clock,
        stores: Mapping[str, FeatureStore],
        run_units: RunUnits = run_each,
    ) -> None:
        self.generation = 0
        self.repaired: str | None = None
        self.revision = 0
        self.size_bytes = 0
        self.schema_version = 0
        self._path = path
        self._clock = clock
        self._run_units = run_units
        self._connection: SqliteConnection | None = None
        self._attempt: SqliteConnection | None = None
        self._file: FileId | None = None
        self._batches = BatchWriter(stores, Interned())
        self._answered: tuple[int, tuple[Written, int]] | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is a connection; if not, `write` tries to open one."""
        return self._connection is not None

    async def open(self, *, damage: str | None = None) -> None:
        """Open the database, checked and migrated; see `Opening`.

        Raises:
            StoreError: The database is not accessible, or not ours.

        """
        if self._attempt is not None and self._attempt.stuck:
            raise StoreError(f"{self._path}: the disk does not answer")

        opening = Opening(self._path, self._clock.unix_ms(), damage)
        connection = self._attempt = SqliteConnection(opening.connect)
        with store_errors(self._path), anyio.fail_after(OPEN_TIMEOUT_S, shield=True):
            await connection.open()

        self._attempt, self._connection = None, connection
        self._adopt(opening)

    async def reopen(self, *, damage: str | None = None) -> None:
        """Open the file that is at the path now; *damage* is its known damage, if any."""
        await self.close()
        await self.open(damage=damage)
        self.generation += 1

    async def write(self, batch: FlushBatch) -> Saved:
        """Write *batch* in one transaction; see `Store.save`."""
        before = self.generation if batch.generation is None else batch.generation
        try:
            if not self.is_open:
                await self.reopen()

            # A reopened file may lack rows that the batch builds on; see below. Others
            # write too, and may have reopened it while the batch waited for its turn.
            if self.generation == before:
                return await self._write(batch)
        except (ReplacedError, DamagedError) as exc:
            await self._recover(exc)

        return await self._write(self._batches.moved(batch))

    async def apply(
        self, units: Sequence[Unit[Any]], *, durable: bool
    ) -> list[Any | StoreError]:
        """Run *units* in one transaction; see `Store.apply`."""
        work = partial(self._apply_units, units=units, durable=durable)
        try:
            if not self.is_open:
                await self.reopen()

            return await self.run(work, limit_s=WRITE_TIMEOUT_S, shield=True)
        except (ReplacedError, DamagedError) as exc:
            await self._recover(exc)

        return await self.run(work, limit_s=WRITE_TIMEOUT_S, shield=True)

    async def run(self, unit: Unit[T], *, limit_s: float, shield: bool = False) -> T:
        """Run *unit* on the writer's connection, and return its result."""
        assert self._connection is not None, "the database is not open for writing"
        with store_errors(self._path), anyio.fail_after(limit_s, shield=shield):
            return await self._connection.run(unit)

    async def close(self) -> None:
        """Close within a timeout; an error is only logged, since nothing is lost."""
        connection, self._connection = self._connection, None
        if connection is None:
            return

        try:
            await connection.close(checkpoint)
        except (sqlite3.Error, StoreError) as exc:
            log.warning("store.close_failed", path=str(self._path), reason=str(exc))

    async def _recover(self, exc: ReplacedError | DamagedError) -> None:
        await self.reopen(damage=str(exc) if isinstance(exc, DamagedError) else None)
        if isinstance(exc, ReplacedError):
            self._record_repair(str(exc))

    async def _write(self, batch: FlushBatch) -> Saved:
        unit = partial(self._write_unit, batch=batch, above=self.revision)
        answer = await self.run(unit, limit_s=WRITE_TIMEOUT_S, shield=True)
        written, self.size_bytes = answer
        self.revision = written.revision
        return Saved(self.revision, written.receipts, written.refused)

    def _apply_units(
        self, raw: sqlite3.Connection, *, units: Sequence[Unit[Any]], durable: bool
    ) -> list[Any | StoreError]:
        self._check_not_replaced()
        with transaction(raw, durable=durable):
            return self._run_units(raw, units)

    def _check_not_replaced(self) -> None:
        if identity(self._path) != self._file:
            raise ReplacedError(f"{self._path} was deleted or replaced; saved again")

    def _write_unit(
        self, raw: sqlite3.Connection, *, batch: FlushBatch, above: int
    ) -> tuple[Written, int]:
        """Return the result of *batch*, and the size of the database after it."""
        self._check_not_replaced()
        if self._answered is not None and self._answered[0] == batch.number != 0:
            # It was committed, but the caller timed out before the result arrived.
            return self._answered[1]

        answer = self._batches.write(raw, batch, above=above), size_bytes(self._path)
        self._answered = (batch.number, answer)
        return answer

    def _adopt(self, opening: Opening) -> None:
        self._batches = BatchWriter(self._batches.stores, Interned())
        self._answered = None
        self._file = opening.file
        self.size_bytes = opening.size_bytes
        self.schema_version = len(opening.scripts)
        self.revision = max(self.revision, opening.revision)
        if opening.repaired is not None:
            self._record_repair(opening.repaired)

    def _record_repair(self, repaired: str) -> None:
        self.repaired = repaired
        log.error("store.repaired", path=str(self._path), what=repaired)
