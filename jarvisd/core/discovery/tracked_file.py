"""One source that is known, and the block it feeds."""

import asyncio
import os
from dataclasses import dataclass, field
from typing import cast

from jarvisd.blocks.block import Block
from jarvisd.core.discovery.links import REMEDIES
from jarvisd.core.roots import SourceView
from jarvisd.core.sources.jsonlines.compressed_file import CompressedFile
from jarvisd.core.sources.jsonlines.file_position import FilePosition
from jarvisd.core.sources.jsonlines.line_file import LineFile
from jarvisd.core.sources.jsonlines.tailed_file import TailedFile
from jarvisd.core.sources.source_slice import ScheduledSource


@dataclass(slots=True, eq=False)
class TrackedFile:
    """One source that is read, a file as a rule, and the block it feeds.

    *wakes* counts how often it was found changed, *done* up to which of these it has
    been read. *backlog_bytes* is what is left of its history, None when none was.
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
    """Its former path, at which there may be a file of its own by now."""
    wake: asyncio.Event | None = None
    """Set to wake the task that follows the file; None while no task does."""
    streams: dict[str, Block] = field(default_factory=dict)
    """The blocks of the sessions that the source carries, besides its own block."""
    has_condenser: bool = False
    """The source knows what becomes of its long lines."""
    is_at_rest: bool = False
    """The task sleeps, and has no reading to finish."""
    scan: int = 0
    """The number of the last scan that came across it."""
    hinted: bool = False
    """The watch of its folder has told of it, so it need not be looked at by time."""

    def __post_init__(self) -> None:
        """Store in the block where its lines can be read again."""
        self.block.source = self.source

    @property
    def path(self) -> str:
        """Return where the file is now."""
        return self.source.path

    @property
    def tail(self) -> TailedFile | CompressedFile:
        """Return what reads a file of lines."""
        return cast("LineFile", self.source).tail

    def replace_tail(self, tail: TailedFile | CompressedFile) -> None:
        """Read a file of lines on by *tail*: it was compressed, or is unpacked again."""
        cast("LineFile", self.source).tail = tail
        self.has_condenser = False

    @property
    def has_lines(self) -> bool:
        """Whether it is a file of lines, and not of another kind."""
        return isinstance(self.source, LineFile)

    @property
    def position(self) -> FilePosition:
        """Return how far a file of lines was read, as its block holds it."""
        return cast("FilePosition", self.block.position)

    @property
    def is_compressed(self) -> bool:
        """Whether its agent has compressed it, so that no more comes."""
        return self.has_lines and isinstance(self.tail, CompressedFile)

    def note(self, status: os.stat_result) -> None:
        """Remember how large and how old the file was seen to be."""
        self.size, self.mtime_ms = status.st_size, status.st_mtime_ns // 1_000_000

    def view(self) -> SourceView:
        """Return it as `sources.list` shows it."""
        block = self.block
        return SourceView(
            agent=block.origin.agent,
            path=self.path,
            state=block.state,
            block_id=block.block_id,
            offset=block.position.offset,
            size=self.size,
            partial_bytes=block.partial_bytes,
            generation=block.position.generation,
            error=block.error,
            remedy=REMEDIES.get(block.error or ""),
        )
