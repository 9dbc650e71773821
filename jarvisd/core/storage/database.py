"""Opens and configures SQLite connections, and translates their errors.

The rules that all code relies on:

- One writer, the only connection that makes checkpoints, and readers that cannot.
  SQLite before 3.51.3 can, very rarely, damage a database if two connections write or
  checkpoint at the same time (https://sqlite.org/wal.html, the WAL-reset bug).
- No implicit transactions: writers use BEGIN IMMEDIATE, through `transaction`.
- No memory map of the database: truncating a mapped file would kill the process.

Errors of SQLite and the disk become errors of the store. A message names the file, the
error and the remedy. It also states that counting continues, which is the first question
of a user who reads it in `jarvisctl health`.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from errno import ENOSPC
from pathlib import Path
from typing import Final, TypeVar

from jarvisd.base.errors import StoreBusyError, StoreError, StoreUnansweredError

BUSY_TIMEOUT_MS: Final = 2_000
"""Only a person with `sqlite3` may hold the lock. The time is well below the timeout of
a write, which distinguishes a lock from a disk that does not answer."""

_COMMON: Final = (
    f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",
    "PRAGMA mmap_size = 0",
    "PRAGMA temp_store = MEMORY",
)
_WRITER: Final = (
    "PRAGMA foreign_keys = ON",
    # A kill loses nothing. A power failure may lose the last flushes with their cursors,
    # so their lines are read again. Pushed lines require FULL, see `transaction`.
    "PRAGMA synchronous = NORMAL",
    "PRAGMA journal_size_limit = 67108864",
)

STATEMENTS: Final = 256
"""Prepared statements to keep: most are for many rows, each with six lengths."""

_NEXT_REVISION: Final = """
UPDATE store SET revision = max(revision, ?) + 1 RETURNING revision
"""

T = TypeVar("T")


def connect_writer(path: Path, *, wal: bool) -> sqlite3.Connection:
    """Open the database at *path* for writing; without *wal* with a rollback journal."""
    mode = "WAL" if wal else "DELETE"
    return _connect(path, "rw", *_COMMON, f"PRAGMA journal_mode = {mode}", *_WRITER)


def connect_reader(path: Path) -> sqlite3.Connection:
    """Open the database at *path* for queries; the connection cannot change it."""
    return _connect(path, "ro", *_COMMON, "PRAGMA query_only = ON")


def connect_copier(path: Path) -> sqlite3.Connection:
    """Open the database at *path* to copy it; only the copy is written."""
    return _connect(path, "ro", *_COMMON)


def connect_frozen(path: Path) -> sqlite3.Connection:
    """Open a database on a disk that cannot be written, as an immutable file.

    Only correct if there is no log with further rows: see `files.has_leftovers`.
    """
    return _connect(path, "ro&immutable=1", *_COMMON, "PRAGMA query_only = ON")


def quick_check(raw: sqlite3.Connection) -> str | None:
    """Return the first error in the structure of the database, or None."""
    row: tuple[str] = raw.execute("PRAGMA quick_check(1)").fetchone()
    return None if row[0] == "ok" else row[0].splitlines()[-1]


def full_check(raw: sqlite3.Connection) -> list[str]:
    """Return all errors, including those of indexes and references."""
    found = [row[0] for row in raw.execute("PRAGMA integrity_check(20)")]
    dangling = [
        f"{row[0]} refers to a row of {row[2]} that is not there"
        for row in raw.execute("PRAGMA foreign_key_check")
    ]
    return [each for each in found if each != "ok"] + dangling


def checkpoint(raw: sqlite3.Connection) -> None:
    """Write the log into the database and truncate it, so that the next start is fast."""
    raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def next_revision(raw: sqlite3.Connection, *, above: int) -> int:
    """Count one flush; return its number, which is greater than *above*."""
    row: tuple[int] = raw.execute(_NEXT_REVISION, (above,)).fetchall()[0]
    return row[0]


def read_revision(raw: sqlite3.Connection) -> int:
    """Return the number of flushes ever committed."""
    row: tuple[int] = raw.execute("SELECT revision FROM store").fetchone()
    return row[0]


@contextmanager
def transaction(raw: sqlite3.Connection, *, durable: bool = False) -> Iterator[None]:
    """Commit the writes of the body, or none of them if the body or the commit fails.

    *durable* waits until the disk has written them. The setting cannot change inside
    a transaction, and stays on the connection until it is reset.
    """
    if durable:
        raw.execute("PRAGMA synchronous = FULL")

    try:
        raw.execute("BEGIN IMMEDIATE")
        yield
        raw.execute("COMMIT")
    finally:
        if raw.in_transaction:  # after a full disk SQLite has rolled back by itself
            raw.execute("ROLLBACK")

        if durable:
            raw.execute("PRAGMA synchronous = NORMAL")


def run_in_savepoint(
    raw: sqlite3.Connection, unit: Callable[[sqlite3.Connection], T]
) -> T | StoreError:
    """Run *unit* in a savepoint of the caller's transaction; return its result.

    If it violates a constraint, its writes are rolled back and the error is returned,
    so that other writes of the transaction are kept.
    """
    raw.execute("SAVEPOINT unit")
    try:
        return unit(raw)
    except (sqlite3.IntegrityError, sqlite3.DataError) as exc:
        raw.execute("ROLLBACK TO unit")
        return StoreError(f"the database refused it: {exc}")
    finally:
        if raw.in_transaction:  # after a full disk SQLite has rolled back by itself
            raw.execute("RELEASE unit")


def snapshot(query: Callable[[sqlite3.Connection], T], raw: sqlite3.Connection) -> T:
    """Run *query* on one snapshot for all of its statements; return its result."""
    raw.execute("BEGIN")
    try:
        return query(raw)
    finally:
        if raw.in_transaction:
            raw.execute("ROLLBACK")


def _connect(path: Path, mode: str, *pragmas: str) -> sqlite3.Connection:
    raw = sqlite3.connect(
        f"{path.as_uri()}?mode={mode}",
        uri=True,
        isolation_level=None,
        cached_statements=STATEMENTS,
    )
    try:
        for pragma in pragmas:
            raw.execute(pragma)
    except sqlite3.Error:
        raw.close()
        raise
    return raw


_CONTINUES: Final = (
    "Counting goes on in memory, and is stored as soon as this is fixed."
)

_FULL: Final = f"the disk is full. Free some space. {_CONTINUES}"
_REMEDY: Final = f"Make the file and its folder writable. {_CONTINUES}"
_REASONS: Final = {
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_READONLY: f"it is read-only. {_REMEDY}",
    sqlite3.SQLITE_CANTOPEN: f"it cannot be opened. {_REMEDY}",
    sqlite3.SQLITE_PERM: f"access is denied. {_REMEDY}",
    sqlite3.SQLITE_IOERR: f"the disk reports an error; the system's log says more. {_CONTINUES}",
}


class DamagedError(StoreError):
    """The database is damaged. The store repairs it, so callers rarely see this."""


class ReplacedError(StoreError):
    """The open file is no longer the one at its path. Handled inside the store."""


def is_damage(exc: sqlite3.Error) -> bool:
    """Whether *exc* means that the file is damaged, not just inaccessible."""
    return _code(exc) in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


@contextmanager
def store_errors(
    path: Path, *, overdue: str = f"the disk does not answer. {_CONTINUES}"
) -> Iterator[None]:
    """Translate the errors that the body raises about the database at *path*.

    *overdue* is the message for a timeout.

    Raises:
        StoreBusyError: Another process holds the lock.
        DamagedError: The file is damaged.
        StoreUnansweredError: The timeout was reached; the work may still be done.
        StoreError: Any other error of the database or the disk.

    """
    try:
        yield
    except sqlite3.Error as exc:
        raise _translate(exc, path) from exc
    except TimeoutError as exc:
        raise StoreUnansweredError(f"{path}: {overdue}") from exc
    except OSError as exc:
        reason = _FULL if exc.errno == ENOSPC else f"{exc.strerror}. {_REMEDY}"
        raise StoreError(f"{path}: {reason}") from exc


def _translate(exc: sqlite3.Error, path: Path) -> StoreError:
    code = _code(exc)
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return StoreBusyError(f"{path} is locked by another program. {_CONTINUES}")

    if is_damage(exc):
        return DamagedError(f"{path} is damaged: {exc}")

    return StoreError(f"{path}: {_REASONS.get(code, str(exc))}")


def _code(exc: sqlite3.Error) -> int:
    # The low byte is the primary code; errors raised by Python itself have no code.
    return getattr(exc, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
