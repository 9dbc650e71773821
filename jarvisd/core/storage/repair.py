"""The ladder for a damaged database: put it aside, restore a backup, else start afresh.

What the backup lacks is read again from the agents' files, since positions are in the
backup too. Nothing is thrown away but the smallest of several damaged files.
"""

from pathlib import Path
from typing import Final

from jarvisd.core.storage.backup import sound_backups
from jarvisd.core.storage.files import SIDECARS, copy_whole, stamp

KEEP_DAMAGED: Final = 3
"""A limit on a disk that goes on failing. The largest stay: they hold the history."""


def repair(path: Path, complaint: str, *, now_ms: int, known: int) -> str:
    """Replace the damaged database at *path*; return a sentence on what was done.

    Backups of a schema above *known* are passed over. If none is sound, nothing is
    left at *path*. The database must be closed.
    """
    aside = set_aside(path, now_ms)
    backup = next(sound_backups(path, known=known), None)
    if backup is None:
        outcome = "There was no sound backup, so counting starts afresh."
    else:
        copy_whole(backup, path)
        outcome = (
            f"Restored {backup.name}; what it lacks is read again. What was removed "
            "by `jarvisctl forget` since it was made is back, and must be forgotten "
            "again."
        )
    return f"{complaint}. Moved aside as {aside.name}. {outcome}"


def set_aside(path: Path, now_ms: int) -> Path:
    """Rename the database and its sidecars; return its new name."""
    aside = _unused(f"{path}.corrupt-{stamp(now_ms)}")
    for suffix in ("", *SIDECARS):
        part = Path(f"{path}{suffix}")
        if part.exists():
            part.rename(f"{aside}{suffix}")

    for old in _damaged(path)[KEEP_DAMAGED:]:
        for suffix in ("", *SIDECARS):
            Path(f"{old}{suffix}").unlink(missing_ok=True)
    return aside


def _unused(name: str) -> Path:
    number, path = 1, Path(name)
    while path.exists():
        number += 1
        path = Path(f"{name}.{number}")
    return path


def _damaged(path: Path) -> list[Path]:
    found = path.parent.glob(f"{path.name}.corrupt-*")
    databases = [each for each in found if not each.name.endswith(SIDECARS)]
    return sorted(databases, key=_size, reverse=True)


def _size(path: Path) -> int:
    return path.stat().st_size
