"""Migrates the schema: schema.sql is version 1, migrations/NNNN_name.sql the others.

`PRAGMA user_version` is the number of applied scripts. It changes in the transaction of
the script, so a crash leaves the database at one version or the next. Scripts are never
edited after a release. For the header see https://sqlite.org/fileformat.html
"""

import sqlite3
from collections.abc import Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from jarvisd.base.errors import StoreForeignError, StoreTooNewError
from jarvisd.core.storage.database import DamagedError

APPLICATION_ID: Final = 0x4A525653
"""`JRVS`: identifies the database as ours, also for the command `file`."""

_HEADER_BYTES: Final = 100
_MAGIC: Final = b"SQLite format 3\x00"
_USER_VERSION = slice(60, 64)
_APPLICATION_ID = slice(68, 72)


def shipped_scripts() -> tuple[str, ...]:
    """Return the text of every script of this jarvisd, in order."""
    return read_scripts(files("jarvisd.core.storage"))


def read_scripts(folder: Traversable) -> tuple[str, ...]:
    """Return schema.sql and the migrations below *folder*, in order.

    Raises:
        ValueError: The migrations are not numbered 2, 3, 4 ...

    """
    found = folder.joinpath("migrations")
    later = (
        sorted(found.iterdir(), key=lambda each: each.name) if found.is_dir() else []
    )
    later = [each for each in later if each.name.endswith(".sql")]
    for number, script in enumerate(later, start=2):
        if not script.name.startswith(f"{number:04}_"):
            raise ValueError(f"{script.name} should be number {number:04}")

    return tuple(
        each.read_text("utf-8") for each in (folder.joinpath("schema.sql"), *later)
    )


def check_header(path: Path, *, known: int) -> None:
    """Check the file's header; raise an error if it cannot be ours.

    It does not use SQLite, which might modify a file of another program. The database
    must not be open in this process; see `jarvisd.core.storage.files`.

    Raises:
        StoreTooNewError: A newer jarvisd wrote it.
        StoreForeignError: Another program wrote it.
        DamagedError: It is neither empty nor an SQLite database.

    """
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES)

    if not header:
        return

    if len(header) < _HEADER_BYTES or not header.startswith(_MAGIC):
        raise DamagedError(f"{path} is not a database")

    _check_version(
        path,
        application_id=int.from_bytes(header[_APPLICATION_ID]),
        version=int.from_bytes(header[_USER_VERSION]),
        known=known,
    )


def migrate(raw: sqlite3.Connection, path: Path, scripts: Sequence[str]) -> int:
    """Migrate the open database; return its version before.

    Raises:
        StoreTooNewError: A newer jarvisd wrote it.
        StoreForeignError: It is not empty, and belongs to another program.

    """
    application_id, version = (
        _read_pragma(raw, "application_id"),
        _read_pragma(raw, "user_version"),
    )
    _check_version(
        path, application_id=application_id, version=version, known=len(scripts)
    )
    tables = raw.execute("SELECT EXISTS (SELECT * FROM sqlite_schema)").fetchone()
    if application_id == 0 and tables[0]:
        raise StoreForeignError(path)

    for number, script in enumerate(scripts[version:], start=version + 1):
        _apply(raw, script, number)

    return version


def _apply(raw: sqlite3.Connection, script: str, number: int) -> None:
    try:
        raw.executescript(
            f"BEGIN IMMEDIATE;\n{script}\n;"
            f"PRAGMA application_id = {APPLICATION_ID};"
            f"PRAGMA user_version = {number}; COMMIT;"
        )
    except sqlite3.Error:
        if raw.in_transaction:
            raw.execute("ROLLBACK")
        raise


def _check_version(
    path: Path, *, application_id: int, version: int, known: int
) -> None:
    if application_id not in (0, APPLICATION_ID):
        raise StoreForeignError(path)

    if application_id and version > known:
        raise StoreTooNewError(path, found=version, known=known)


def _read_pragma(raw: sqlite3.Connection, pragma: str) -> int:
    row: tuple[int] = raw.execute(f"PRAGMA {pragma}").fetchone()
    return row[0]
