"""One transcript file that is known, and the block it feeds."""

import asyncio
import os
from dataclasses import dataclass
from typing import cast

from jarvisd.blocks.block import Block
from jarvisd.core.discovery.links import REMEDIES
from jarvisd.core.roots import SourceView
from jarvisd.core.sources.jsonlines.compressed_file import COMPRESSED, CompressedFile
from jarvisd.core.sources.jsonlines.file_position import FilePosition
from jarvisd.core.sources.jsonlines.tailed_file import TailedFile


@dataclass(slots=True, eq=False)
class TrackedFile:
    """One transcript file and the block it feeds.

    *wakes* counts how often it was found changed, *done* up to which of these it has
    been read. *backlog_bytes* is what is left of its history, None when none was.
    """

    block: Block
    tail: TailedFile | CompressedFile
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
    is_at_rest: bool = False
    """The task sleeps, and has no reading to finish."""
    scan: int = 0
    """The number of the last scan that came across it."""
    hinted: bool = False
    """The watch of its folder has told of it, so it need not be looked at by time."""

    @property
    def path(self) -> str:
        """Return where the file is now."""
        return self.tail.path

    @property
    def position(self) -> FilePosition:
        """Return how far the file was read: the position that its block holds."""
        return cast("FilePosition", self.block.position)

    @property
    def is_compressed(self) -> bool:
        """Whether its agent has compressed it, so that no more comes."""
        return isinstance(self.tail, CompressedFile)

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


def open_tail(path: str) -> TailedFile | CompressedFile:
    """Return the reader of the file at *path*."""
    return CompressedFile(path) if path.endswith(COMPRESSED) else TailedFile(path)
