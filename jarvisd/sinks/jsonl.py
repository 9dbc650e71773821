"""A file on this machine that each record is appended to, whole, as a line of JSON.

It is the user's: others may move it away, cut it or delete it at any time, and the next
record begins a new one. Folders are not made: a disk that is not mounted would be
written under. A record counts as delivered when the disk has it.
"""

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from jarvisd.base.errors import SinkError
from jarvisd.sinks.store import Waiting

EVENT: Final = "chat_session_ended"

_BEGINNING: Final = f'{{"event":"{EVENT}",'
_LONGEST: Final = 1 << 16
"""Bytes at the end of a file in which a line that we did not finish is looked for."""

_FLAGS: Final = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
_NOTHING_ELSE: Final = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
"""No link is followed, and no pipe that nobody reads can hold us up."""


class JsonlSink:
    """Appends to the regular file at *path*, made with mode 0600 where it is absent."""

    kind: Final = "jsonl"

    def __init__(self, name: str, path: Path, *, max_waiting: int) -> None:
        self.name = name
        self.max_waiting = max_waiting
        self._path = path
        self._fd: int | None = None

    def deliver(self, records: Sequence[Waiting]) -> None:
        """Append *records*, all or none, and wait for the disk.

        Raises:
            SinkError: The file cannot be written, or is none to be written.

        """
        data = b"".join(map(_line, records))
        try:
            _append(self._opened(), data)
        except OSError as exc:
            self.close()
            raise SinkError(f"{self._path}: {exc.strerror}") from exc

    def close(self) -> None:
        """Close the file if it is open; the next record opens it again."""
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)

    def _opened(self) -> int:
        if self._fd is not None and not _is_at(self._path, self._fd):
            self.close()

        if self._fd is None:
            self._fd = _open(self._path)

        return self._fd


def _line(waiting: Waiting) -> bytes:
    text = waiting.record.strip()
    if not (text.startswith("{") and text.endswith("}")) or "\n" in text:
        raise SinkError(f"record {waiting.record_id} is damaged in the store")

    return f"{_BEGINNING}{text[1:]}\n".encode(errors="replace")


def _open(path: Path) -> int:
    _refuse_irregular(path)
    fd = os.open(path, _FLAGS | _NOTHING_ELSE, 0o600)
    # Looked at twice: it may have been exchanged in between.
    status = os.fstat(fd)
    if stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid():
        return fd

    os.close(fd)
    raise SinkError(f"{path} is not a regular file of yours")


def _refuse_irregular(path: Path) -> None:
    """Refuse what must not even be opened: to open a device or a pipe is an act."""
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
    """Write *data* on lines of its own, and take back what was not written whole."""
    unfinished = _unfinished(fd)
    if _is_ours(unfinished):  # a kill cut it off; its record is in *data*, or comes
        os.ftruncate(fd, os.fstat(fd).st_size - len(unfinished))
    elif unfinished:
        data = b"\n" + data

    before, written = os.fstat(fd).st_size, 0
    try:
        while written < len(data):
            written += os.write(fd, data[written:])
        os.fsync(fd)
    except OSError:
        if os.fstat(fd).st_size == before + written:  # nobody else has written since
            os.ftruncate(fd, before)
        raise


def _unfinished(fd: int) -> bytes:
    """Return what is behind the last line of a file, or the end of that."""
    size = os.fstat(fd).st_size
    end = os.pread(fd, _LONGEST, max(0, size - _LONGEST))
    return end[end.rfind(b"\n") + 1 :]


def _is_ours(unfinished: bytes) -> bool:
    beginning = _BEGINNING.encode()
    return bool(unfinished) and (
        unfinished.startswith(beginning) or beginning.startswith(unfinished)
    )
