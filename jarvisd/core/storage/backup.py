"""Backups: verified copies of the database, in a folder beside it.

History is the only copy once an agent has deleted its own logs, so rebuilding by
reading again is not enough.
"""

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from jarvisd.base.errors import StoreError
from jarvisd.core.storage.database import connect_copier, quick_check
from jarvisd.core.storage.files import (
    make_private_folder,
    replacing,
    size_bytes,
    stamp,
    stamp_ms,
)
from jarvisd.core.storage.migrate import refuse_unknown

BACKUP_EVERY_MS: Final = 24 * 3600 * 1000
KEEP_BACKUPS: Final = 3


def backups(path: Path) -> list[Path]:
    """Return the backups of the database at *path*, newest first."""
    found = [each for each in backup_folder(path).glob("*.db") if made_ms(each)]
    return sorted(found, key=lambda each: each.name, reverse=True)


def backup_folder(path: Path) -> Path:
    """Return where the backups of the database at *path* lie."""
    return path.with_name("backups")


def last_backup_ms(path: Path) -> int | None:
    """Return when the newest backup was made, in Unix ms."""
    return next(map(made_ms, backups(path)), None)


class OldBackups(NamedTuple):
    """How many backups there are, and when the newest is replaced, in Unix ms."""

    kept: int
    until_ms: int | None


def old_backups(path: Path) -> OldBackups:
    """Return what is left of the past in the backups of the database at *path*."""
    newest_ms = last_backup_ms(path)
    if newest_ms is None:
        return OldBackups(0, None)

    return OldBackups(len(backups(path)), newest_ms + KEEP_BACKUPS * BACKUP_EVERY_MS)


def made_ms(backup: Path) -> int | None:
    """Return when *backup* was made, in Unix ms, or None if it is something else."""
    try:
        return stamp_ms(backup.stem.rpartition("-")[2])
    except ValueError:
        return None


def is_due(last_ms: int | None, now_ms: int) -> bool:
    """Whether the last backup is older than a day, or dated in the future."""
    return last_ms is None or not 0 <= now_ms - last_ms < BACKUP_EVERY_MS


def make_backup(raw: sqlite3.Connection, path: Path, now_ms: int) -> Path:
    """Copy the database at *path*, open as *raw*, and forget the oldest copies.

    The copy is compact and sound, or it is not there.

    Raises:
        StoreError: There is not enough room, or the copy does not pass the check.
        sqlite3.Error: The database could not be read.

    """
    _refuse_to_fill_the_disk(path)
    target = backup_folder(path) / f"{path.stem}-{stamp(now_ms)}.db"
    make_private_folder(target.parent)
    for torn in target.parent.glob("*.db.tmp"):
        torn.unlink()

    with replacing(target) as temporary:
        raw.execute("VACUUM INTO ?", (str(temporary),))
        _verify(temporary)

    for old in backups(path)[KEEP_BACKUPS:]:
        old.unlink(missing_ok=True)
    return target


def sound_backups(path: Path, *, known: int) -> Iterator[Path]:
    """Yield the backups that can be restored, newest first."""
    for backup in backups(path):
        try:
            refuse_unknown(backup, known=known)
            _verify(backup)
        except (StoreError, sqlite3.Error, OSError):
            continue  # an older one may do

        yield backup


def _verify(copy: Path) -> None:
    raw = connect_copier(copy)
    try:
        complaint = quick_check(raw)
    finally:
        raw.close()

    if complaint is not None:
        raise StoreError(f"{copy} did not pass its check: {complaint}")


def _refuse_to_fill_the_disk(path: Path) -> None:
    free, needed = shutil.disk_usage(path.parent).free, 2 * size_bytes(path)
    if free < needed:
        raise StoreError(
            f"no backup of {path}: {needed} bytes should be free, {free} are. "
            "Free some space."
        )
