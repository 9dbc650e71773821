"""Translates errors of SQLite and the disk to errors of the store.

A message names the file, the error and the remedy. It also states that counting
continues, which is the first question of a user who reads it in `jarvisctl health`.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from errno import ENOSPC
from pathlib import Path
from typing import Final

from jarvisd.base.errors import StoreBusyError, StoreError, StoreUnansweredError

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
