"""Open files, as few as useful: a least-recently-used cache of descriptors.

One descriptor per known file would need thousands of them; the usual limit is 1,024.
"""

import errno
import os
import resource
import stat
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import anyio.to_thread

from jarvisd.base.errors import SourceError

MAX_OPEN = 1024
"""Enough for every session that is really live; the rest is opened when needed."""

MAX_OPENING = 16
"""Files that are being opened at the same time: each may take a thread for long."""

_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
"""No link is followed, and a FIFO or device found by walking cannot block us."""

_OUT_OF_DESCRIPTORS = {errno.EMFILE, errno.ENFILE}


def default_limit() -> int:
    """Return how many files to keep open: a quarter of what the process may have."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(8, min(MAX_OPEN, soft // 4))


def open_regular(path: str) -> int:
    """Open *path* for reading, refusing what is no regular file.

    Raises:
        FileNotFoundError: It is gone.
        SourceError: It may not be read, or is a link, a device or a pipe.

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


def opened_if_readable(path: str) -> int | None:
    """Return what `open_regular` does, or None if that is nothing for now."""
    try:
        return open_regular(path)
    except (SourceError, OSError):
        return None


class Handles:
    """Descriptors by path. Whoever asks gets one that is good until the next await."""

    def __init__(self, limit: int | None = None) -> None:
        self._most = self._limit = limit or default_limit()
        self._fds: OrderedDict[str, int] = OrderedDict()
        self._failed: dict[str, SourceError | OSError] = {}
        self._limiter: anyio.CapacityLimiter | None = None

    def __len__(self) -> int:
        return len(self._fds)

    def get(self, path: str) -> int:
        """Return a descriptor of *path*, opening it when needed; see open_regular."""
        failure = self._failed.pop(path, None)
        if failure is not None:
            raise failure

        fd = self._fds.get(path)
        if fd is None:
            self._make_room()
            fd = self._fds[path] = self._opened(partial(open_regular, path))
            self._limit = min(self._most, self._limit + 1)
        else:
            self._fds.move_to_end(path)
        return fd

    async def open(self, path: str) -> None:
        """Open *path* on a thread: a slow disk delays the files that lie on it alone.

        `get` raises what went wrong, if it is called before the next await.
        """
        self._failed.pop(path, None)
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(MAX_OPENING)

        try:
            fd = await anyio.to_thread.run_sync(
                open_regular, path, abandon_on_cancel=True, limiter=self._limiter
            )
        except (SourceError, OSError) as exc:
            if getattr(exc, "errno", None) not in _OUT_OF_DESCRIPTORS:
                self._failed[path] = exc
        else:
            self.put(path, fd)

    def held(self, path: str) -> int | None:
        """Return the descriptor if it is open; the name may mean another file now."""
        return self._fds.get(path)

    def used(self, path: str) -> int | None:
        """Return what `held` does, and count that as a use."""
        fd = self._fds.get(path)
        if fd is not None:
            self._fds.move_to_end(path)

        return fd

    def put(self, path: str, fd: int) -> None:
        """Take charge of *fd*, as the descriptor of *path*."""
        self.drop(path)
        self._make_room()
        self._fds[path] = fd

    def drop(self, path: str) -> None:
        """Close the descriptor of *path*, if any."""
        fd = self._fds.pop(path, None)
        if fd is not None:
            os.close(fd)

    def rename(self, before: str, after: str) -> None:
        """Keep the descriptor of a file that was moved, under its new name."""
        fd = self._fds.pop(before, None)
        if fd is not None:
            self.drop(after)
            self._fds[after] = fd

    def close(self) -> None:
        """Close all of them."""
        for path in list(self._fds):
            self.drop(path)

    def spare_one(self) -> None:
        """Close old files if no descriptor is left, for what is to be opened now."""
        with suppress(OSError):
            os.close(self._opened(partial(os.open, os.devnull, _FLAGS)))

    def _make_room(self) -> None:
        while len(self._fds) >= self._limit:
            self.drop(next(iter(self._fds)))

    def _opened(self, opener: Callable[[], int]) -> int:
        while True:
            try:
                return opener()
            except OSError as exc:
                # Out of descriptors: somebody else needs them more than old files.
                if exc.errno not in _OUT_OF_DESCRIPTORS or not self._fds:
                    raise

                self._limit = max(1, len(self._fds) // 2)
                self._make_room()
