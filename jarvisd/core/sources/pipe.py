"""A named pipe into which agents write.

It is opened for reading and writing, so that the last writer's exit is no end of file:
a thousand short-lived writers are one stream. A pipe has no position, so lines that were
read but not stored before a failure are lost: delivery is at most once.
"""

import errno
import os
import stat
from typing import Self

import anyio

from jarvisd.base.errors import SourceError

PIECE_BYTES = 64 * 1024
"""The usual capacity of a pipe."""

CHECK_S = 2.0
"""Seconds between checks that a silent pipe is still the one at its path."""


class NamedPipe:
    """An open FIFO; use it as a context manager."""

    def __init__(self, path: str) -> None:
        """Open *path*.

        Raises:
            SourceError: It does not exist, is no FIFO, is a link, or is another user's.

        """
        self.path = path
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW)
        except OSError as exc:
            reason = "is a symbolic link" if exc.errno == errno.ELOOP else exc.strerror
            raise SourceError(path, f"{reason}; make it with `mkfifo`") from exc

        seen = os.fstat(self._fd)
        if not stat.S_ISFIFO(seen.st_mode) or seen.st_uid != os.geteuid():
            os.close(self._fd)
            raise SourceError(path, "is not a FIFO of this user")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        os.close(self._fd)

    async def receive(self) -> bytes:
        """Wait for bytes and return them; never empty, since a pipe has no end.

        Raises:
            SourceError: The pipe was removed or replaced by something else.

        """
        while True:
            try:
                return os.read(self._fd, PIECE_BYTES)
            except BlockingIOError:
                self._check_replaced()
                with anyio.move_on_after(CHECK_S):
                    await anyio.wait_readable(self._fd)

    def _check_replaced(self) -> None:
        try:
            named = os.stat(self.path, follow_symlinks=False)
        except OSError as exc:
            raise SourceError(self.path, "is gone") from exc

        if not os.path.samestat(named, os.fstat(self._fd)):
            raise SourceError(self.path, "was replaced by another file")
