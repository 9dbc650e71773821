"""Decompresses zstd files in pieces, in bounded memory and time.

`backports.zstd` is imported with the first such file, since most users have none. A file
is never decompressed as a whole: a bomb of 122 kB expands to 4 GB. A decompressor keeps
the window of its frame in memory: 2 MiB at the level that agents use, MAX_WINDOW_LOG at
most.
"""

import os
import sys
from types import ModuleType
from typing import Any

from jarvisd.base.errors import SourceError

MAX_WINDOW_LOG = 25
"""32 MiB: more than any level needs except the two slowest."""

INPUT_BYTES = 16 * 1024
MAX_STEPS = 64
"""Steps without output before `read` returns, since frames may be empty."""

MAX_RATIO = 100
FREE_BYTES = 64 * 1024 * 1024
"""The text is limited to MAX_RATIO times the size of the file, or to FREE_BYTES if that is
more. Transcripts shrink to a fifth to a twentieth."""

TOO_LARGE = "expands to more than can be read"
WINDOW_TOO_LARGE = "needs more memory to be decompressed than is given to it"
DAMAGED = "cannot be decompressed: it is damaged, or no zstd file"

_zstd: ModuleType | None = None


class ZstdReader:
    """Decompresses the file of a descriptor from its first byte on.

    Attributes:
        offset: The offset of the next byte of text.
        given: The number of bytes that were read from the file.
        is_cut: Whether the file, as it is now, ends inside a frame.
        ended: Whether the file, as it is now, has no more text.

    """

    __slots__ = ("_frame", "_input", "_zstd", "ended", "given", "is_cut", "offset")

    def __init__(self) -> None:
        self._zstd = _library()
        self._frame: Any = None
        self._input = b""
        """Bytes that were read but not yet decompressed: the start of the next frame."""
        self.offset = self.given = 0
        self.is_cut = self.ended = False

    def read(self, fd: int, path: str, limit: int) -> bytes:
        """Return the next bytes of text, *limit* at most.

        The result is empty at the end, and after MAX_STEPS without output; *ended*
        distinguishes these.

        Raises:
            SourceError: The file at *path* is damaged, or expands beyond the limit.

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

            text = self._decompress(path, limit)
            if text:
                self.offset += len(text)
                self._check_size(fd, path)
                return text

        return b""

    def _decompress(self, path: str, limit: int) -> bytes:
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
    """Decompress *data*, the value of a row or field, to *limit* bytes at most.

    Raises:
        ValueError: It is longer, is cut short or damaged, or is more than one frame.

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
