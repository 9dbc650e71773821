"""The files of a database: itself, its log and its index, by their names."""

import errno
import os
import stat
from contextlib import suppress

from jarvisd.core.sources.sqlite.database_errors import NotADatabaseError
from jarvisd.core.sources.sqlite.wal_format import HOT_JOURNAL

LOG, INDEX, JOURNAL = "-wal", "-shm", "-journal"

_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK

_REFUSED = {errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENXIO}
"""This file cannot be opened; other errors, such as no descriptor left, pass."""

Stamp = tuple[int, ...]
"""Values of a file's stat; another stamp means that it may have changed."""


def stamp_of(status: os.stat_result) -> Stamp:
    """Return the values that change with the file's content and its name's target."""
    return (
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )


def database_of(path: str) -> str:
    """Return the database that a changed file belongs to.

    >>> database_of("/a/x.db-wal"), database_of("/a/x.db")
    ('/a/x.db', '/a/x.db')
    """
    for suffix in (LOG, INDEX, JOURNAL):
        if path.endswith(suffix):
            return path.removesuffix(suffix)

    return path


class DatabaseFiles:
    """Descriptors of a database, its log and its index, by name.

    None is kept once its name means another file: a log that is deleted and held open
    would keep its space on the disk.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._fds: dict[str, int] = {}
        self._refused: os.stat_result | None = None  # an index that cannot be opened

    def reopen(self) -> bool:
        """Open each name that means another file than before; True if one does.

        Raises:
            FileNotFoundError: There is no database.
            NotADatabaseError: It is a link, a pipe or a folder, or may not be read.

        """
        changed = [name for name in ("", LOG, INDEX) if not self.is_same(name)]
        for suffix in changed:
            self._close(suffix)
            with suppress(FileNotFoundError):
                self._open(suffix)

        if "" not in self._fds:
            self.close()
            raise FileNotFoundError(self.path)

        return bool(changed)

    def is_same(self, suffix: str) -> bool:
        """Whether the name still means the file that is open, or still no file."""
        try:
            named = os.stat(self.path + suffix, follow_symlinks=False)
        except OSError:
            return suffix not in self._fds

        held = self._fds.get(suffix)
        if held is not None:
            return os.path.samestat(named, os.fstat(held))

        refused = self._refused if suffix == INDEX else None
        return refused is not None and os.path.samestat(named, refused)

    def status(self, suffix: str) -> os.stat_result | None:
        """Return the fstat of the open file, or None if there is no such file."""
        held = self._fds.get(suffix)
        return None if held is None else os.fstat(held)

    def read(self, suffix: str, size: int, offset: int = 0) -> bytes:
        """Return up to *size* bytes; fewer at the end, none if there is no file."""
        held = self._fds.get(suffix)
        return b"" if held is None else os.pread(held, size, offset)

    def has_hot_journal(self) -> bool:
        """Whether a transaction with a rollback journal is open, or died."""
        try:
            fd = os.open(self.path + JOURNAL, _FLAGS)
        except FileNotFoundError:
            return False

        try:
            return os.read(fd, len(HOT_JOURNAL)) == HOT_JOURNAL
        finally:
            os.close(fd)

    def close(self) -> None:
        """Close all of them."""
        for suffix in list(self._fds):
            self._close(suffix)

    def _open(self, suffix: str) -> None:
        path = self.path + suffix
        try:
            fd = os.open(path, _FLAGS)
        except FileNotFoundError:
            raise
        except OSError as exc:
            reason, is_refused = str(exc.strerror), exc.errno in _REFUSED
        else:
            if stat.S_ISREG(os.fstat(fd).st_mode):
                self._fds[suffix] = fd
                return

            os.close(fd)
            reason, is_refused = "not a regular file", True

        if suffix != INDEX or not is_refused:
            raise NotADatabaseError(f"{path}: {reason}")

        # The log can be read without its index: frames have checksums.
        self._refused = os.stat(path, follow_symlinks=False)

    def _close(self, suffix: str) -> None:
        if (fd := self._fds.pop(suffix, None)) is not None:
            os.close(fd)
