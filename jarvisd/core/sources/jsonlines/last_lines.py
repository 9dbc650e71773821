"""Reads the last lines of a file, from its end."""

import os
from collections import deque

from jarvisd.core.sources.jsonlines.compressed_file import COMPRESSED, TranscriptText
from jarvisd.core.sources.jsonlines.handles import open_regular
from jarvisd.core.sources.jsonlines.lines import is_blank

STEP_BYTES = 64 * 1024
MAX_BYTES = 8 * 1024 * 1024
"""Bytes that are read at most: the tail of a file of huge lines is short, not slow."""


def last_lines(path: str, end: int, count: int) -> list[str]:
    """Return the last *count* lines of *path* before offset *end* that are not blank.

    They are fewer if the file has fewer, or if they exceed MAX_BYTES. Bytes that are not
    UTF-8 are replaced.

    Raises:
        FileNotFoundError: The file does not exist.
        SourceError: The file is not readable.

    """
    fd = open_regular(path)
    try:
        is_compressed = path.endswith(COMPRESSED)
        tail = (
            _compressed_tail(path, fd, end) if is_compressed else _tail(fd, end, count)
        )
    finally:
        os.close(fd)

    lines = [each for each in tail.split(b"\n") if not is_blank(each)]
    return [
        each.lstrip(b"\0").removesuffix(b"\r").decode(errors="replace")
        for each in lines[-count:]
    ]


def _compressed_tail(path: str, fd: int, end: int) -> bytes:
    """Return the complete lines before *end*; all text before is decompressed."""
    text, pieces, offset, size = TranscriptText(path, fd), deque[bytes](), 0, 0
    while offset < end and not text.ended:
        pieces.append(text.read(min(STEP_BYTES, end - offset)))
        offset += len(pieces[-1])
        size += len(pieces[-1])
        while size > MAX_BYTES:
            size -= len(pieces.popleft())

    tail = b"".join(pieces)
    return tail if size == offset else tail[tail.find(b"\n") + 1 :]


def _tail(fd: int, end: int, count: int) -> bytes:
    """Return complete lines, with at least *count* that are not blank if possible."""
    start, tail = end, b""
    while start and len(tail) < MAX_BYTES:
        step = min(STEP_BYTES, start)
        start -= step
        tail = os.pread(fd, step, start) + tail
        first = tail.find(b"\n") + 1 if start else 0
        if sum(1 for each in tail[first:].split(b"\n") if not is_blank(each)) >= count:
            return tail[first:]

    return tail[tail.find(b"\n") + 1 :] if start else tail
