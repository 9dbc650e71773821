"""Small files of agents, read whole: registry entries, and the like."""

import os

from jarvisd.base.errors import SourceError
from jarvisd.core.sources.jsonlines.handles import open_regular


def read_small(path: str, *, limit_bytes: int) -> bytes | None:
    """Return all of the file *path*, or None if it is gone.

    Raises:
        SourceError: It is longer than that, no regular file, a link or somebody
            else's, or may not be read.
        OSError: It cannot be read just now.

    """
    try:
        fd = open_regular(path)
    except FileNotFoundError:
        return None

    try:
        return _all_of(fd, path, limit_bytes)
    finally:
        os.close(fd)


def _all_of(fd: int, path: str, limit_bytes: int) -> bytes:
    if os.fstat(fd).st_uid != os.geteuid():
        raise SourceError(path, "belongs to another user")

    text = os.read(fd, limit_bytes + 1)
    if len(text) > limit_bytes:
        raise SourceError(path, f"is longer than {limit_bytes} bytes")

    return text
