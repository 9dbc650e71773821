"""The changes of one flush in one transaction: a store that fails costs few others.

A batch is written without savepoints, and only again with one for each change if a store
fails for a reason that is not the database's. What needs a change that is not stored
(`FeatureStore.needs`) is not stored either.
"""

import sqlite3
from collections.abc import Collection, Mapping
from contextlib import nullcontext
from typing import NamedTuple

import msgspec

from jarvisd.core.feature import FeatureStore, Receipt, Tx
from jarvisd.core.saved import FlushBatch
from jarvisd.core.storage.database import next_revision, transaction
from jarvisd.core.storage.interned import Interned
from jarvisd.core.storage.multi_insert import is_of_row


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
    """Writes batches by *stores* into one database, of which *known* caches the keys."""

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
