"""How this program's SQLite connections are set up; what every part of it relies on.

- One writer, which alone makes checkpoints, and readers that cannot. SQLite before
  3.51.3 can, very rarely, damage a database of which two connections write or
  checkpoint at one moment (https://sqlite.org/wal.html, the WAL-reset bug).
- No implicit transactions: whoever writes says BEGIN IMMEDIATE, through `transaction`.
- No memory map of the database: a file cut short under it would kill the process.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

from jarvisd.base.errors import StoreError

BUSY_TIMEOUT_MS: Final = 2_000
"""Nobody else should write; a person with `sqlite3` open may. Well below the limit of
a write, so that a held lock is told from a disk that does not answer."""

_COMMON: Final = (
    f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",
    "PRAGMA mmap_size = 0",
    "PRAGMA temp_store = MEMORY",
)
_WRITER: Final = (
    "PRAGMA foreign_keys = ON",
    # A kill loses nothing. A power cut may lose the last flushes, positions included:
    # what they held is read again. Pushed lines ask for FULL, see `transaction`.
    "PRAGMA synchronous = NORMAL",
    "PRAGMA journal_size_limit = 67108864",
)

STATEMENTS: Final = 256
"""Kept prepared: those for many rows, each in six widths, are most of them."""

_NEXT_REVISION: Final = """
UPDATE store SET revision = max(revision, ?) + 1 RETURNING revision
"""

T = TypeVar("T")


def connect_writer(path: Path, *, wal: bool) -> sqlite3.Connection:
    """Open the database at *path* to write; without *wal*, with a rollback journal."""
    mode = "WAL" if wal else "DELETE"
    return _connect(path, "rw", *_COMMON, f"PRAGMA journal_mode = {mode}", *_WRITER)


def connect_reader(path: Path) -> sqlite3.Connection:
    """Open the database at *path* for queries; it can change nothing."""
    return _connect(path, "ro", *_COMMON, "PRAGMA query_only = ON")


def connect_copier(path: Path) -> sqlite3.Connection:
    """Open the database at *path* to copy it; only the copy is written."""
    return _connect(path, "ro", *_COMMON)


def connect_frozen(path: Path) -> sqlite3.Connection:
    """Open a database on a disk that cannot be written, where SQLite needs to be told.

    Only sound if nothing but the file itself holds rows: see `files.has_leftovers`.
    """
    return _connect(path, "ro&immutable=1", *_COMMON, "PRAGMA query_only = ON")


def quick_check(raw: sqlite3.Connection) -> str | None:
    """Return the first thing that is wrong with the database's structure, or None."""
    row: tuple[str] = raw.execute("PRAGMA quick_check(1)").fetchone()
    return None if row[0] == "ok" else row[0].splitlines()[-1]


def full_check(raw: sqlite3.Connection) -> list[str]:
    """Return everything that is wrong, indexes and references included."""
    found = [row[0] for row in raw.execute("PRAGMA integrity_check(20)")]
    dangling = [
        f"{row[0]} refers to a row of {row[2]} that is not there"
        for row in raw.execute("PRAGMA foreign_key_check")
    ]
    return [each for each in found if each != "ok"] + dangling


def fold_log(raw: sqlite3.Connection) -> None:
    """Write the log into the database and empty it, so that the next start is quick."""
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
    """Commit what the body writes, or nothing of it if the body or the commit fails.

    *durable* waits until the disk has it. The setting cannot change inside a
    transaction, and stays on the connection until it is set back.
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


def apart(
    raw: sqlite3.Connection, unit: Callable[[sqlite3.Connection], T]
) -> T | StoreError:
    """Return what *unit* returns, inside the caller's transaction.

    One that breaks a rule of the schema is undone and its error returned, so that
    what others write in the same transaction is not lost with it.
    """
    raw.execute("SAVEPOINT apart")
    try:
        return unit(raw)
    except (sqlite3.IntegrityError, sqlite3.DataError) as exc:
        raw.execute("ROLLBACK TO apart")
        return StoreError(f"the database refused it: {exc}")
    finally:
        if raw.in_transaction:  # after a full disk SQLite has rolled back by itself
            raw.execute("RELEASE apart")


def snapshot(query: Callable[[sqlite3.Connection], T], raw: sqlite3.Connection) -> T:
    """Return what *query* returns, all of its statements seeing one moment."""
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
