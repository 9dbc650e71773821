"""Reads a transcript that its agent has compressed, as the text that it was.

Positions are offsets in the text, so that reading continues at the same position after
a transcript was compressed or decompressed. Decompression cannot start in the middle, so
the text that was counted is decompressed and skipped, and its head and mark are compared.
A compressed file does not grow: it is read once, and not followed.
"""

import os

from jarvisd.base.errors import SourceError
from jarvisd.core.sources.jsonlines.foreign import PROBE_BYTES, foreign_reason
from jarvisd.core.sources.jsonlines.handles import Handles
from jarvisd.core.sources.jsonlines.identity import (
    HEAD_BYTES,
    MARK_BYTES,
    FilePosition,
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
"""The suffix of a compressed transcript."""

TRUNCATED_S = 10.0
"""Seconds for which a file may end inside a frame, since it may be being written."""

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
        self._truncated_since: float | None = None

    @property
    def seen_bytes(self) -> int | None:
        """Return the size of the file when it was read; None before."""
        return None if self._known is None else self._known[2]

    def changed(self, seen: os.stat_result) -> bool:
        """Whether *seen* is a reason to read the file."""
        return _signature(seen) != self._known

    def assume_unchanged(self, position: FilePosition) -> None:
        """Assume that the file was read completely when *position* was stored."""
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
        """Return REWRITTEN: no other file continues a compressed one."""
        return FileVerdict.REWRITTEN, position

    def begin_at(self, _position: FilePosition) -> None:
        """Start again: decompression can only start at the beginning."""
        self._text = None

    def remember(self, _position: FilePosition) -> None:
        """Do nothing: an agent does not truncate a compressed file."""

    def forget(self) -> None:
        """Drop the decompressor."""
        self._text = None

    def rename(self, path: str) -> None:
        """Read the same file at another path."""
        self.path, self.moved_to = path, None
        self._known = None

    def read(self, position: FilePosition, handles: Handles, now: float) -> FileSlice:
        """Return the next slice after *position*, at the monotonic time *now*.

        Raises:
            SourceError: The file is not readable, damaged or truncated.
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
                return self._restart(position)

            splitter = text.splitter = LineSplitter(
                offset=position.offset, condense=self.condense
            )

        start = text.reader.offset
        piece = text.next(fd, min(left or self.slice_bytes, self.slice_bytes))
        if not piece and text.reader.ended:
            if text.reader.is_cut:
                return self._retry_later(text, position, now)

            if splitter is None:
                return self._restart(position)

            self._known, self._truncated_since = _signature(seen), None
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
            self._check_text(piece)

        lines = splitter.feed(piece)
        text.adjust_limit(len(piece), len(lines))
        if splitter.offset != position.offset:
            position = text.advanced(position, seen, splitter.offset)

        return FileSlice(
            lines,
            position,
            read_bytes=read_bytes,
            partial_bytes=splitter.partial_bytes,
            more=True,
        )

    def _check_text(self, piece: bytes) -> None:
        reason = foreign_reason(piece[:PROBE_BYTES])
        if reason is not None:
            raise SourceError(self.path, f"is compressed, and its content {reason}")

    def _restart(self, position: FilePosition) -> FileSlice:
        """Start from the beginning: the text is not the one that was counted."""
        self._text = None
        start = FilePosition(generation=position.generation + 1)
        return FileSlice([], start, restarted=True, more=True)

    def _retry_later(
        self, text: "_Text", position: FilePosition, now: float
    ) -> FileSlice:
        """Drop the decompressor, and start again at the next read.

        A decompressor may take 32 MiB, and a half-copied folder has many such files.
        """
        self._text = None
        if self._truncated_since is None:
            self._truncated_since = now

        if now - self._truncated_since >= TRUNCATED_S:
            self._truncated_since = None
            raise SourceError(self.path, CUT_SHORT)

        partial_bytes = text.splitter.partial_bytes if text.splitter else 0
        return FileSlice([], position, partial_bytes=partial_bytes)

    def _stop(self, handles: Handles) -> None:
        self._text = None
        handles.drop(self.path)


class _Text:
    """The text of a file so far, with head and tail to compare with a position."""

    __slots__ = ("_head", "_limit", "_path", "_tail", "reader", "splitter")

    def __init__(self, path: str) -> None:
        self.reader = ZstdReader()
        self.splitter: LineSplitter | None = None
        """Set once the text that was counted has been skipped."""
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
        """Whether the text so far has head and mark of *position*, and ends there."""
        head, tail = self._head[: position.head_len], self._tail
        mark = tail[len(tail) - position.mark_len :]
        is_it = not head or digest(head) == position.head_hash
        return is_it and (not mark or digest(mark) == position.mark_hash)

    def adjust_limit(self, size: int, lines: int) -> None:
        """Set the size of the next piece, so that it has about SLICE_LINES lines."""
        self._limit = SLICE_BYTES
        if lines > SLICE_LINES:
            self._limit = max(MIN_SLICE_BYTES, size * SLICE_LINES // lines)

    def advanced(
        self, position: FilePosition, seen: os.stat_result, offset: int
    ) -> FilePosition:
        """Return *position* moved to *offset*, which is in the last piece.

        Its size stays 0 until the whole file has been read.
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
    """The text of a transcript from its start, compressed or not, for rereading.

    *ended* is True after a read at the end.
    """

    __slots__ = ("_fd", "_offset", "_path", "_reader", "ended")

    def __init__(self, path: str, fd: int) -> None:
        self._path, self._fd, self._offset = path, fd, 0
        self._reader = ZstdReader() if path.endswith(COMPRESSED) else None
        self.ended = False

    def read(self, size: int) -> bytes:
        """Return the next bytes, *size* at most; may be empty before the end.

        Raises:
            SourceError: A compressed file is damaged or truncated.
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
