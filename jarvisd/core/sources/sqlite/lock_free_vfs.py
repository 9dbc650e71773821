"""SQL on one committed state of a live database, through SQLite in this process.

SQLite believes that it reads a file with a rollback journal that nobody writes: the
pages come from `DatabasePages`, locks are granted without being taken, and there is no
way to write. What a question has read is believed once the pages prove consistent.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import TypeVar

import apsw

from jarvisd.base.clock import Clock
from jarvisd.core.sources.sqlite.database_errors import (
    DefectError,
    NotADatabaseError,
    RestlessError,
    RowError,
    TornError,
    UnknownVersionError,
)
from jarvisd.core.sources.sqlite.database_pages import DatabasePages
from jarvisd.core.sources.sqlite.database_queries import Row, SqliteValue
from jarvisd.core.sources.sqlite.pause import pause

T = TypeVar("T")

GIVE_UP_S = 1.0
"""FoundBy long a question is asked again while its owner writes."""

QUERY_S = 5.0
"""FoundBy long one question may take: a session of 100 MB is listed in a tenth of it."""

PAUSE_S = 0.0005

MAX_VALUE_BYTES = 32 * 1024 * 1024
"""A larger value fails its row."""

CACHE_KIB = 2000
STEPS = 10_000
"""So many steps of SQLite's machine pass between two looks at the time."""

JULIAN_DAY_OF_EPOCH_MS = 210_866_760_000_000

_SCHEMA = "select rootpage, sql from sqlite_schema"
_COLUMNS = "select name from pragma_table_xinfo(:table)"
_SETTINGS = (
    f"pragma cache_size=-{CACHE_KIB}",
    "pragma query_only=1",
    "pragma trusted_schema=0",
    "pragma temp_store=memory",
    "pragma mmap_size=0",
)


class Snapshot:
    """One committed state, to ask questions of."""

    def __init__(self, connection: apsw.Connection, schema: int) -> None:
        self.schema = schema
        self._connection = connection

    def rows(self, sql: str, /, **values: SqliteValue) -> Iterator[Row]:
        """Return the rows of a query; see `row` for the errors."""
        with _row_errors():
            yield from self._connection.execute(sql, values)

    def row(self, sql: str, /, **values: SqliteValue) -> Row | None:
        """Return the first row of a query, or None.

        Raises:
            RowError: It cannot be read; others may.

        """
        return next(self.rows(sql, **values), None)

    def columns(self, table: str) -> frozenset[str]:
        """Return the columns of a table, none if there is no such table."""
        rows = self.rows(_COLUMNS, table=table)
        return frozenset(str(name) for (name,) in rows)


@contextmanager
def _row_errors() -> Iterator[None]:
    try:
        yield
    except (apsw.CorruptError, apsw.TooBigError, UnicodeDecodeError) as exc:
        raise RowError(str(exc)) from exc


@contextmanager
def _transaction(connection: apsw.Connection) -> Iterator[None]:
    connection.execute("begin")
    try:
        yield
    finally:
        if connection.in_transaction:
            connection.execute("rollback")


class SnapshotReader:
    """Asks one database. Used by one thread at a time, not always by the same one."""

    def __init__(self, pages: DatabasePages, clock: Clock) -> None:
        self.torn = 0
        self._pages = pages
        self._clock = clock
        self._deadline = 0.0
        self._name = f"/database-{next(_numbers)}"
        self._connection: apsw.Connection | None = None
        self._schema = 0

    def ask(self, question: Callable[[Snapshot], T]) -> T:
        """Return the answer of *question* to one committed state.

        It may be called several times, so it must change nothing.

        Raises:
            RestlessError: Its owner changed the database all the time.
            DefectError: SQLite cannot read the database.
            FileNotFoundError: There is none.
            NotADatabaseError: It is none.
            Exception: Whatever *question* raises about a state that was whole.

        """
        give_up_at = self._clock.monotonic() + GIVE_UP_S
        failures = 0
        for attempt in count(1):
            try:
                return self._ask_once(question)
            except TornError as exc:
                self.torn += 1
                if self._clock.monotonic() > give_up_at:
                    raise RestlessError(str(exc)) from exc
            except apsw.InterruptError as exc:
                raise RestlessError("a query took too long") from exc
            except (FileNotFoundError, NotADatabaseError, UnknownVersionError):
                raise
            except Exception as exc:
                # SQLite may keep something of another state. It is dropped now, so the
                # second time tells.
                self.close()
                failures += 1
                if failures > 1:
                    raise _as_defect(exc) from exc

            pause(PAUSE_S * attempt)

        raise AssertionError("unreachable: the loop ends by return or raise")

    def _ask_once(self, question: Callable[[Snapshot], T]) -> T:
        self._deadline = self._clock.monotonic() + QUERY_S
        self._pages.refresh()
        try:
            answer = self._answer(question)
        except Exception as exc:
            # A torn state looks like anything, most often like a corrupt one.
            if not self._pages.is_consistent():
                raise TornError("its owner writes all the time") from exc

            raise

        if not self._pages.is_consistent():
            raise TornError("its owner writes all the time")

        return answer

    def close(self) -> None:
        """Close the connection; the next question opens another one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
            _vfs.databases.pop(self._name, None)

    def _answer(self, question: Callable[[Snapshot], T]) -> T:
        connection = self._connection or self._open()
        with _transaction(connection):
            schema = hash(tuple(connection.execute(_SCHEMA)))
            if schema == self._schema:
                return question(Snapshot(connection, schema))

        # SQLite goes by a counter, which a restored backup may share with a database
        # whose tables are elsewhere.
        self.close()
        self._schema = schema
        connection = self._open()
        with _transaction(connection):
            return question(Snapshot(connection, schema))

    def _open(self) -> apsw.Connection:
        _vfs.databases[self._name] = self._pages
        self._connection = connection = apsw.Connection(
            self._name, flags=apsw.SQLITE_OPEN_READONLY, vfs=_vfs.name
        )
        connection.limit(apsw.SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES)
        connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_VIEW, 0)
        for each in _SETTINGS:
            connection.execute(each)

        connection.set_progress_handler(self._is_late, STEPS)
        return connection

    def _is_late(self) -> bool:
        return self._clock.monotonic() > self._deadline


def _as_defect(exc: Exception) -> Exception:
    return DefectError(str(exc)) if isinstance(exc, apsw.Error) else exc


class _File:
    """What SQLite takes for the database file. apsw calls these by their names."""

    def __init__(self, pages: DatabasePages) -> None:
        self._pages = pages

    def xRead(self, amount: int, offset: int) -> bytes:
        """Return the bytes of the state, with zeros behind its end."""
        return read_pages(self._pages, amount, offset).ljust(amount, b"\0")

    def xFileSize(self) -> int:
        """Return the size of the state."""
        return self._pages.page_count * self._pages.page_size

    def xLock(self, level: int) -> None:
        """Take no lock."""

    def xUnlock(self, level: int) -> None:
        """Leave none."""

    def xCheckReservedLock(self) -> bool:
        """Whether somebody has a journal that would have to be rolled back: no."""
        return False

    def xClose(self) -> None:
        """Leave the files to `DatabasePages`."""

    def xSectorSize(self) -> int:
        """Return a common size; nothing is written."""
        return 4096

    def xDeviceCharacteristics(self) -> int:
        """Promise nothing."""
        return 0

    def xFileControl(self, operation: int, pointer: int) -> bool:
        """Whether *operation* is supported: none is."""
        return False

    def xSync(self, flags: int) -> None:
        """Refuse."""
        raise apsw.ReadOnlyError

    def xTruncate(self, size: int) -> None:
        """Refuse."""
        raise apsw.ReadOnlyError

    def xWrite(self, data: bytes, offset: int) -> None:
        """Refuse."""
        raise apsw.ReadOnlyError


def read_pages(pages: DatabasePages, amount: int, offset: int) -> bytes:
    """Return bytes of the state as SQLite shall see them.

    Page 1 says that there is no write-ahead log, counts the pages of the state, and has
    our number of the state as its change counter: with another number SQLite drops the
    pages that it keeps.
    """
    number, inner = offset // pages.page_size + 1, offset % pages.page_size
    data = pages.page(number)
    if number == 1:
        version = pages.version.to_bytes(4, "big")
        patched = bytearray(data)
        patched[18:20] = b"\1\1"
        patched[24:28] = patched[92:96] = version
        patched[28:32] = pages.page_count.to_bytes(4, "big")
        data = bytes(patched)

    whole = inner == 0 and amount == pages.page_size
    return data if whole else data[inner : inner + amount]


class _LockFreeVfs(apsw.VFS):
    """Finds no file but the databases that are read here."""

    name = "jarvisd-lock-free"

    def __init__(self) -> None:
        self.databases: dict[str, DatabasePages] = {}
        super().__init__(self.name, "")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> _File:  # type: ignore[override]
        """Return the file of a database; SQLite asks for no other, in vain if it did."""
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        pages = self.databases.get(path or "")
        if pages is None:
            raise apsw.CantOpenError

        flags[1] = flags[0]
        return _File(pages)

    def xFullPathname(self, name: str) -> str:
        """Return the name, which is one already."""
        return name

    def xAccess(self, pathname: str, flags: int) -> bool:
        """Whether there is a journal or a log for SQLite to deal with: never."""
        return False

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: FBT001 - SQLite calls it
        """Refuse."""
        raise apsw.ReadOnlyError

    def xCurrentTimeInt64(self) -> int:
        """Return no time: queries here must not depend on it."""
        return JULIAN_DAY_OF_EPOCH_MS

    def xRandomness(self, numbyte: int) -> bytes:
        """Return random bytes."""
        return os.urandom(numbyte)

    def xSleep(self, microseconds: int) -> int:
        """Wait for no lock."""
        return microseconds

    def xGetLastError(self) -> tuple[int, str]:
        """Return that there was none."""
        return 0, ""


_numbers = count()
_vfs = _LockFreeVfs()
