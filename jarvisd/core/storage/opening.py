"""Opening the database for the writer: whatever lies at its path, end with a sound one.

Synchronous, for it runs on the connection's thread. In this order: keep away from what
is not ours or is newer; check what was not closed; migrate; and if anything on the way
turns out damaged, repair and begin again, once.
"""

import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from jarvisd.core.storage.backup import backups
from jarvisd.core.storage.database import connect_writer, quick_check, read_revision
from jarvisd.core.storage.failures import DamagedError, is_damage
from jarvisd.core.storage.files import (
    FileId,
    has_leftovers,
    identity,
    is_on_network,
    make_private_file,
    make_private_folder,
    size_bytes,
)
from jarvisd.core.storage.migrate import migrate, refuse_unknown, shipped_scripts
from jarvisd.core.storage.repair import repair

ALWAYS_CHECK_BYTES: Final = 8 * 1024 * 1024
"""Up to this size the check costs a few ms, so it is made after a clean end too."""

_MOUNTS: Final = Path("/proc/self/mountinfo")


@dataclass(slots=True)
class Opening:
    """One attempt to open the database at *path*, and what came of it.

    Attributes:
        path: The database; it and its folder are made if they are not there.
        now_ms: Names what is put aside, in Unix ms.
        damage: What is known to be wrong with it, if that is why it is opened again.
        scripts: The schema and its migrations.
        repaired: Afterwards, what had to be done.
        file: Afterwards, what file it was, to know it again.
        revision: Afterwards, the flushes ever committed to it.
        size_bytes: Afterwards, its size.

    """

    path: Path
    now_ms: int
    damage: str | None = None
    scripts: tuple[str, ...] = field(default_factory=shipped_scripts)
    repaired: str | None = None
    file: FileId | None = None
    revision: int = 0
    size_bytes: int = 0

    def connect(self) -> sqlite3.Connection:
        """Return the writer's connection, to a database of the newest schema.

        Raises:
            StoreTooNewError: A newer jarvisd wrote it; it was not touched.
            StoreForeignError: Another program wrote it; it was not touched.
            DamagedError: It is damaged even after the repair.
            sqlite3.Error, OSError: It is out of reach.

        """
        make_private_folder(self.path.parent)
        try:
            return self._connect(known_damage=self.damage)
        except DamagedError as exc:
            self.repaired = repair(
                self.path, str(exc), now_ms=self.now_ms, known=len(self.scripts)
            )
            return self._connect(known_damage=None)

    def _connect(self, *, known_damage: str | None) -> sqlite3.Connection:
        if known_damage is not None:
            raise DamagedError(known_damage)

        doubtful = has_leftovers(self.path) or _is_small(self.path)
        self._look()
        try:
            raw = connect_writer(self.path, wal=not _on_network(self.path.parent))
            return self._made_ready(raw, doubtful=doubtful)
        except sqlite3.Error as exc:
            if is_damage(exc):
                raise DamagedError(f"{self.path} is damaged: {exc}") from exc
            raise

    def _look(self) -> None:
        make_private_file(self.path)
        if not self.path.stat().st_size and backups(self.path):
            raise DamagedError(f"{self.path} is empty")

        refuse_unknown(self.path, known=len(self.scripts))

    def _made_ready(
        self, raw: sqlite3.Connection, *, doubtful: bool
    ) -> sqlite3.Connection:
        try:
            complaint = quick_check(raw) if doubtful else None
            if complaint is not None:
                raise DamagedError(f"{self.path} is damaged: {complaint}")

            migrate(raw, self.path, self.scripts)
            self.revision = read_revision(raw)
        except BaseException:
            raw.close()
            raise

        self.file, self.size_bytes = identity(self.path), size_bytes(self.path)
        return raw


def _is_small(path: Path) -> bool:
    return size_bytes(path) <= ALWAYS_CHECK_BYTES


def _on_network(folder: Path) -> bool:
    if not _MOUNTS.exists():
        return False
    return is_on_network(folder, _MOUNTS.read_text("utf-8", "replace"))
