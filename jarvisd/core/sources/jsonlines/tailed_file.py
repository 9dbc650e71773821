"""Follows one path, whatever happens to its file.

`identity` judges a file by its content. If the path no longer refers to the open file:

    the path is          the open file has   then
    -----------          -----------------   ----
    nothing              no name left        read it to its end; it is gone
    nothing              another name        read it until it is abandoned
    its continuation     -                   read the new file on
    another file         no name left        read it to its end, then the new file
    another file         another name        read both until the old one is abandoned,
                                             since its writer may not know yet

A file is abandoned when it has not grown for a while and no process has it open for
writing (`leaving`). A file without any name is not waited for, although its writer may
continue: no rotation deletes a file that is still meant to be read.

A position is only stored for the part before the new file. Lines that are appended later
to a renamed file are counted by this daemon, but not by the next one.
"""

import os
from dataclasses import dataclass, field

from jarvisd.base.errors import SourceError
from jarvisd.core.sources.jsonlines.foreign import foreign_reason
from jarvisd.core.sources.jsonlines.handles import Handles, open_if_readable
from jarvisd.core.sources.jsonlines.identity import (
    FilePosition,
    FileVerdict,
    advanced,
    edited,
    is_of,
    judge,
)
from jarvisd.core.sources.jsonlines.leaving import (
    LeavingFile,
    is_abandoned,
    read_beside,
)
from jarvisd.core.sources.jsonlines.lines import Condense
from jarvisd.core.sources.jsonlines.stream import SLICE_BYTES, FileProgress, FileSlice
from jarvisd.core.sources.source_slice import SourceSlice

MAX_LEAVING = 4
"""Renamed files of one path that are read at the same time."""

EDIT_PAUSE_S = 60.0
"""The shortest time between two rereads of a file that changes without growing: some
network file systems set the mtime again after each line, which is no edit."""

_CONTINUED = {FileVerdict.SAME, FileVerdict.EDITED, FileVerdict.CUT}


@dataclass(slots=True)
class TailedFile:
    """Reads one path in slices, and detects that the path refers to another file.

    The caller owns the position: it passes the one that it stores with its counts, and
    gets the new one with the slice, so that both always change together.
    """

    path: str
    slice_bytes: int = SLICE_BYTES
    """The largest slice, from the next time that the file is opened."""
    condense: Condense | None = None
    """Condenses long lines, from the next time that the file is opened."""
    moved_to: str | None = None
    """The new path of the file that *position* belongs to, if a scan has found it."""
    leaving: list[LeavingFile] = field(default_factory=list)
    """Files that had this path and may still be written."""
    _reading: FileProgress = field(default_factory=FileProgress)
    _known: tuple[int, int, int, int] | None = None
    """Device, inode, size and mtime at the last read."""
    _renamed_since: float | None = None
    _edited_at: float | None = None
    """The monotonic time of the last reread because of an edit."""
    _was_empty: bool = False
    """It was empty or gone since it was read, so its lines may have been edited."""
    _edit_pending: bool = False
    """It was edited too soon after a reread, and is read again at a later change."""

    @property
    def seen_bytes(self) -> int | None:
        """Return the size of the file at the last read; None before the first."""
        return None if self._known is None else self._known[2]

    @property
    def is_unsettled(self) -> bool:
        """Whether a renamed file is read, whose changes no hint reports."""
        return bool(self.leaving) or self._renamed_since is not None

    def changed(self, seen: os.stat_result) -> bool:
        """Whether *seen* is a reason to read: cheap, without opening the file."""
        return _signature(seen) != self._known or bool(self.leaving)

    def assume_unchanged(self, position: FilePosition) -> None:
        """Assume that the file was read completely when *position* was stored."""
        if position.offset == position.size:
            self._known = _signature_of(position)

    def judge(
        self, position: FilePosition, fd: int
    ) -> tuple[FileVerdict, FilePosition]:
        """Return the verdict on the file *fd*, and the position to continue at."""
        return self._reading.judge(position, os.fstat(fd), fd)

    def begin_at(self, position: FilePosition) -> None:
        """Continue at *position*, and drop the partial line."""
        self._reading.begin_at(position)

    def remember(self, position: FilePosition) -> None:
        """Keep checksums of lines from *position* on, in case the file is truncated."""
        self._reading.remember(position)

    def forget(self) -> None:
        """Drop the data that only followed files need."""
        self._reading.forget()

    def rename(self, path: str) -> None:
        """Follow the same file at another path."""
        self.path, self.moved_to = path, None
        self._known = self._renamed_since = None

    def read(self, position: FilePosition, handles: Handles, now: float) -> FileSlice:
        """Return the next slice after *position*, at the monotonic time *now*.

        Raises:
            SourceError: The file is not readable; report that, and retry later.
            OSError: The disk failed.

        """
        part = self._read(position, handles, now)
        self._was_empty |= part.gone
        return part

    def _read(self, position: FilePosition, handles: Handles, now: float) -> FileSlice:
        """Return the next slice of the file at the path, or of the renamed one."""
        named = _stat_path(self.path)
        grown = self._read_grown(position, named, handles)
        if grown is not None:
            return grown

        part = read_beside(self.leaving, position, handles, now)
        if part is not None:
            return part

        self.leaving = [each for each in self.leaving if not each.ended]
        away = self._renamed_file(position, named, handles)
        if away is not None:
            return self._read_renamed(position, named, away, handles, now)

        self._renamed_since = None
        try:
            return self._read_open(position, handles.get(self.path), now)
        except FileNotFoundError:
            partial_bytes = self._reading.partial_bytes
            return SourceSlice([], position, partial_bytes=partial_bytes, gone=True)

    def _read_grown(
        self, position: FilePosition, named: os.stat_result | None, handles: Handles
    ) -> FileSlice | None:
        """Return the lines appended to the open file, if that is all that happened.

        Nearly every read ends here. None means that the tables above must decide; they
        also check before the first line whether the file is text at all.
        """
        if named is None or self._known is None or self.is_unsettled:
            return None

        if not position.head_len or self._edit_pending:
            return None

        dev, inode, size, _ = self._known
        if named.st_ino != inode or named.st_dev != dev or named.st_size <= size:
            return None

        fd = handles.touch(self.path)
        if fd is None:
            return None

        part = self._reading.next_if_grown(position, named, fd)
        if part is not None:
            self._known = _signature(named)

        return part

    def _read_open(self, position: FilePosition, fd: int, now: float) -> FileSlice:
        """Read the open file *fd*, after judging whether it still is the same."""
        reading, seen, is_fresh = self._reading, os.fstat(fd), False
        if self.changed(seen):
            verdict, start = reading.judge(position, seen, fd)
            match verdict:
                case FileVerdict.CUT | FileVerdict.REWRITTEN:
                    self._was_empty = False
                    reading.begin_at(start)
                    return SourceSlice([], start, restarted=True, more=True)
                case FileVerdict.EMPTY:
                    reading.drop_partial_line()
                    self._known, self._was_empty = _signature(seen), True
                    return SourceSlice([], position)
                case FileVerdict.FRESH:
                    is_fresh = True
                case FileVerdict.EDITED:
                    return self._begin_after_edit(start, seen, fd, now)
                case FileVerdict.SAME if self._is_edited(position, seen, fd):
                    self._edit_pending = self._is_too_soon(now)
                    if not self._edit_pending:
                        start = edited(position, seen, fd)
                        return self._begin_after_edit(start, seen, fd, now)

            if position.offset and not is_of(position, seen):
                # Another block may have counted more of that file: see `FileRegistry`.
                start = advanced(position, seen, fd, position.offset)
                partial_bytes = reading.partial_bytes
                return SourceSlice([], start, partial_bytes=partial_bytes, more=True)

            self._was_empty = False
            reading.check_partial_line(fd)

        check = self._check_text if is_fresh else None
        part = reading.next(
            position, seen, fd, self.slice_bytes, self.condense, check=check
        )
        self._known = _signature(seen)
        return part

    def _check_text(self, head: bytes) -> None:
        reason = foreign_reason(head)
        if reason is not None:
            raise SourceError(self.path, reason)

    def _is_edited(self, position: FilePosition, seen: os.stat_result, fd: int) -> bool:
        """Return True if the lines before *position* may have been edited.

        That is so if the file was empty or gone, or has changed without growing.
        """
        if self._edit_pending:
            return True

        if self._was_empty:
            return not self._reading.matches_all(position, fd)

        _, _, size, mtime_ns = self._known or _signature_of(position)
        if seen.st_size != size or seen.st_mtime_ns == mtime_ns:
            return False

        # During an append the new mtime is visible a moment before the new size.
        if _signature(os.fstat(fd)) != _signature(seen):
            return False

        return not self._reading.matches_all(position, fd)

    def _is_too_soon(self, now: float) -> bool:
        """Return True if a new mtime is no reason yet to read the file again."""
        at = self._edited_at
        return at is not None and now - at < EDIT_PAUSE_S and not self._was_empty

    def _begin_after_edit(
        self, start: FilePosition, seen: os.stat_result, fd: int, now: float
    ) -> FileSlice:
        """Continue at *start*; the caller reads the lines before it again."""
        self._edited_at, self._edit_pending, self._was_empty = now, False, False
        self._known = _signature(seen)
        self._reading.begin_after_edit(start, seen, fd)
        return SourceSlice([], start, restarted=True, more=True)

    def _renamed_file(
        self, position: FilePosition, named: os.stat_result | None, handles: Handles
    ) -> int | None:
        """Return the open file if the path is neither that file nor its continuation."""
        fd = handles.peek(self.path)
        if fd is None:
            return self._reopen_moved(position, handles)

        if named is not None and os.path.samestat(os.fstat(fd), named):
            return None

        if self._judge_successor(position) not in _CONTINUED:
            return fd

        self._close(handles)
        return None

    def _judge_successor(self, position: FilePosition) -> FileVerdict | None:
        """Judge the file that is at the path now; None if there is no readable one."""
        fd = open_if_readable(self.path)
        if fd is None:
            return None

        try:
            return self.judge(position, fd)[0]
        finally:
            os.close(fd)

    def _reopen_moved(self, position: FilePosition, handles: Handles) -> int | None:
        """Open the file at *moved_to*, if it is still the one that was read."""
        path, self.moved_to = self.moved_to, None
        if path is None or self._judge_successor(position) in _CONTINUED:
            return None

        fd = open_if_readable(path)
        if fd is not None and judge(position, os.fstat(fd), fd)[0] is FileVerdict.SAME:
            handles.add(self.path, fd)
            return fd

        if fd is not None:
            os.close(fd)

        return None

    def _read_renamed(
        self,
        position: FilePosition,
        named: os.stat_result | None,
        fd: int,
        handles: Handles,
        now: float,
    ) -> FileSlice:
        """Read the renamed file, and decide what to do at its end."""
        if self._is_overwritten(position, fd):
            self._close(handles)
            return SourceSlice([], position, more=named is not None, gone=named is None)

        part = self._read_open(position, fd, now)
        if part.more:
            return part

        if part.read_bytes or self._renamed_since is None:
            self._renamed_since = now

        seen = os.fstat(fd)
        successor = self._judge_successor(part.position)
        if successor in _CONTINUED:
            self._close(handles)
            part.more = True
        elif successor in {FileVerdict.FRESH, FileVerdict.REWRITTEN}:
            self._switch_to_successor(part, seen, handles, now)
        elif not seen.st_nlink or is_abandoned(fd, now - self._renamed_since):
            self._close_ended(part, seen, handles)
            part.gone = named is None

        return part

    def _is_overwritten(self, position: FilePosition, fd: int) -> bool:
        """Whether a file without a name has been rewritten since it was read.

        Then an editor first wrote in place, and then a new file that it renamed: the
        lines are in the file that is at the path now, and would be counted twice.
        """
        seen = os.fstat(fd)
        if seen.st_nlink or not self.changed(seen):
            return False

        return self.judge(position, fd)[0] is FileVerdict.REWRITTEN

    def _switch_to_successor(
        self, part: FileSlice, seen: os.stat_result, handles: Handles, now: float
    ) -> None:
        """Continue with the new file at the path, and read the old one as well."""
        stream = self._reading.detach_stream() if seen.st_nlink else None
        if stream is None:
            self._close_ended(part, seen, handles)
        else:
            key = f"{self.path}\0{seen.st_ino}"
            handles.rename(self.path, key)
            leaving = LeavingFile(key, part.position, stream, last_growth_at=now)
            self.leaving = [*self.leaving, leaving][-MAX_LEAVING:]

        start = FilePosition(generation=part.position.generation + 1)
        self._reading.begin_at(start)
        part.position, part.partial_bytes = start, 0
        part.restarted = part.more = True

    def _close_ended(
        self, part: FileSlice, seen: os.stat_result, handles: Handles
    ) -> None:
        """Close the file; without a name left, its partial line is its last line."""
        if not seen.st_nlink:
            part.rest = self._reading.finish()

        self._close(handles)

    def _close(self, handles: Handles) -> None:
        handles.drop(self.path)
        self._reading.drop_partial_line()


def _stat_path(path: str) -> os.stat_result | None:
    try:
        return os.stat(path, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _signature_of(position: FilePosition) -> tuple[int, int, int, int]:
    return (position.dev, position.inode, position.size, position.mtime_ns)


def _signature(seen: os.stat_result) -> tuple[int, int, int, int]:
    return (seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns)
