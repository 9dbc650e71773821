"""All lines of a file that is not followed: for reading it once more."""

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
    """Yield the lines of the file at *path* that are complete before its offset *end*.

    Without *end* that is all of the file, with a last line that has no line end.

    Raises:
        SourceError: It is no regular file, or a compressed one that is damaged.
        OSError: It cannot be opened or read.

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
