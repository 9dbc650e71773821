"""What SQLite and the disk say, translated once at the store's rim.

A sentence names the file, what is wrong and what the user can do. That counting goes
on meanwhile is said too, for it is what the reader of `jarvisctl health` worries about.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from errno import ENOSPC
from pathlib import Path
from typing import Final

from jarvisd.base.errors import StoreBusyError, StoreError, StoreUnansweredError

_MEANWHILE: Final = (
    "Counting goes on in memory, and is stored as soon as this is mended."
)

_FULL: Final = f"the disk is full. Free some space. {_MEANWHILE}"
_REMEDY: Final = f"Make the file and its folder writable. {_MEANWHILE}"
_REASONS: Final = {
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_READONLY: f"it is read-only. {_REMEDY}",
    sqlite3.SQLITE_CANTOPEN: f"it cannot be opened. {_REMEDY}",
    sqlite3.SQLITE_PERM: f"access is denied. {_REMEDY}",
    sqlite3.SQLITE_IOERR: f"the disk reports an error; the system's log says more. {_MEANWHILE}",
}


class DamagedError(StoreError):
    """The file is no sound database. Mended inside the store, seldom seen outside."""


class ReplacedError(StoreError):
    """The open file is not the one at its path any more. Never seen outside."""


def is_damage(exc: sqlite3.Error) -> bool:
    """Whether *exc* means that the file is broken, not just out of reach."""
    return _code(exc) in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


@contextmanager
def store_errors(
    path: Path, *, overdue: str = f"the disk does not answer. {_MEANWHILE}"
) -> Iterator[None]:
    """Translate what the calls inside raise about the database at *path*.

    *overdue* is what it means if they run into the caller's limit.

    Raises:
        StoreBusyError: Another process holds the lock.
        DamagedError: The file is broken.
        StoreUnansweredError: The limit was reached; what was asked may yet be done.
        StoreError: Everything else the database or the disk says.

    """
    try:
        yield
    except sqlite3.Error as exc:
        raise _translated(exc, path) from exc
    except TimeoutError as exc:
        raise StoreUnansweredError(f"{path}: {overdue}") from exc
    except OSError as exc:
        raise StoreError(f"{path}: {_reason(exc)}") from exc


def _translated(exc: sqlite3.Error, path: Path) -> StoreError:
    code = _code(exc)
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return StoreBusyError(f"{path} is locked by another program. {_MEANWHILE}")

    if is_damage(exc):
        return DamagedError(f"{path} is damaged: {exc}")

    return StoreError(f"{path}: {_REASONS.get(code, str(exc))}")


def _reason(exc: OSError) -> str:
    return _FULL if exc.errno == ENOSPC else f"{exc.strerror}. {_REMEDY}"


def _code(exc: sqlite3.Error) -> int:
    # Codes come extended, and Python's own complaints come without one.
    return getattr(exc, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
