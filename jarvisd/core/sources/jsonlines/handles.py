"""A least-recently-used cache of file descriptors.

One descriptor for each tracked file would need thousands; the usual limit is 1,024.
"""

import errno
import os
import resource
import stat
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

import anyio.to_thread

from jarvisd.base.errors import SourceError

MAX_OPEN = 1024
"""Enough for all live sessions; other files are opened when needed."""

MAX_OPENING = 16
"""Files that are opened at the same time: each may block a thread for long."""

_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
"""Follow no link, and do not block on a FIFO or device found by a scan."""

_OUT_OF_DESCRIPTORS = {errno.EMFILE, errno.ENFILE}


def default_limit() -> int:
    """Return the number of files to keep open: a quarter of the process's limit."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(8, min(MAX_OPEN, soft // 4))


def open_regular(path: str) -> int:
    """Open *path* for reading if it is a regular file.

    Raises:
        FileNotFoundError: The file does not exist.
        SourceError: It is not readable, or is a link, a device or a pipe.

    """
    try:
        fd = os.open(path, _FLAGS)
    except FileNotFoundError:
        raise
    except OSError as exc:
        if exc.errno in _OUT_OF_DESCRIPTORS:
            raise

        reason = "is a symbolic link" if exc.errno == errno.ELOOP else exc.strerror
        raise SourceError(path, str(reason)) from exc

    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise SourceError(path, "is not a regular file")

    return fd


def open_if_readable(path: str) -> int | None:
    """Open *path* as `open_regular` does; return None if that fails."""
    try:
        return open_regular(path)
    except (SourceError, OSError):
        return None


class Handles:
    """Descriptors by path. A returned descriptor is valid until the next await."""

    def __init__(self, limit: int | None = None) -> None:
        self._most = self._limit = limit or default_limit()
        self._fds: OrderedDict[str, int] = OrderedDict()
        self._failed: dict[str, SourceError | OSError] = {}
        self._limiter: anyio.CapacityLimiter | None = None

    def __len__(self) -> int:
        return len(self._fds)

    def get(self, path: str) -> int:
        """Return a descriptor of *path*, opened if needed; see `open_regular`."""
        failure = self._failed.pop(path, None)
        if failure is not None:
            raise failure

        fd = self._fds.get(path)
        if fd is None:
            self._evict()
            fd = self._fds[path] = self._open_or_evict(partial(open_regular, path))
            self._limit = min(self._most, self._limit + 1)
        else:
            self._fds.move_to_end(path)
        return fd

    async def open(self, *paths: str) -> None:
        """Open *paths* on a thread, so that a slow disk delays only its own files.

        If that fails for one, the next `get` of it raises the error.
        """
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(MAX_OPENING)

        opened = await anyio.to_thread.run_sync(
            _open_each, paths, abandon_on_cancel=True, limiter=self._limiter
        )
        for path, found in zip(paths, opened, strict=True):
            self._failed.pop(path, None)
            if isinstance(found, int):
                self.add(path, found)
            elif getattr(found, "errno", None) not in _OUT_OF_DESCRIPTORS:
                self._failed[path] = found

    def peek(self, path: str) -> int | None:
        """Return the descriptor if it is open; *path* may be another file by now."""
        return self._fds.get(path)

    def touch(self, path: str) -> int | None:
        """Return the descriptor if it is open, and mark it as recently used."""
        fd = self._fds.get(path)
        if fd is not None:
            self._fds.move_to_end(path)

        return fd

    def add(self, path: str, fd: int) -> None:
        """Add *fd* as the descriptor of *path*; the cache closes it."""
        self.drop(path)
        self._evict()
        self._fds[path] = fd

    def drop(self, path: str) -> None:
        """Close the descriptor of *path*, if any."""
        fd = self._fds.pop(path, None)
        if fd is not None:
            os.close(fd)

    def rename(self, before: str, after: str) -> None:
        """Move the descriptor of *before* to the path *after*."""
        fd = self._fds.pop(before, None)
        if fd is not None:
            self.drop(after)
            self._fds[after] = fd

    def close(self) -> None:
        """Close all descriptors."""
        for path in list(self._fds):
            self.drop(path)

    def free_one(self) -> None:
        """Ensure that one descriptor can be opened; close old files if there is none."""
        with suppress(OSError):
            os.close(self._open_or_evict(partial(os.open, os.devnull, _FLAGS)))

    def _evict(self) -> None:
        while len(self._fds) >= self._limit:
            self.drop(next(iter(self._fds)))

    def _open_or_evict(self, opener: Callable[[], int]) -> int:
        while True:
            try:
                return opener()
            except OSError as exc:
                # Out of descriptors: lower the limit, so that others get some.
                if exc.errno not in _OUT_OF_DESCRIPTORS or not self._fds:
                    raise

                self._limit = max(1, len(self._fds) // 2)
                self._evict()


def _open_each(paths: Sequence[str]) -> list[int | SourceError | OSError]:
    """Return the descriptor of each of *paths*, or the error."""
    opened: list[int | SourceError | OSError] = []
    for path in paths:
        try:
            opened.append(open_regular(path))
        except (SourceError, OSError) as exc:
            opened.append(exc)

    return opened
