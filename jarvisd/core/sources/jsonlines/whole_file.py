"""Reads all lines of a file that is not followed, to reread it."""

import os
from collections.abc import Iterator

from jarvisd.core.sources.jsonlines.compressed_file import TranscriptText
from jarvisd.core.sources.jsonlines.handles import open_regular
from jarvisd.core.sources.jsonlines.lines import (
    Condense,
    LineSplitter,
    Oversize,
    TextLine,
)

_SLICE_BYTES = 256 * 1024


def lines_of(
    path: str, condense: Condense, *, end: int | None = None
) -> Iterator[TextLine | Oversize]:
    """Yield the complete lines of the file at *path* before the offset *end*.

    Without *end*, yield all lines, including a last one without a line end.

    Raises:
        SourceError: It is no regular file, or a damaged compressed one.
        OSError: The file cannot be opened or read.

    """
    fd = open_regular(path)
    try:
        splitter, text = LineSplitter(condense=condense), TranscriptText(path, fd)
        while end is None or splitter.next_offset < end:
            left = _SLICE_BYTES if end is None else end - splitter.next_offset
            chunk = text.read(min(left, _SLICE_BYTES))
            if text.ended:
                break

            yield from splitter.feed(chunk)

        last = splitter.finish() if end is None else None
        if last is not None:
            yield last
    finally:
        os.close(fd)
