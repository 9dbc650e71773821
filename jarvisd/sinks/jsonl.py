"""A sink that appends each record to a file on this machine, as a line of JSON.

The file belongs to the user: other programs may move, truncate or delete it at any
time, and the next record creates a new one. Folders are not created, because if a disk
is not mounted, the record would be written below its mount point. A record counts as
delivered after fsync.
"""

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from jarvisd.base.errors import SinkError
from jarvisd.sinks.store import QueuedRecord

EVENT: Final = "chat_session_ended"

_PREFIX: Final = f'{{"event":"{EVENT}",'
_TAIL_BYTES: Final = 1 << 16
"""Bytes at the end of a file that are searched for a partial line of ours."""

_FLAGS: Final = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
_SAFE_FLAGS: Final = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
"""Follow no link, and do not block on a pipe without a reader."""


class JsonlSink:
    """Appends to the regular file at *path*, created with mode 0600 if absent."""

    kind: Final = "jsonl"

    def __init__(self, name: str, path: Path, *, max_waiting: int) -> None:
        self.name = name
        self.max_waiting = max_waiting
        self._path = path
        self._fd: int | None = None

    def deliver(self, records: Sequence[QueuedRecord]) -> None:
        """Append all *records* or none, and wait until they are on disk.

        Raises:
            SinkError: The file cannot be written, is not a regular file of this user,
                or a record is damaged.

        """
        data = b"".join(map(_line, records))
        try:
            _append(self._open_current(), data)
        except OSError as exc:
            self.close()
            raise SinkError(f"{self._path}: {exc.strerror}") from exc

    def close(self) -> None:
        """Close the file if it is open; the next record opens it again."""
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)

    def _open_current(self) -> int:
        """Return a descriptor of the file that is at the path now."""
        if self._fd is not None and not _is_at(self._path, self._fd):
            self.close()

        if self._fd is None:
            self._fd = _open(self._path)

        return self._fd


def _line(waiting: QueuedRecord) -> bytes:
    text = waiting.record.strip()
    if not (text.startswith("{") and text.endswith("}")) or "\n" in text:
        raise SinkError(f"record {waiting.record_id} is damaged in the store")

    return f"{_PREFIX}{text[1:]}\n".encode(errors="replace")


def _open(path: Path) -> int:
    _refuse_irregular(path)
    fd = os.open(path, _FLAGS | _SAFE_FLAGS, 0o600)
    # Checked again: the file may have been replaced since the check of its path.
    status = os.fstat(fd)
    if stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid():
        return fd

    os.close(fd)
    raise SinkError(f"{path} is not a regular file of yours")


def _refuse_irregular(path: Path) -> None:
    """Raise SinkError for a device or a pipe: opening one may have an effect."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return

    if not stat.S_ISREG(mode):
        raise SinkError(f"{path} is {_kind(mode)}, not a regular file")


def _kind(mode: int) -> str:
    kinds = {
        stat.S_IFLNK: "a symbolic link",
        stat.S_IFDIR: "a folder",
        stat.S_IFIFO: "a pipe",
        stat.S_IFSOCK: "a socket",
    }
    return kinds.get(stat.S_IFMT(mode), "a device")


def _is_at(path: Path, fd: int) -> bool:
    try:
        return os.path.samestat(path.lstat(), os.fstat(fd))
    except FileNotFoundError:
        return False


def _append(fd: int, data: bytes) -> None:
    """Append *data*, starting on a new line, and truncate the file if that fails."""
    partial = _partial_line(fd)
    if _is_ours(partial):  # we were killed; its record is delivered again
        os.ftruncate(fd, os.fstat(fd).st_size - len(partial))
    elif partial:
        data = b"\n" + data

    before, written = os.fstat(fd).st_size, 0
    try:
        while written < len(data):
            written += os.write(fd, data[written:])
        os.fsync(fd)
    except OSError:
        if os.fstat(fd).st_size == before + written:  # no other program appended since
            os.ftruncate(fd, before)
        raise


def _partial_line(fd: int) -> bytes:
    """Return the bytes after the last newline, at most _TAIL_BYTES."""
    size = os.fstat(fd).st_size
    end = os.pread(fd, _TAIL_BYTES, max(0, size - _TAIL_BYTES))
    return end[end.rfind(b"\n") + 1 :]


def _is_ours(partial: bytes) -> bool:
    """Whether *partial* is the beginning of a record, however short."""
    prefix = _PREFIX.encode()
    return bool(partial) and (partial.startswith(prefix) or prefix.startswith(partial))
