"""The random id of this installation: created at first use, and used for sinks only.

It is stored beside the database, readable by its user alone. Deleting the file creates
a new identity.
"""

import os
import re
import secrets
from pathlib import Path
from typing import Final

from jarvisd.base.errors import SinkError

NAME: Final = "install_id"

_ID: Final = re.compile(r"[0-9a-f]{32}")


def install_id(folder: Path) -> str:
    """Return the id that is stored in *folder*, and create it if there is none.

    Raises:
        SinkError: The id can be neither read nor created.

    """
    path = folder / NAME
    try:
        return _read(path) or _create(path)
    except OSError as exc:
        raise SinkError(f"{path}: {exc.strerror}") from exc


def _read(path: Path) -> str | None:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None

    with os.fdopen(fd, "rb") as file:
        text = file.read(64).decode("ascii", "replace").strip()

    return text if _ID.fullmatch(text) else None


def _create(path: Path) -> str:
    """Store a new id by a rename, so that no reader sees a half-written file."""
    made = secrets.token_hex(16)
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)  # of a process that was killed here
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(draft, flags, 0o600), "w") as file:
        file.write(f"{made}\n")

    draft.replace(path)
    return made
