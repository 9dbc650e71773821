"""Opens the database for the writer, whatever is at its path: checked and migrated.

Synchronous, since it runs on the connection's thread. The steps: refuse a file that is
not ours or is newer; check a file that was not closed properly; migrate; and if any step
finds damage, repair and start again, once.
"""

import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from jarvisd.core.storage.backup import backups
from jarvisd.core.storage.database import (
    DamagedError,
    connect_writer,
    is_damage,
    quick_check,
    read_revision,
)
from jarvisd.core.storage.files import (
    FileId,
    has_leftovers,
    identity,
    is_on_network,
    make_private_file,
    make_private_folder,
    size_bytes,
)
from jarvisd.core.storage.migrate import check_header, migrate, shipped_scripts
from jarvisd.core.storage.repair import repair

ALWAYS_CHECK_BYTES: Final = 8 * 1024 * 1024
"""Up to this size the check takes a few ms, so it is done after a clean exit as well."""

_MOUNTS: Final = Path("/proc/self/mountinfo")


@dataclass(slots=True)
class Opening:
    """One attempt to open the database at *path*, and its result.

    Attributes:
        path: The database; it and its folder are created if they do not exist.
        now_ms: The time in the name of a damaged file that is moved aside, Unix ms.
        damage: The known damage, if that is the reason to open it again.
        scripts: The schema and its migrations.
        repaired: Afterwards, the repair that was done, or None.
        file: Afterwards, the identity of the file, to detect its replacement.
        revision: Afterwards, the number of flushes that were ever committed to it.
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
            StoreTooNewError: A newer jarvisd wrote it; it was not changed.
            StoreForeignError: Another program wrote it; it was not changed.
            DamagedError: It is damaged even after the repair.
            sqlite3.Error, OSError: It is not accessible.

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

        is_small = size_bytes(self.path) <= ALWAYS_CHECK_BYTES
        needs_check = is_small or has_leftovers(self.path)
        self._check_path()
        try:
            raw = connect_writer(self.path, wal=not _on_network(self.path.parent))
            return self._prepare(raw, needs_check=needs_check)
        except sqlite3.Error as exc:
            if is_damage(exc):
                raise DamagedError(f"{self.path} is damaged: {exc}") from exc
            raise

    def _check_path(self) -> None:
        make_private_file(self.path)
        # Somebody truncated or deleted the file: a new database would hide the backups.
        if not self.path.stat().st_size and backups(self.path):
            raise DamagedError(f"{self.path} is empty")

        check_header(self.path, known=len(self.scripts))

    def _prepare(
        self, raw: sqlite3.Connection, *, needs_check: bool
    ) -> sqlite3.Connection:
        try:
            complaint = quick_check(raw) if needs_check else None
            if complaint is not None:
                raise DamagedError(f"{self.path} is damaged: {complaint}")

            migrate(raw, self.path, self.scripts)
            self.revision = read_revision(raw)
        except BaseException:
            raw.close()
            raise

        self.file, self.size_bytes = identity(self.path), size_bytes(self.path)
        return raw


def _on_network(folder: Path) -> bool:
    if not _MOUNTS.exists():
        return False
    return is_on_network(folder, _MOUNTS.read_text("utf-8", "replace"))
