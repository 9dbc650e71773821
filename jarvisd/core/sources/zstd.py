"""Text out of zstd files, a piece at a time, in bounded memory and time.

`backports.zstd` is imported with the first such file: most users have none. Never is a
file decompressed whole: a bomb of 122 kB says 4 GB. A decompressor keeps the window of
its frame in memory: 2 MiB at the level that agents use, MAX_WINDOW_LOG at most.
"""

import os
import sys
from types import ModuleType
from typing import Any

from jarvisd.base.errors import SourceError

MAX_WINDOW_LOG = 25
"""32 MiB: more than any level needs but the two slowest, and than the tool's own limit
for files that it calls long."""

INPUT_BYTES = 16 * 1024
MAX_STEPS = 64
"""Without a byte of text, before others get a turn: frames may be empty."""

MAX_RATIO = 100
FREE_BYTES = 64 * 1024 * 1024
"""A file is read up to MAX_RATIO times its size, and up to this in any case. Transcripts
shrink to a fifth or a twentieth."""

TOO_LARGE = "expands to more than can be read"
WINDOW_TOO_LARGE = "needs more memory to be decompressed than is given to it"
DAMAGED = "cannot be decompressed: it is damaged, or no zstd file"

_zstd: ModuleType | None = None


class ZstdReader:
    """Decompresses the file behind a descriptor from its first byte on.

    Attributes:
        offset: Where the next byte of text stands.
        given: How much of the file was read.
        is_cut: Whether the file ends inside a frame, as far as it goes now.
        ended: Whether there is no more text in the file as it is now.

    """

    __slots__ = ("_frame", "_input", "_zstd", "ended", "given", "is_cut", "offset")

    def __init__(self) -> None:
        self._zstd = _library()
        self._frame: Any = None
        self._input = b""
        """Read and not given to the frame: the begin of the next one."""
        self.offset = self.given = 0
        self.is_cut = self.ended = False

    def read(self, fd: int, path: str, limit: int) -> bytes:
        """Return the next bytes of text, *limit* at most.

        None are returned at the end, and where others should get a turn before the
        next: *ended* tells which.

        Raises:
            SourceError: The file at *path* is damaged, or expands beyond all measure.

        """
        self.ended = False
        for _ in range(MAX_STEPS):
            if self._frame is not None and self._frame.eof:
                self._input, self._frame = self._frame.unused_data, None

            if not self._input and (self._frame is None or self._frame.needs_input):
                self._input = os.pread(fd, INPUT_BYTES, self.given)
                self.given += len(self._input)
                if not self._input:
                    self.ended, self.is_cut = True, self._frame is not None
                    return b""

            text = self._decompressed(path, limit)
            if text:
                self.offset += len(text)
                self._check_size(fd, path)
                return text

        return b""

    def _decompressed(self, path: str, limit: int) -> bytes:
        given, self._input = self._input, b""
        try:
            if self._frame is None:
                options = {
                    self._zstd.DecompressionParameter.window_log_max: MAX_WINDOW_LOG
                }
                self._frame = self._zstd.ZstdDecompressor(options=options)

            text: bytes = self._frame.decompress(given, max_length=limit)
        except self._zstd.ZstdError as exc:
            too_large = "too much memory" in str(exc)
            reason = WINDOW_TOO_LARGE if too_large else DAMAGED
            raise SourceError(path, reason) from exc

        return text

    def _check_size(self, fd: int, path: str) -> None:
        if self.offset <= FREE_BYTES:
            return

        if self.offset > MAX_RATIO * os.fstat(fd).st_size:
            raise SourceError(path, TOO_LARGE)


def decompress_value(data: bytes, limit: int) -> bytes:
    """Return what the value *data* of a row or field says, of *limit* bytes at most.

    Raises:
        ValueError: It says more, is cut short or damaged, or is more than one frame.

    """
    zstd = _library()
    options = {zstd.DecompressionParameter.window_log_max: MAX_WINDOW_LOG}
    frame = zstd.ZstdDecompressor(options=options)
    try:
        text: bytes = frame.decompress(data, max_length=limit + 1)
    except zstd.ZstdError as exc:
        raise ValueError(DAMAGED) from exc

    if len(text) > limit:
        raise ValueError(TOO_LARGE)

    if not frame.eof or frame.unused_data:
        raise ValueError(DAMAGED)

    return text


def _library() -> ModuleType:
    global _zstd  # noqa: PLW0603 - imported once, with the first file
    if _zstd is None:
        # Here, not above: 8 ms that most users never pay.
        if sys.version_info >= (3, 14):
            from compression import zstd  # noqa: PLC0415 - see above
        else:
            from backports import zstd  # noqa: PLC0415 - see above

        _zstd = zstd

    return _zstd
