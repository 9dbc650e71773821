"""Repairs a damaged database: move it aside, and restore a backup or start empty.

Lines that the backup lacks are read again from the agents' files, since the backup has
the cursors of its own time. Only the smallest of several damaged files are deleted.
"""

from pathlib import Path
from typing import Final

from jarvisd.core.storage.backup import valid_backups
from jarvisd.core.storage.files import SIDECARS, copy_whole, format_stamp

KEEP_DAMAGED: Final = 3
"""Damaged files that are kept, for a disk that keeps failing. The largest stay, since
they contain the most history."""


def repair(path: Path, complaint: str, *, now_ms: int, known: int) -> str:
    """Replace the damaged database at *path*; return a description of the repair.

    Backups with a schema version above *known* are skipped. If none is valid, nothing is
    left at *path*. The database must be closed.
    """
    aside = move_aside(path, now_ms)
    backup = next(valid_backups(path, known=known), None)
    if backup is None:
        outcome = "There was no valid backup, so counting starts from zero."
    else:
        copy_whole(backup, path)
        outcome = (
            f"Restored {backup.name}; newer lines are read again. Messages that "
            "`jarvisctl forget` has removed since are back, and must be removed again."
        )
    return f"{complaint}. Moved aside as {aside.name}. {outcome}"


def move_aside(path: Path, now_ms: int) -> Path:
    """Rename the database and its sidecars; return its new name."""
    name = f"{path}.corrupt-{format_stamp(now_ms)}"
    number, aside = 1, Path(name)
    while aside.exists():
        number += 1
        aside = Path(f"{name}.{number}")

    for suffix in ("", *SIDECARS):
        part = Path(f"{path}{suffix}")
        if part.exists():
            part.rename(f"{aside}{suffix}")

    found = path.parent.glob(f"{path.name}.corrupt-*")
    databases = [each for each in found if not each.name.endswith(SIDECARS)]
    databases.sort(key=lambda each: each.stat().st_size, reverse=True)
    for old in databases[KEEP_DAMAGED:]:
        for suffix in ("", *SIDECARS):
            Path(f"{old}{suffix}").unlink(missing_ok=True)
    return aside
