"""A transcript that its agent has compressed, read as the text that it was.

Positions are those of the text: a transcript goes on where it stood before it was
compressed, and after it was unpacked again. Nobody can enter the text in its middle, so
what was counted is decompressed and passed over, and compared by head and mark on the
way. A compressed file is final: it is read once, and not followed.
"""

import os

from jarvisd.base.errors import SourceError
from jarvisd.core.sources.jsonlines.file_position import FilePosition
from jarvisd.core.sources.jsonlines.foreign import PROBE_BYTES, why_foreign
from jarvisd.core.sources.jsonlines.handles import Handles
from jarvisd.core.sources.jsonlines.identity import (
    HEAD_BYTES,
    MARK_BYTES,
    FileVerdict,
    digest,
)
from jarvisd.core.sources.jsonlines.leaving import LeavingFile
from jarvisd.core.sources.jsonlines.lines import Condense, LineSplitter
from jarvisd.core.sources.jsonlines.stream import (
    MIN_SLICE_BYTES,
    SLICE_BYTES,
    SLICE_LINES,
    FileSlice,
)
from jarvisd.core.sources.zstd import ZstdReader

COMPRESSED = ".zst"
"""How the name of a compressed transcript ends."""

CUT_S = 10.0
"""For how long a file may end inside a frame before that is reported: it may be being
written."""

CUT_SHORT = "ends inside a zstd frame: it was cut short"


class CompressedFile:
    """Reads one compressed file in slices, as `TailedFile` reads plain ones."""

    is_unsettled = False

    def __init__(self, path: str) -> None:
        self.path = path
        self.slice_bytes = SLICE_BYTES
        self.condense: Condense | None = None
        self.moved_to: str | None = None
        self.leaving: list[LeavingFile] = []
        self._text: _Text | None = None
        self._known: tuple[int, int, int, int] | None = None
        """Device, inode, size and mtime of the file that was read to its end."""
        self._failed: tuple[tuple[int, int, int, int], SourceError] | None = None
        self._cut_since: float | None = None

    @property
    def seen_bytes(self) -> int | None:
        """Return how large the file was when it was read; None before."""
        return None if self._known is None else self._known[2]

    def changed(self, seen: os.stat_result) -> bool:
        """Whether *seen* is worth a look."""
        return _signature(seen) != self._known

    def assume_unchanged(self, position: FilePosition) -> None:
        """Take it that *position* was all there was when it was stored."""
        if position.size:
            self._known = (
                position.dev,
                position.inode,
                position.size,
                position.mtime_ns,
            )

    def judge(
        self, position: FilePosition, _fd: int
    ) -> tuple[FileVerdict, FilePosition]:
        """Say that no other file goes on where this one ends."""
        return FileVerdict.REWRITTEN, position

    def begin_at(self, _position: FilePosition) -> None:
        """Begin anew: the text is entered at its start."""
        self._text = None

    def remember(self, _position: FilePosition) -> None:
        """Remember no lines: a compressed file is not cut by its writer."""

    def forget(self) -> None:
        """Drop what is only kept while the file is read."""
        self._text = None

    def rename(self, path: str) -> None:
        """Read the same file under another name."""
        self.path, self.moved_to = path, None
        self._known = None

    def read(self, position: FilePosition, handles: Handles, now: float) -> FileSlice:
        """Return the next slice after *position*, at the monotonic time *now*.

        Raises:
            SourceError: The file cannot be read.
            OSError: The disk failed.

        """
        try:
            fd = handles.get(self.path)
            if not os.path.samestat(os.fstat(fd), os.stat(self.path)):
                self._stop(handles)
                fd = handles.get(self.path)
        except FileNotFoundError:
            self._stop(handles)
            self._known = None
            return FileSlice([], position, gone=True)

        seen = os.fstat(fd)
        if self._failed is not None and self._failed[0] == _signature(seen):
            raise self._failed[1]

        if self._text is None:
            if not self.changed(seen):
                self._stop(handles)
                return FileSlice([], position)

            self._text = _Text(self.path)

        try:
            return self._next(self._text, position, fd, now)
        except SourceError as exc:
            self._failed, self._text = (_signature(seen), exc), None
            raise
        finally:
            if self._text is None:
                handles.drop(self.path)

    def _next(
        self, text: "_Text", position: FilePosition, fd: int, now: float
    ) -> FileSlice:
        seen, given = os.fstat(fd), text.reader.given
        splitter = text.splitter
        left = position.offset - text.reader.offset if splitter is None else 0
        if splitter is None and not left:
            if not text.fits(position):
                return self._restarted(position)

            splitter = text.splitter = LineSplitter(
                offset=position.offset, condense=self.condense
            )

        start = text.reader.offset
        piece = text.next(fd, min(left or self.slice_bytes, self.slice_bytes))
        if not piece and text.reader.ended:
            if text.reader.is_cut:
                return self._wait(text, position, now)

            if splitter is None:
                return self._restarted(position)

            self._known, self._cut_since = _signature(seen), None
            self._text = None
            return FileSlice(
                [],
                _ended(position, seen),
                partial_bytes=splitter.partial_bytes,
            )

        read_bytes = text.reader.given - given
        if splitter is None:
            return FileSlice([], position, read_bytes=read_bytes, more=True)

        if not start:
            self._refuse_foreign(piece)

        lines = splitter.feed(piece)
        text.slow_down(len(piece), len(lines))
        if splitter.offset != position.offset:
            position = text.advanced(position, seen, splitter.offset)

        return FileSlice(
            lines,
            position,
            read_bytes=read_bytes,
            partial_bytes=splitter.partial_bytes,
            more=True,
        )

    def _refuse_foreign(self, piece: bytes) -> None:
        reason = why_foreign(piece[:PROBE_BYTES])
        if reason is not None:
            raise SourceError(self.path, f"is compressed, and its content {reason}")

    def _restarted(self, position: FilePosition) -> FileSlice:
        """Begin anew: the text is another one than was counted."""
        self._text = None
        start = FilePosition(generation=position.generation + 1)
        return FileSlice([], start, restarted=True, more=True)

    def _wait(self, text: "_Text", position: FilePosition, now: float) -> FileSlice:
        """Begin again at the next look, which `changed` asks for.

        A decompressor may hold 32 MiB, and a half-copied folder has many such files.
        """
        self._text = None
        if self._cut_since is None:
            self._cut_since = now

        if now - self._cut_since >= CUT_S:
            self._cut_since = None
            raise SourceError(self.path, CUT_SHORT)

        partial_bytes = text.splitter.partial_bytes if text.splitter else 0
        return FileSlice([], position, partial_bytes=partial_bytes)

    def _stop(self, handles: Handles) -> None:
        self._text = None
        handles.drop(self.path)


class _Text:
    """The text of a file so far: what of it tells whether it is the one we counted."""

    __slots__ = ("_head", "_limit", "_path", "_tail", "reader", "splitter")

    def __init__(self, path: str) -> None:
        self.reader = ZstdReader()
        self.splitter: LineSplitter | None = None
        """Set once all that was counted has been passed over."""
        self._path = path
        self._head = self._tail = b""
        self._limit = SLICE_BYTES

    def next(self, fd: int, limit: int) -> bytes:
        """Return the next piece of the text."""
        piece = self.reader.read(fd, self._path, min(limit, self._limit))
        if piece:
            self._head += piece[: HEAD_BYTES - len(self._head)]
            self._tail = self._tail[-MARK_BYTES:] + piece

        return piece

    def fits(self, position: FilePosition) -> bool:
        """Whether the text so far ends where *position* does, and begins like that."""
        head, tail = self._head[: position.head_len], self._tail
        mark = tail[len(tail) - position.mark_len :]
        is_it = not head or digest(head) == position.head_hash
        return is_it and (not mark or digest(mark) == position.mark_hash)

    def slow_down(self, size: int, lines: int) -> None:
        """Take so much at a time that a slice has SLICE_LINES lines at most."""
        self._limit = SLICE_BYTES
        if lines > SLICE_LINES:
            self._limit = max(MIN_SLICE_BYTES, size * SLICE_LINES // lines)

    def advanced(
        self, position: FilePosition, seen: os.stat_result, offset: int
    ) -> FilePosition:
        """Return *position* moved to *offset*, which lies in the last piece.

        Its size stays 0 until all of the file has been read.
        """
        head = self._head[: min(HEAD_BYTES, offset)]
        end = len(self._tail) - (self.reader.offset - offset)
        mark = self._tail[max(0, end - MARK_BYTES) : end]
        return FilePosition(
            generation=position.generation,
            dev=seen.st_dev,
            inode=seen.st_ino,
            offset=offset,
            head_len=len(head),
            head_hash=digest(head),
            mark_len=len(mark),
            mark_hash=digest(mark),
        )


class TranscriptText:
    """The text of a transcript from its start, compressed or not, for a second reading.

    *ended* is true once a read has found nothing more.
    """

    __slots__ = ("_fd", "_offset", "_path", "_reader", "ended")

    def __init__(self, path: str, fd: int) -> None:
        self._path, self._fd, self._offset = path, fd, 0
        self._reader = ZstdReader() if path.endswith(COMPRESSED) else None
        self.ended = False

    def read(self, size: int) -> bytes:
        """Return the next bytes, *size* at most; none at times in a compressed file.

        Raises:
            SourceError: A compressed file is damaged, or cut short.
            OSError: The disk failed.

        """
        if self._reader is not None:
            piece = self._reader.read(self._fd, self._path, size)
            self.ended = self._reader.ended
            if self.ended and self._reader.is_cut:
                raise SourceError(self._path, CUT_SHORT)

            return piece

        piece = os.pread(self._fd, size, self._offset)
        self._offset += len(piece)
        self.ended = not piece
        return piece


def _ended(position: FilePosition, seen: os.stat_result) -> FilePosition:
    """Return *position* as the end of the file *seen*."""
    return FilePosition(
        generation=position.generation,
        dev=seen.st_dev,
        inode=seen.st_ino,
        offset=position.offset,
        head_len=position.head_len,
        head_hash=position.head_hash,
        mark_len=position.mark_len,
        mark_hash=position.mark_hash,
        size=seen.st_size,
        mtime_ns=seen.st_mtime_ns,
    )


def _signature(seen: os.stat_result) -> tuple[int, int, int, int]:
    return (seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns)
