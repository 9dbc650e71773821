"""A lock that one process holds at a time, in a file that names its process.

The kernel releases the lock however the process ends, so the file is never removed:
its existence means nothing.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from jarvisd.base.errors import AlreadyRunningError


@contextmanager
def hold_lock(path: Path, *, folder: int | None = None) -> Iterator[None]:
    """Hold the lock at *path*, within the open *folder* if one is given.

    Raises:
        AlreadyRunningError: Another process holds it.
        OSError: The file cannot be opened, or its file system has no locks.

    """
    name = path if folder is None else path.name
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
    lock = os.open(name, flags, 0o600, dir_fd=folder)
    try:
        _take(lock, path)
        yield
    finally:
        os.close(lock)


def _take(lock: int, path: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(lock, 20, 0).strip()
        pid = int(holder) if holder.isdigit() else None
        raise AlreadyRunningError(path, pid=pid) from None

    # The lock itself needs no space on the disk; without it the file names nobody.
    with suppress(OSError):
        os.ftruncate(lock, 0)
        os.pwrite(lock, b"%d\n" % os.getpid(), 0)
