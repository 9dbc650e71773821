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

_KINDS: Final = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
}


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
        if self._fd is not None:
            try:
                is_current = os.path.samestat(self._path.lstat(), os.fstat(self._fd))
            except FileNotFoundError:
                is_current = False

            if not is_current:  # moved away or deleted since the last record
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
        kind = _KINDS.get(stat.S_IFMT(mode), "a device")
        raise SinkError(f"{path} is {kind}, not a regular file")


def _append(fd: int, data: bytes) -> None:
    """Append *data*, starting on a new line, and truncate the file if that fails."""
    size, prefix = os.fstat(fd).st_size, _PREFIX.encode()
    tail = os.pread(fd, _TAIL_BYTES, max(0, size - _TAIL_BYTES))
    partial = tail[tail.rfind(b"\n") + 1 :]
    # Any beginning of a record, however short, is from a delivery that was killed; the
    # record is delivered again.
    if partial and (partial.startswith(prefix) or prefix.startswith(partial)):
        os.ftruncate(fd, size - len(partial))
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
