"""Reads files again, into the ledger only, if it lacks lines that were read before.

That is the case after an upgrade with a new parser version, when the database was
replaced, and when a file was truncated: the reader's memory belongs to lines after the
new end. Rows are merged, or replace those of an older parser, so it may stop at any time
and start again.
"""

import os
from collections.abc import Awaitable, Callable, Iterator
from itertools import islice
from typing import cast

import anyio
import anyio.to_thread
import structlog

from jarvisd.base.errors import SourceError
from jarvisd.core.agent import Agent
from jarvisd.core.block import Block, BlockMemory
from jarvisd.core.discovery.file_registry import FileRegistry
from jarvisd.core.discovery.progress import ImportProgress
from jarvisd.core.discovery.tracked_file import TrackedFile
from jarvisd.core.intake import Intake
from jarvisd.core.sources.blocking_source import BlockingSource
from jarvisd.core.sources.jsonlines.compressed_file import TranscriptText
from jarvisd.core.sources.jsonlines.handles import open_regular
from jarvisd.core.sources.jsonlines.identity import fits
from jarvisd.core.sources.jsonlines.lines import LineSplitter, Oversize, TextLine
from jarvisd.core.sources.jsonlines.stream import SLICE_LINES

log = structlog.get_logger()

SLICE_BYTES = 64 * 1024
"""Bytes that are read in one turn: less than a millisecond."""


class Rereader:
    """Reads the files of *file_registry* that the ledger lacks again, newest first."""

    def __init__(
        self,
        file_registry: FileRegistry,
        intake: Intake,
        progress: ImportProgress,
        *,
        wait_for_turn: Callable[[], Awaitable[object]],
    ) -> None:
        self._file_registry = file_registry
        self._intake = intake
        self._progress = progress
        self._wait_for_turn = wait_for_turn
        self._idle = anyio.Event()
        self._wanted = anyio.Event()

    async def run(self) -> None:
        """Read lacking files again, now and after each `request`, until cancelled."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._request_after_replacement)
            while True:
                self._wanted = anyio.Event()
                await self._read_all()
                if not self._wanted.is_set():
                    self._idle.set()

                await self._wanted.wait()

    def request(self) -> None:
        """Check soon for files that the ledger lacks: there is a new one."""
        if self._idle.is_set():
            self._idle = anyio.Event()

        self._wanted.set()

    async def wait_until_finished(self) -> None:
        """Wait until nothing is left to be read again."""
        await self._idle.wait()

    async def _request_after_replacement(self) -> None:
        while True:
            await self._intake.flusher.restarted.wait()
            self.request()

    async def _read_all(self) -> None:
        lacking = [each for each in self._file_registry if self._is_lacking(each)]
        lacking.sort(key=lambda tracked: tracked.mtime_ms)  # the last is read first
        now = self._intake.clock.monotonic()
        for tracked in lacking:
            self._progress.found(tracked.block.position.offset, now)

        if lacking:
            log.info("books.reread", files=len(lacking))

        while lacking:
            await self._read(lacking.pop())
            self._progress.finished()

    def _is_lacking(self, tracked: TrackedFile) -> bool:
        agent = self._intake.agent_named(tracked.block.origin.agent)
        if agent.only_counts or tracked.block.ended:
            return False

        blocks = (tracked.block, *tracked.streams.values())
        return any(each.must_be_reread(agent.version) for each in blocks)

    async def _read(self, tracked: TrackedFile) -> None:
        """Read one file again; an error is logged and costs only this file."""
        if not tracked.has_lines:
            await self._read_items(tracked)
            return

        try:
            fd = await anyio.to_thread.run_sync(open_regular, tracked.path)
        except (SourceError, OSError):
            return  # the next regular read fails as well, and reports it

        try:
            if tracked.is_compressed or fits(tracked.position, fd):
                await self._read_open(tracked, fd)
        except (SourceError, OSError) as exc:
            log.warning("books.reread_failed", path=tracked.path, reason=str(exc))
        finally:
            os.close(fd)

    async def _read_items(self, tracked: TrackedFile) -> None:
        """Read a source of another kind once, by a reader of its own on a thread."""
        agent = self._intake.agent_named(tracked.block.origin.agent)
        lacking = {
            stream: (
                block,
                agent.reader(block.reader_context(), b""),
                self._new_memory(block, agent),
            )
            for stream, block in {"": tracked.block, **tracked.streams}.items()
            if block.must_be_reread(agent.version)
        }
        lines = cast("BlockingSource", tracked.source).all_lines(agent.condense)
        try:
            while some := await anyio.to_thread.run_sync(_next_of, lines):
                for stream, line in some:
                    if stream in lacking:
                        block, reader, folded = lacking[stream]
                        self._intake.fold_again(block, [line], reader, folded)

                await self._wait_for_turn()
                await self._intake.flusher.catch_up()
        except (SourceError, OSError) as exc:
            log.warning("books.reread_failed", path=tracked.path, reason=str(exc))
            return

        for block, reader, folded in lacking.values():
            self._intake.reread(block, reader, folded)

    def _new_memory(self, block: Block, agent: Agent) -> BlockMemory:
        """Return the memory of a block of which no item was applied so far."""
        memory = self._intake.open_memory(block, agent.version, {})
        assert memory is not None, "no feature remembers blocks: nothing to read again"
        return memory

    async def _read_open(self, tracked: TrackedFile, fd: int) -> None:
        block = tracked.block
        agent = self._intake.agent_named(block.origin.agent)
        reader = agent.reader(block.reader_context(), b"")
        memory = self._new_memory(block, agent)
        generation = block.position.generation
        splitter = LineSplitter(condense=agent.condense)
        text = TranscriptText(tracked.path, fd)
        while block.position.generation == generation:
            left = block.position.offset - splitter.next_offset
            if left <= 0:
                self._intake.reread(block, reader, memory)
                return

            chunk = text.read(min(left, SLICE_BYTES))
            if text.ended:
                return  # truncated meanwhile: the next regular read handles that

            self._intake.fold_again(block, splitter.feed(chunk), reader, memory)
            self._progress.read(len(chunk))
            await self._wait_for_turn()
            await self._intake.flusher.catch_up()


def _next_of(
    lines: Iterator[tuple[str, TextLine | Oversize]],
) -> list[tuple[str, TextLine | Oversize]]:
    return list(islice(lines, SLICE_LINES))
