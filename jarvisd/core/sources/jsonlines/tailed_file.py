"""One path that is followed, whatever happens to the file behind it.

What the content says about a file is decided in `identity`. What becomes of the file
that we have open when its name leads elsewhere:

    the name leads to   the open file has   so
    -----------------   -----------------   --
    nothing             no name left        it is read to its end, and gone
    nothing             another name        it is read on until it is abandoned
    a continuation      -                   the new one is read on
    another file        no name left        it is read to its end, then the new one
    another file        another name        it is read on besides the new one until it
                                            is abandoned: its writer may not know yet

A file is abandoned when nobody has written to it for a while and nobody has it open for
writing (`leaving`). A file without any name, whose writer may go on as well, is not
waited for: no rotation deletes a file that is still meant to be read.

Only what was read before the new file took over has a stored position. What a writer
appends later to a file under another name is counted while the daemon lives, and not
by the next one.
"""

import os
from dataclasses import dataclass, field

from jarvisd.base.errors import SourceError
from jarvisd.core.sources.jsonlines.file_position import FilePosition
from jarvisd.core.sources.jsonlines.file_progress import FileProgress
from jarvisd.core.sources.jsonlines.foreign import PROBE_BYTES, why_foreign
from jarvisd.core.sources.jsonlines.handles import Handles, opened_if_readable
from jarvisd.core.sources.jsonlines.identity import FileVerdict, edited, judge
from jarvisd.core.sources.jsonlines.leaving import (
    LeavingFile,
    is_abandoned,
    read_beside,
)
from jarvisd.core.sources.jsonlines.lines import Condense
from jarvisd.core.sources.jsonlines.stream import SLICE_BYTES, FileSlice
from jarvisd.core.sources.source_slice import SourceSlice

MAX_LEAVING = 4
"""Files of one name that were renamed within seconds and are still read."""

EDIT_PAUSE_S = 60.0
"""How often a file is read again that changes without growing: some network file systems
set the time of a file once more after each line, and that tells no edit."""

_CONTINUED = {FileVerdict.SAME, FileVerdict.EDITED, FileVerdict.CUT}


@dataclass(slots=True)
class TailedFile:
    """Reads one path in slices, noticing when the path means another file.

    The caller owns the position: it hands in the one it has stored with its counts
    and takes the new one from the slice, so that both always move together.
    """

    path: str
    slice_bytes: int = SLICE_BYTES
    """How much is read of it at a time, from the next time that it is opened."""
    condense: Condense | None = None
    """What becomes of its long lines, from the next time that it is opened."""
    moved_to: str | None = None
    """Where the file is that *position* belongs to, if somebody has seen it."""
    leaving: list[LeavingFile] = field(default_factory=list)
    """Files that had this name and may still be written."""
    _reading: FileProgress = field(default_factory=FileProgress)
    _known: tuple[int, int, int, int] | None = None
    """Device, inode, size and mtime at the last look."""
    _away_since: float | None = None
    _edited_at: float | None = None
    """When it was last read again because it was written to before its end."""
    _was_void: bool = False
    """It was empty or gone since it was read: what comes back may be edited."""
    _edit_waits: bool = False
    """So it was since, too soon: it is read again with a later change."""

    @property
    def seen_bytes(self) -> int | None:
        """Return how large the file was at the last look; None before the first."""
        return None if self._known is None else self._known[2]

    @property
    def is_unsettled(self) -> bool:
        """Whether a file that has lost its name is read: no hint tells of it."""
        return bool(self.leaving) or self._away_since is not None

    def changed(self, seen: os.stat_result) -> bool:
        """Whether *seen* is worth a look: cheap, without opening the file."""
        return _signature(seen) != self._known or bool(self.leaving)

    def assume_unchanged(self, position: FilePosition) -> None:
        """Take it that *position* was all there was when it was stored."""
        if position.offset == position.size:
            self._known = _signature_of(position)

    def judge(
        self, position: FilePosition, fd: int
    ) -> tuple[FileVerdict, FilePosition]:
        """Say what the file behind *fd* is to one that was read to *position*."""
        return self._reading.judge(position, os.fstat(fd), fd)

    def begin_at(self, position: FilePosition) -> None:
        """Read on from *position*, whatever was read of an unfinished line."""
        self._reading.begin_at(position)

    def remember(self, position: FilePosition) -> None:
        """Remember single lines from *position* on, in case the file is cut."""
        self._reading.remember(position)

    def forget(self) -> None:
        """Drop what is only kept while the file is being followed."""
        self._reading.forget()

    def rename(self, path: str) -> None:
        """Follow the same file under another name."""
        self.path, self.moved_to = path, None
        self._known = self._away_since = None

    def read(self, position: FilePosition, handles: Handles, now: float) -> FileSlice:
        """Return the next slice after *position*, at the monotonic time *now*.

        Raises:
            SourceError: The file cannot be read; tell the user, and try again later.
            OSError: The disk failed.

        """
        part = self._read(position, handles, now)
        self._was_void |= part.gone
        return part

    def _read(self, position: FilePosition, handles: Handles, now: float) -> FileSlice:
        """Return the next slice of the file that our name leads to, or led to."""
        named = _named(self.path)
        grown = self._read_grown(position, named, handles)
        if grown is not None:
            return grown

        part = read_beside(self.leaving, position, handles, now)
        if part is not None:
            return part

        self.leaving = [each for each in self.leaving if not each.ended]
        away = self._away(position, named, handles)
        if away is not None:
            return self._read_away(position, named, away, handles, now)

        self._away_since = None
        try:
            return self._look(position, handles.get(self.path), now)
        except FileNotFoundError:
            partial_bytes = self._reading.partial_bytes
            return SourceSlice([], position, partial_bytes=partial_bytes, gone=True)

    def _read_grown(
        self, position: FilePosition, named: os.stat_result | None, handles: Handles
    ) -> FileSlice | None:
        """Return what was appended to the file that we have open and always had.

        Nearly every look ends here; None leaves it to the tables, as it does before
        the first line has come: only they ask whether it is text at all.
        """
        if named is None or self._known is None or self.is_unsettled:
            return None

        if not position.head_len or self._edit_waits:
            return None

        dev, inode, size, _ = self._known
        if named.st_ino != inode or named.st_dev != dev or named.st_size <= size:
            return None

        fd = handles.used(self.path)
        if fd is None:
            return None

        part = self._reading.next_if_grown(position, named, fd)
        if part is not None:
            self._known = _signature(named)

        return part

    def _look(self, position: FilePosition, fd: int, now: float) -> FileSlice:
        """Read the file behind *fd*, if it is still what was read before."""
        reading, seen = self._reading, os.fstat(fd)
        if self.changed(seen):
            verdict, start = reading.judge(position, seen, fd)
            match verdict:
                case FileVerdict.CUT | FileVerdict.REWRITTEN:
                    self._was_void = False
                    reading.begin_at(start)
                    return SourceSlice([], start, restarted=True, more=True)
                case FileVerdict.EMPTY:
                    reading.drop_rest()
                    self._known, self._was_void = _signature(seen), True
                    return SourceSlice([], position)
                case FileVerdict.FRESH:
                    _refuse_foreign(self.path, fd)
                case FileVerdict.EDITED:
                    return self._begin_after_edit(start, seen, now)
                case FileVerdict.SAME if self._is_edited(position, seen, fd):
                    self._edit_waits = self._is_too_soon(now)
                    if not self._edit_waits:
                        start = edited(position, seen, fd)
                        return self._begin_after_edit(start, seen, now)

            self._was_void = False
            reading.check_rest(fd)

        part = reading.next(position, seen, fd, self.slice_bytes, self.condense)
        self._known = _signature(seen)
        return part

    def _is_edited(self, position: FilePosition, seen: os.stat_result, fd: int) -> bool:
        """Return True if what stands before *position* was written again.

        That is so if the file was empty or gone, or changed without growing.
        """
        if self._edit_waits:
            return True

        if self._was_void:
            return not self._reading.remembers_all(position, fd)

        _, _, size, mtime_ns = self._known or _signature_of(position)
        if seen.st_size != size or seen.st_mtime_ns == mtime_ns:
            return False

        # A file that is being appended to has its new time a moment before its new size.
        if _signature(os.fstat(fd)) != _signature(seen):
            return False

        return not self._reading.remembers_all(position, fd)

    def _is_too_soon(self, now: float) -> bool:
        """Return True if a new time alone is no reason yet to read the file again."""
        at = self._edited_at
        return at is not None and now - at < EDIT_PAUSE_S and not self._was_void

    def _begin_after_edit(
        self, start: FilePosition, seen: os.stat_result, now: float
    ) -> FileSlice:
        """Go on at *start*; whoever gets the slice reads again what stands before."""
        self._edited_at, self._edit_waits, self._was_void = now, False, False
        self._known = _signature(seen)
        self._reading.begin_after_edit(start)
        return SourceSlice([], start, restarted=True, more=True)

    def _away(
        self, position: FilePosition, named: os.stat_result | None, handles: Handles
    ) -> int | None:
        """Return the file read so far, if our name does not lead to it or on from it."""
        fd = handles.held(self.path)
        if fd is None:
            return self._found_again(position, handles)

        if named is not None and os.path.samestat(os.fstat(fd), named):
            return None

        if self._newcomer(position) not in _CONTINUED:
            return fd

        self._drop(handles)
        return None

    def _newcomer(self, position: FilePosition) -> FileVerdict | None:
        """Judge the file that has our name now; None if there is none to be read."""
        fd = opened_if_readable(self.path)
        if fd is None:
            return None

        try:
            return self.judge(position, fd)[0]
        finally:
            os.close(fd)

    def _found_again(self, position: FilePosition, handles: Handles) -> int | None:
        """Open the file read so far where it was seen since, if it is still that."""
        path, self.moved_to = self.moved_to, None
        if path is None or self._newcomer(position) in _CONTINUED:
            return None

        fd = opened_if_readable(path)
        if fd is not None and judge(position, os.fstat(fd), fd)[0] is FileVerdict.SAME:
            handles.put(self.path, fd)
            return fd

        if fd is not None:
            os.close(fd)

        return None

    def _read_away(
        self,
        position: FilePosition,
        named: os.stat_result | None,
        fd: int,
        handles: Handles,
        now: float,
    ) -> FileSlice:
        """Read the file that has lost its name, and decide what to do at its end."""
        if self._is_overwritten(position, fd):
            self._drop(handles)
            return SourceSlice([], position, more=named is not None, gone=named is None)

        part = self._look(position, fd, now)
        if part.more:
            return part

        if part.read_bytes or self._away_since is None:
            self._away_since = now

        seen = os.fstat(fd)
        newcomer = self._newcomer(part.position)
        if newcomer in _CONTINUED:
            self._drop(handles)
            part.more = True
        elif newcomer in {FileVerdict.FRESH, FileVerdict.REWRITTEN}:
            self._give_way(part, seen, handles, now)
        elif not seen.st_nlink or is_abandoned(fd, now - self._away_since):
            self._let_go(part, seen, handles)
            part.gone = named is None

        return part

    def _is_overwritten(self, position: FilePosition, fd: int) -> bool:
        """Whether nothing of what we read is left in a file without a name.

        What is in it now has most likely been moved on: it was written here, and then
        aside and renamed. Its lines are those of the file that has our name.
        """
        seen = os.fstat(fd)
        if seen.st_nlink or not self.changed(seen):
            return False

        return self.judge(position, fd)[0] is FileVerdict.REWRITTEN

    def _give_way(
        self, part: FileSlice, seen: os.stat_result, handles: Handles, now: float
    ) -> None:
        """Go on with the new file of our name, and keep reading the old one besides."""
        stream = self._reading.hand_over() if seen.st_nlink else None
        if stream is None:
            self._let_go(part, seen, handles)
        else:
            key = f"{self.path}\0{seen.st_ino}"
            handles.rename(self.path, key)
            leaving = LeavingFile(key, part.position, stream, grew_at=now)
            self.leaving = [*self.leaving, leaving][-MAX_LEAVING:]

        start = FilePosition(generation=part.position.generation + 1)
        self._reading.begin_at(start)
        part.position, part.partial_bytes = start, 0
        part.restarted = part.more = True

    def _let_go(self, part: FileSlice, seen: os.stat_result, handles: Handles) -> None:
        """Close the file; its unfinished line is its last unless it lives elsewhere."""
        if not seen.st_nlink:
            part.rest = self._reading.finish()

        self._drop(handles)

    def _drop(self, handles: Handles) -> None:
        handles.drop(self.path)
        self._reading.drop_rest()


def _named(path: str) -> os.stat_result | None:
    try:
        return os.stat(path, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _refuse_foreign(path: str, fd: int) -> None:
    reason = why_foreign(os.pread(fd, PROBE_BYTES, 0))
    if reason is not None:
        raise SourceError(path, reason)


def _signature_of(position: FilePosition) -> tuple[int, int, int, int]:
    return (position.dev, position.inode, position.size, position.mtime_ns)


def _signature(seen: os.stat_result) -> tuple[int, int, int, int]:
    return (seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns)
