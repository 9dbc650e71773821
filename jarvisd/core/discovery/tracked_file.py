"""One tracked source, and the block that it feeds."""

import asyncio
import os
from dataclasses import dataclass, field
from typing import cast

from jarvisd.core.block import Block
from jarvisd.core.discovery.links import REMEDIES
from jarvisd.core.source_views import SourceView
from jarvisd.core.sources.jsonlines.compressed_file import CompressedFile
from jarvisd.core.sources.jsonlines.identity import FilePosition
from jarvisd.core.sources.jsonlines.line_file import LineFile
from jarvisd.core.sources.jsonlines.tailed_file import TailedFile
from jarvisd.core.sources.source_slice import ScheduledSource


@dataclass(slots=True, eq=False)
class TrackedFile:
    """One tracked source, usually a file, and the block that it feeds.

    *wakes* counts how often it was found changed, *done* is the count up to which it has
    been read. *backlog_bytes* is the unread rest of its import, None if it is not queued.
    """

    block: Block
    source: ScheduledSource
    size: int = 0
    mtime_ms: int = 0
    historic_until: int = 0
    backlog_bytes: int | None = None
    wakes: int = 0
    done: int = 0
    woken_at: float = 0.0
    moved_from: str | None = None
    """Its former path, at which there may be another file by now."""
    wake: asyncio.Event | None = None
    """Set to wake the task that follows the file; None while no task does."""
    streams: dict[str, Block] = field(default_factory=dict)
    """The blocks of the sessions that the source carries, besides its own block."""
    has_condenser: bool = False
    """The source has a condenser for long lines."""
    is_at_rest: bool = False
    """The task sleeps, and has no read to finish."""
    scan: int = 0
    """The number of the last scan that found it."""
    hinted: bool = False
    """The watch of its folder has reported it, so it need not be checked periodically."""

    def __post_init__(self) -> None:
        """Set the source in the block, so that its lines can be read again."""
        self.block.source = self.source

    @property
    def path(self) -> str:
        """Return the current path."""
        return self.source.path

    @property
    def tail(self) -> TailedFile | CompressedFile:
        """Return the reader of a file of lines."""
        return cast("LineFile", self.source).tail

    def replace_tail(self, tail: TailedFile | CompressedFile) -> None:
        """Replace the reader of a file that was compressed or decompressed."""
        cast("LineFile", self.source).tail = tail
        self.has_condenser = False

    @property
    def has_lines(self) -> bool:
        """Whether it is a file of lines, rather than a source of another kind."""
        return isinstance(self.source, LineFile)

    @property
    def position(self) -> FilePosition:
        """Return the position in a file of lines, which its block holds."""
        return cast("FilePosition", self.block.position)

    @property
    def is_compressed(self) -> bool:
        """Whether its agent has compressed it, so that it does not grow."""
        return self.has_lines and isinstance(self.tail, CompressedFile)

    def note(self, status: os.stat_result) -> None:
        """Record size and mtime of the file."""
        self.size, self.mtime_ms = status.st_size, status.st_mtime_ns // 1_000_000

    def view(self) -> SourceView:
        """Return the source as shown by `sources.list`."""
        block = self.block
        return SourceView(
            agent=block.origin.agent,
            path=self.path,
            state=block.state,
            block_id=block.block_id if block.is_shown else None,
            offset=block.position.offset,
            size=self.size,
            partial_bytes=block.partial_bytes,
            generation=block.position.generation,
            error=block.error,
            remedy=REMEDIES.get(block.error or ""),
        )
