"""The source of one database: what is new in it, and a cursor for all its sessions."""

from collections.abc import Callable
from threading import Lock
from typing import TypeVar

from msgspec import Struct

from jarvisd.base.clock import Clock
from jarvisd.core.source import Batch, Budget, Fault, ItemRef
from jarvisd.core.sources.sqlite.database_cursor import (
    DatabaseCursor,
    SeenState,
    decode_cursor,
)
from jarvisd.core.sources.sqlite.database_errors import (
    DefectError,
    NotADatabaseError,
    RestlessError,
    RowError,
    UnknownVersionError,
)
from jarvisd.core.sources.sqlite.database_look import Look, fitting
from jarvisd.core.sources.sqlite.database_pages import DatabasePages, FoundBy, StateKey
from jarvisd.core.sources.sqlite.database_queries import (
    Answers,
    DatabaseQueries,
    Reader,
    named_row,
)
from jarvisd.core.sources.sqlite.stream_reader import RecentSizes

T = TypeVar("T")

COMPARED_ALWAYS = 64
"""So few sessions are compared at each look: 0.4 ms."""

RETRY_S = 1.0
"""When to look again at what its owner changes all the time."""

BEGINNING_S = 1.0
"""A database that is being created or migrated lacks tables for so long."""

_REFUSALS = (NotADatabaseError, DefectError, RowError, OSError)


class _Unapplied(Struct):
    """A batch that was returned, and what applying it changes."""

    batch: Batch
    look: Look
    key: StateKey
    signature: object


class DatabaseSource:
    """Reads one database of an agent.

    `read` and `locate` block, up to a second if the owner writes all the time, so they
    are called on a thread; `applied`, `cursor` and `is_changed` do not wait for them.
    """

    def __init__(
        self, path: str, queries: DatabaseQueries, clock: Clock, cursor: bytes = b""
    ) -> None:
        known = decode_cursor(cursor)
        self._cursor = known or DatabaseCursor()
        # What an unreadable cursor stood for may have been delivered.
        self._may_repeat = known is None and cursor != b""
        self._newest = self._queries = queries
        self._clock = clock
        self._pages = DatabasePages(path, clock)
        self._reader: Reader | None = None
        self._sizes = RecentSizes()
        self._signature: object = None
        self._schema: int | None = None
        self._incomplete_since: float | None = None
        self._fault: Fault | None = None
        self._unapplied: _Unapplied | None = None
        self._lock = Lock()

    def is_changed(self) -> bool:
        """Whether `read` has to look; costs less than 0.1 ms, for a poll each second.

        Hints of inotify come for the database, its log and its journal. Changes of the
        index show in nothing but its first bytes: they are written through a mapping.
        """
        if not self._lock.acquire(blocking=False):
            return True  # it is being read, and nobody waits for that here

        try:
            return self._pages.signature() != self._signature
        except (FileNotFoundError, NotADatabaseError):
            return True
        finally:
            self._lock.release()

    def read(self, budget: Budget) -> Batch:
        """Return the changes up to the newest committed state, within *budget*.

        What cannot be read now is tried again with the next call. What cannot be read
        at all is tried again once the file changes.
        """
        with self._lock:
            if self._unapplied is not None:
                return self._unapplied.batch

            signature: object = None
            try:
                # Of before the look: what changes during it is seen by the next one.
                signature = self._pages.signature()
                if signature == self._signature:
                    return Batch(fault=self._fault)

                found = self._ask(lambda answers: self._look(answers, budget))
            except FileNotFoundError:
                self._signature = self._fault = None
                return Batch(gone=True)
            except (RestlessError, UnknownVersionError, *_REFUSALS) as exc:
                return self._refused(exc, signature)

            look, key, self._schema = found
            self._incomplete_since = None
            batch = self._batch(look)
            self._unapplied = _Unapplied(batch, look, key, signature)
            return batch

    def applied(self, batch: Batch) -> None:
        """Move the cursor past *batch*. Comes before the next read."""
        unapplied = self._unapplied
        if unapplied is None or unapplied.batch is not batch:
            return

        look, key = unapplied.look, unapplied.key
        void = {*look.ended, *look.streams.restarted}
        self._cursor.drop(void)
        self._cursor.advance(
            SeenState(*key.inode, key.salts, key.frames, key.stamp),
            look.streams.positions,
            look.unnumbered,
        )
        for stream in void:
            self._sizes.pop(stream, None)
        for stream in look.streams.positions.keys() & look.streams.sizes.keys():
            self._sizes.keep(stream, look.streams.sizes[stream])

        self._may_repeat = self._may_repeat and look.more
        self._signature = None if look.more else unapplied.signature
        self._unapplied = None

    def cursor(self) -> bytes:
        """Return the positions of all sessions behind what was applied."""
        return self._cursor.encode()

    def locate(self, ref: ItemRef) -> bytes | None:
        """Return the present body of a row, or None if there is none."""
        table, key = named_row(ref) or ("", "")
        query = self._queries.tables.get(table)
        if query is None:
            return None

        with self._lock:
            try:
                row = self._ask(lambda answers: answers.row(query.sql, key=key))
            except (RestlessError, UnknownVersionError, *_REFUSALS):
                return None

        return None if row is None else query.body(table, row[2:])

    def close(self) -> None:
        """Close connection and files; the next read opens them again."""
        with self._lock:
            if self._reader is not None:
                self._reader.close()
                self._reader = None

            self._pages.close()
            self._signature = self._schema = self._unapplied = None

    def _ask(self, question: Callable[[Answers], T]) -> T:
        if self._reader is None:
            from jarvisd.core.sources.sqlite.lock_free_vfs import (  # noqa: PLC0415 - 11 MB that few need
                SnapshotReader,
            )

            self._reader = SnapshotReader(self._pages, self._clock)

        return self._reader.ask(question)

    def _look(self, answers: Answers, budget: Budget) -> tuple[Look, StateKey, int]:
        key = self._pages.key
        assert key is not None, "a question before the first refresh"
        if answers.schema != self._schema:
            self._queries = fitting(answers, self._newest)

        look = Look(
            answers,
            self._queries,
            self._cursor,
            self._sizes,
            budget=budget,
            compare_all=may_be_replaced(key, self._pages.page_count, self._cursor),
        )
        return look.run(), key, answers.schema

    def _batch(self, look: Look) -> Batch:
        restarted = list(look.streams.restarted)
        if self._may_repeat:
            known = {*self._cursor.streams, *restarted}
            found = {**look.streams.positions, **look.unnumbered}
            restarted += [stream for stream in found if stream not in known]

        problems = "; ".join(
            f"session {stream}: {problem}" for stream, problem in look.problems.items()
        )
        return Batch(
            items=look.delivery.items,
            more=look.more,
            removed=len(look.delivery.deleted),
            fault=self._faulty(problems),
            restarted=restarted,
            ended=look.ended,
            deleted=look.delivery.deleted,
            totals=look.totals,
        )

    def _faulty(self, reason: str) -> Fault | None:
        """Return the present fault, from when it began; None without a reason."""
        if not reason:
            self._fault = None
        elif self._fault is None or self._fault.reason != reason:
            self._fault = Fault(self._pages.files.path, reason, self._clock.unix_ms())

        return self._fault

    def _refused(self, exc: Exception, signature: object) -> Batch:
        """Report what keeps the database from being read, and when to try again."""
        if isinstance(exc, RestlessError):
            fault = self._faulty(f"cannot be read now: {exc}")
            return Batch(retry_s=RETRY_S, fault=fault)

        if isinstance(exc, UnknownVersionError):
            now = self._clock.monotonic()
            if self._incomplete_since is None:
                self._incomplete_since = now

            if now - self._incomplete_since < BEGINNING_S:
                return Batch(retry_s=BEGINNING_S)

            reason = f"unknown version: it has no {exc}"
        else:
            reason = f"cannot be read: {exc}"

        self._signature = signature
        return Batch(fault=self._faulty(reason))


def may_be_replaced(key: StateKey, page_count: int, cursor: DatabaseCursor) -> bool:
    """Whether the file may have another history than that which was read."""
    seen = cursor.seen
    if seen is None or len(cursor.streams) <= COMPARED_ALWAYS:
        return True

    if (seen.device, seen.inode) != key.inode:
        return True

    if key.salts and key.salts == seen.salts:
        # A backup may be restored within a transaction, which writes all its pages.
        return not 0 <= key.frames - seen.frames < page_count // 2

    # Of a log that has begun again nobody knows how it ended.
    return key.found_by is not FoundBy.FILE or key.stamp != seen.stamp
