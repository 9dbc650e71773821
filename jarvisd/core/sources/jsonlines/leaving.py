"""Reads on in a file that was renamed while its writer continues."""

import fcntl
import os
import signal
from collections.abc import Iterable
from dataclasses import dataclass

from jarvisd.core.sources.jsonlines.handles import Handles
from jarvisd.core.sources.jsonlines.identity import FilePosition, fits
from jarvisd.core.sources.jsonlines.stream import FileSlice, Stream
from jarvisd.core.sources.source_slice import SourceSlice

SILENT_S = 5.0
"""Seconds without growth after which a renamed file is closed."""

OPEN_SILENT_S = 3600.0
"""The same while a process has it open for writing: one that has written nothing for an
hour has leaked the descriptor."""


_CAN_ASK = hasattr(fcntl, "F_SETLEASE")


def is_abandoned(fd: int, silent_s: float) -> bool:
    """Whether no more lines are expected of a file silent for *silent_s*."""
    if silent_s < SILENT_S:
        return False

    return silent_s >= OPEN_SILENT_S or not has_writer(fd)


@dataclass(slots=True)
class LeavingFile:
    """The rest of a renamed file, read until it is abandoned.

    *position* is not stored, because the cursor of the block is in the new file.
    *last_growth_at* is the monotonic time at which it last grew.
    """

    key: str
    """The name of its descriptor in the handles."""
    position: FilePosition
    stream: Stream
    last_growth_at: float
    ended: bool = False

    def read(self, handles: Handles, now: float) -> FileSlice:
        """Return the appended lines; set *ended* if the file is abandoned."""
        fd = handles.peek(self.key)
        if fd is None or not (
            fits(self.position, fd) and self.stream.matches_partial_line(fd)
        ):
            # The descriptor was evicted, or the file was rewritten.
            self.end(handles)
            return SourceSlice([], self.position)

        part = self.stream.next(self.position, os.fstat(fd), fd)
        self.position = part.position
        if part.read_bytes:
            self.last_growth_at = now
        elif is_abandoned(fd, now - self.last_growth_at):
            self.end(handles)

        return part

    def is_same_file(self, seen: os.stat_result | None, handles: Handles) -> bool:
        """Whether *seen* is this file under another name."""
        fd = handles.peek(self.key)
        if fd is None or seen is None:
            return False

        return os.path.samestat(os.fstat(fd), seen)

    def end(self, handles: Handles) -> None:
        """Stop reading the file, and close it."""
        handles.drop(self.key)
        self.ended = True


def read_beside(
    leaving: Iterable[LeavingFile], position: FilePosition, handles: Handles, now: float
) -> FileSlice | None:
    """Return new lines of one of *leaving*, as a slice that keeps *position*."""
    for each in leaving:
        part = each.read(handles, now)
        if part.lines or part.more:
            part.position, part.partial_bytes, part.more = position, 0, True
            return part

    return None


def has_writer(fd: int) -> bool:
    """Whether a process, of whatever user, has the file of *fd* open for writing.

    The kernel grants a read lease only on a file that no process has open for writing
    (fcntl(2), F_SETLEASE). That takes five microseconds; a search of /proc would take a
    thousand times as long and see only our own.

    *fd* must be open for reading only. Also False if that is unknown: on file systems
    without leases, and for files of other users.
    """
    if not _CAN_ASK:  # pragma: no cover - not Linux
        return False

    try:
        # A process that opens the file meanwhile waits for us, and the kernel sends us
        # a signal. The default, SIGIO, would end this process; SIGURG is ignored.
        fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except BlockingIOError:
        return True
    except OSError:
        return False

    fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False
