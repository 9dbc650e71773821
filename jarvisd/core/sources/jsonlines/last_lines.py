"""The last lines of a file, found from its end."""

import os
from collections import deque

from jarvisd.core.sources.jsonlines.compressed_file import COMPRESSED, TranscriptText
from jarvisd.core.sources.jsonlines.handles import open_regular
from jarvisd.core.sources.jsonlines.lines import is_blank

STEP_BYTES = 64 * 1024
MAX_BYTES = 8 * 1024 * 1024
"""Looked at most, so that the tail of a file of huge lines is short, not slow."""


def last_lines(path: str, end: int, count: int) -> list[str]:
    """Return the last *count* lines of *path* before offset *end* that are not blank.

    Fewer if the file has fewer, or if they are more than MAX_BYTES. Bytes that are
    not UTF-8 are replaced.

    Raises:
        FileNotFoundError: It is gone.
        SourceError: It may not be read.

    """
    fd = open_regular(path)
    try:
        is_compressed = path.endswith(COMPRESSED)
        tail = _end_of_text(path, fd, end) if is_compressed else _tail(fd, end, count)
    finally:
        os.close(fd)

    lines = [each for each in tail.split(b"\n") if not is_blank(each)]
    return [
        each.lstrip(b"\0").removesuffix(b"\r").decode(errors="replace")
        for each in lines[-count:]
    ]


def _end_of_text(path: str, fd: int, end: int) -> bytes:
    """Return whole lines of compressed text before *end*, which has to be gone through."""
    text, pieces, offset, held = TranscriptText(path, fd), deque[bytes](), 0, 0
    while offset < end and not text.ended:
        pieces.append(text.read(min(STEP_BYTES, end - offset)))
        offset += len(pieces[-1])
        held += len(pieces[-1])
        while held > MAX_BYTES:
            held -= len(pieces.popleft())

    tail = b"".join(pieces)
    return tail if held == offset else tail[tail.find(b"\n") + 1 :]


def _tail(fd: int, end: int, count: int) -> bytes:
    """Return whole lines, at least *count* that are not blank where there are."""
    start, tail = end, b""
    while start and len(tail) < MAX_BYTES:
        step = min(STEP_BYTES, start)
        start -= step
        tail = os.pread(fd, step, start) + tail
        first = tail.find(b"\n") + 1 if start else 0
        if sum(1 for each in tail[first:].split(b"\n") if not is_blank(each)) >= count:
            return tail[first:]

    return tail[tail.find(b"\n") + 1 :] if start else tail
