"""Backups: verified copies of the database, in a folder beside it.

Once an agent has deleted its logs, the database is the only copy of their usage, so
reading the logs again cannot replace a backup.
"""

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from jarvisd.base.errors import StoreError
from jarvisd.core.storage.database import connect_copier, quick_check
from jarvisd.core.storage.files import (
    atomic_write,
    format_stamp,
    make_private_folder,
    parse_stamp,
    size_bytes,
)
from jarvisd.core.storage.migrate import check_header

BACKUP_EVERY_MS: Final = 24 * 3600 * 1000
KEEP_BACKUPS: Final = 3


def backups(path: Path) -> list[Path]:
    """Return the backups of the database at *path*, newest first."""
    found = [each for each in backup_folder(path).glob("*.db") if backup_time_ms(each)]
    return sorted(found, key=lambda each: each.name, reverse=True)


def backup_folder(path: Path) -> Path:
    """Return the folder with the backups of the database at *path*."""
    return path.with_name("backups")


def last_backup_ms(path: Path) -> int | None:
    """Return the time of the newest backup, Unix ms."""
    return next(map(backup_time_ms, backups(path)), None)


class OldBackups(NamedTuple):
    """The number of backups, and when the newest will be replaced, Unix ms."""

    kept: int
    until_ms: int | None


def old_backups(path: Path) -> OldBackups:
    """Return the backups of *path* that contain data removed from the database now."""
    newest_ms = last_backup_ms(path)
    if newest_ms is None:
        return OldBackups(0, None)

    return OldBackups(len(backups(path)), newest_ms + KEEP_BACKUPS * BACKUP_EVERY_MS)


def backup_time_ms(backup: Path) -> int | None:
    """Return the time in the name of *backup*, Unix ms; None if it is no backup."""
    try:
        return parse_stamp(backup.stem.rpartition("-")[2])
    except ValueError:
        return None


def is_due(last_ms: int | None, now_ms: int) -> bool:
    """Whether the last backup is older than a day, or dated in the future."""
    return last_ms is None or not 0 <= now_ms - last_ms < BACKUP_EVERY_MS


def make_backup(raw: sqlite3.Connection, path: Path, now_ms: int) -> Path:
    """Copy the database at *path*, open as *raw*, and delete the oldest copies.

    The copy is compact and verified, or it does not exist.

    Raises:
        StoreError: There is not enough space, or the copy does not pass the check.
        sqlite3.Error: The database could not be read.

    """
    _require_free_space(path)
    target = backup_folder(path) / f"{path.stem}-{format_stamp(now_ms)}.db"
    make_private_folder(target.parent)
    for torn in target.parent.glob("*.db.tmp"):
        torn.unlink()

    # VACUUM INTO instead of a copy of the file: it sees one snapshot, and is compact.
    with atomic_write(target) as temporary:
        raw.execute("VACUUM INTO ?", (str(temporary),))
        _verify(temporary)

    for old in backups(path)[KEEP_BACKUPS:]:
        old.unlink(missing_ok=True)
    return target


def valid_backups(path: Path, *, known: int) -> Iterator[Path]:
    """Yield the backups that can be restored, newest first."""
    for backup in backups(path):
        try:
            check_header(backup, known=known)
            _verify(backup)
        except (StoreError, sqlite3.Error, OSError):
            continue  # an older backup may be valid

        yield backup


def _verify(copy: Path) -> None:
    raw = connect_copier(copy)
    try:
        complaint = quick_check(raw)
    finally:
        raw.close()

    if complaint is not None:
        raise StoreError(f"{copy} did not pass its check: {complaint}")


def _require_free_space(path: Path) -> None:
    free, needed = shutil.disk_usage(path.parent).free, 2 * size_bytes(path)
    if free < needed:
        raise StoreError(
            f"no backup of {path}: {needed} bytes should be free, {free} are. "
            "Free some space."
        )
