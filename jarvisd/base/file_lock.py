"""A lock file that one process can lock at a time, with the number of that process.

The kernel releases the lock however the process ends, so the file is never removed, and
its existence has no meaning.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from jarvisd.base.errors import AlreadyRunningError


@contextmanager
def exclusive_lock(path: Path, *, folder: int | None = None) -> Iterator[None]:
    """Lock the file at *path* for the context, in the open *folder* if one is given.

    Raises:
        AlreadyRunningError: Another process holds the lock.
        OSError: The file cannot be opened, or its file system has no locks.

    """
    name = path if folder is None else path.name
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
    lock = os.open(name, flags, 0o600, dir_fd=folder)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(lock, 20, 0).strip()
            pid = int(holder) if holder.isdigit() else None
            raise AlreadyRunningError(path, pid=pid) from None

        # On a full disk the lock works all the same; only its message lacks the number.
        with suppress(OSError):
            os.ftruncate(lock, 0)
            os.pwrite(lock, b"%d\n" % os.getpid(), 0)

        yield
    finally:
        os.close(lock)
