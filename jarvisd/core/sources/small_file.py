"""Reads small files of agents, such as registry entries, completely."""

import os

from jarvisd.base.errors import SourceError
from jarvisd.core.sources.jsonlines.handles import open_regular


def read_small(path: str, *, limit_bytes: int) -> bytes | None:
    """Return the content of the file *path*, or None if it does not exist.

    Raises:
        SourceError: It is longer than *limit_bytes*, no regular file, a link, another
            user's, or not readable.
        OSError: It cannot be read now.

    """
    try:
        fd = open_regular(path)
    except FileNotFoundError:
        return None

    try:
        if os.fstat(fd).st_uid != os.geteuid():
            raise SourceError(path, "belongs to another user")

        text = os.read(fd, limit_bytes + 1)
        if len(text) > limit_bytes:
            raise SourceError(path, f"is longer than {limit_bytes} bytes")

        return text
    finally:
        os.close(fd)
