"""Schedules a source that blocks: reads it on a thread, and returns items as lines.

A batch is fetched by `prepare`, returned by `read`, and applied after its lines were
counted, without an await in between, so that no flush stores a cursor without its counts.
"""

import hashlib
import os
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import NamedTuple

import anyio
import anyio.to_thread

from jarvisd.base.clock import Clock
from jarvisd.base.errors import SourceError
from jarvisd.core.roots import Position, SourceKind
from jarvisd.core.source import Batch, Budget, Fault, Item, Source
from jarvisd.core.sources.jsonlines.lines import (
    CONTINUATION,
    SHORT_BYTES,
    Condense,
    ItemLine,
    LongLine,
    Oversize,
    TextLine,
)
from jarvisd.core.sources.source_slice import SourceSlice, StreamSlice

MAX_READING = 4
"""Sources that are read at the same time, each on a thread."""

MAX_WAITS = 20
"""Pauses of RETRY_S for which `items` waits at most until a source settles."""

RETRY_S = 0.1


class LivePosition(Position, frozen=True, kw_only=True, gc=False):
    """The position of a source whose cursor is encoded only when it is stored."""

    source: Source

    def cursor(self) -> bytes:
        """Return the cursor of the source, which only `applied` moves."""
        return self.source.cursor()


class BlockingSource:
    """One source of *kind* at *path*, read on from *cursor*."""

    is_unsettled = False
    are_items = True

    @property
    def has_removed(self) -> bool:
        """Whether items were counted that the source does not have any more."""
        return bool(getattr(self._source, "has_removed", False))

    def __init__(
        self, path: str, kind: SourceKind, clock: Clock, cursor: bytes = b""
    ) -> None:
        self.condense: Condense | None = None
        self.path = path
        self.paths = (path, *(f"{path}{each}" for each in kind.beside))
        self.folders = self.paths if kind.is_folder else (os.path.dirname(path),)
        self.seen_bytes: int | None = None
        self.retry_s: float | None = None
        self._kind = kind
        self._clock = clock
        self._source = kind.open(path, clock, cursor)
        self._seen: dict[str, tuple[int, ...]] = {}
        self._fetched: tuple[Batch, dict[str, StreamSlice]] | None = None
        self._failure: Exception | None = None
        self._fault: Fault | None = None
        self._is_fetching = False
        self._lock: anyio.Lock | None = None
        self._limiter: anyio.CapacityLimiter | None = None

    def changed(self, seen: os.stat_result) -> bool:
        """Whether *seen* differs from the status at the last read."""
        if not self._kind.is_folder:
            return _signature(seen) not in self._seen.values()

        return _signatures(self._look()) != self._seen

    def is_ready(self) -> bool:
        """Whether a batch has been fetched."""
        return self._fetched is not None or self._failure is not None

    async def prepare(self) -> None:
        """Fetch the next batch on a thread, unless another caller just did."""
        if self._limiter is None or self._lock is None:
            self._limiter = anyio.CapacityLimiter(MAX_READING)
            self._lock = anyio.Lock()

        # Import and follower may read a source at once: a batch that both had fetched
        # would be applied twice.
        async with self._lock:
            if not self.is_ready():
                await self._prepare(self._limiter)

    async def _prepare(self, limiter: anyio.CapacityLimiter) -> None:
        self._is_fetching = True
        try:
            self._fetched = await anyio.to_thread.run_sync(
                self._fetch, abandon_on_cancel=True, limiter=limiter
            )
        except Exception as exc:  # `read` raises it, in the bulkhead of its source
            self._failure = exc
        # The thread of a cancelled fetch keeps running, and uses what it has open, so
        # `_is_fetching` stays True then.
        self._is_fetching = False

    def read(self, position: Position, now: float) -> SourceSlice[Position]:  # noqa: ARG002 - as other sources
        """Return the fetched batch as a slice after *position*."""
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

        if self._fetched is None:  # another caller has taken it
            return SourceSlice([], position, more=True, fault=self._fault)

        batch, streams = self._fetched
        self.retry_s, self._fault = batch.retry_s, batch.fault
        size, offset = self.seen_bytes or 0, position.offset
        if not batch.gone:
            # In bytes of its file, as for files of lines: its size, or any less.
            offset = min(size, max(1, offset)) if batch.more else size

        return SourceSlice(
            [],
            LivePosition(
                offset=offset,
                size=size,
                generation=position.generation,
                source=self._source,
            ),
            read_bytes=sum(len(each.body) for each in batch.items),
            more=batch.more,
            gone=batch.gone,
            fault=batch.fault,
            streams=streams,
        )

    def applied(self) -> None:
        """Move the cursor past the batch that was read last."""
        if self._fetched is not None:
            self._source.applied(self._fetched[0])
            self._fetched = None

    def remember(self, position: Position) -> None:
        """Do nothing: the cursor is the only state."""

    def forget(self) -> None:
        """Close the files and connections that the source keeps open."""
        if not self._is_fetching:
            _close(self._source)

    def lines(
        self, position: Position, condense: Condense
    ) -> Iterator[TextLine | Oversize]:
        """Yield the items of no stream, as the source is now."""
        return StreamLines(self, "").lines(position, condense)

    def last_lines(self, position: Position, count: int) -> list[str]:
        """Return the last *count* items of no stream, as the source is now."""
        return StreamLines(self, "").last_lines(position, count)

    def all_lines(
        self, condense: Condense
    ) -> Iterator[tuple[str, TextLine | Oversize]]:
        """Yield all items as the source is now, each with its stream."""
        return ((each.stream, line_of(each, condense)) for each in self.items())

    def items(self) -> Iterator[Item]:
        """Yield all items by a second source, so that live reading is not delayed.

        Raises:
            SourceError: The source cannot be read now.

        """
        source, waits = self._kind.open(self.path, self._clock, b""), 0
        try:
            while True:
                batch = source.read(Budget())
                if batch.fault is not None:
                    raise SourceError(self.path, batch.fault.reason)

                yield from batch.items
                source.applied(batch)
                if batch.retry_s is not None and not batch.items and waits < MAX_WAITS:
                    waits += 1
                    time.sleep(min(batch.retry_s, RETRY_S))  # noqa: TID251 - on a thread, until a writer is done
                elif not batch.more:
                    return
        finally:
            _close(source)

    def _look(self) -> dict[str, os.stat_result]:
        """Return the status of all that is read, as far as it is there."""
        seen = {}
        rewritten = getattr(self._source, "rewritten", tuple)
        for path in (*self.paths, *rewritten()):
            with suppress(OSError):
                seen[path] = os.stat(path, follow_symlinks=False)

        return seen

    def _fetch(self) -> tuple[Batch, dict[str, StreamSlice]]:
        """Return the next batch, and its items as lines by stream; on a thread."""
        seen = self._look()
        batch = self._source.read(Budget())
        streams: dict[str, StreamSlice] = {}
        for stream in batch.restarted:
            streams.setdefault(stream, StreamSlice()).restarted = True

        for each in batch.items:
            part = streams.setdefault(each.stream, StreamSlice())
            line = line_of(each, self.condense)
            part.lines.append(line)
            if each.replaces is not None:
                part.replaced.append(line.offset)
                part.replaced_chars += each.replaced_chars

        for stream, totals in batch.totals.items():
            streams.setdefault(stream, StreamSlice()).totals = totals

        for stream in batch.ended:
            streams.setdefault(stream, StreamSlice()).ended = True

        self._seen = _signatures(seen)
        if not batch.gone:
            self.seen_bytes = sum(each.st_size for each in seen.values())

        return batch, streams


class StreamLines(NamedTuple):
    """The lines of one stream of *source*, to be read again."""

    source: BlockingSource
    stream: str

    @property
    def are_items(self) -> bool:
        """Whether they are items: always."""
        return True

    @property
    def has_removed(self) -> bool:
        """Whether items were counted that the source does not have any more."""
        return self.source.has_removed

    def lines(
        self,
        position: Position,  # noqa: ARG002 - as other sources
        condense: Condense,
    ) -> Iterator[TextLine | Oversize]:
        """Yield the items of the stream as the source is now."""
        return (line_of(each, condense) for each in self._items())

    def last_lines(self, position: Position, count: int) -> list[str]:  # noqa: ARG002 - as other sources
        """Return the last *count* items of the stream as the source is now."""
        last = deque(self._items(), count)
        return [each.body.decode(errors="replace") for each in last]

    def _items(self) -> Iterator[Item]:
        return (each for each in self.source.items() if each.stream == self.stream)


def line_of(item: Item, condense: Condense | None) -> TextLine | Oversize:
    """Return *item* as a line whose offset is a hash of its key, unique like an offset."""
    key = hashlib.blake2b(item.ref.key.encode(), digest_size=8).digest()
    offset = int.from_bytes(key) >> 1
    text = item.body
    if condense is not None and len(text) > SHORT_BYTES:
        long = LongLine(condense())
        long.add(text)
        line = long.line(offset)
        if isinstance(line, Oversize):
            return Oversize(offset, item.chars)

        text = line.text

    chars = len(text.translate(None, CONTINUATION))
    omitted = item.chars - chars
    return ItemLine(offset, text, omitted, item.ref.key, item.written_ms)


def _close(source: Source) -> None:
    close = getattr(source, "close", None)  # of kinds that keep something open
    if close is not None:
        close()


def _signatures(seen: Mapping[str, os.stat_result]) -> dict[str, tuple[int, ...]]:
    return {path: _signature(status) for path, status in seen.items()}


def _signature(seen: os.stat_result) -> tuple[int, ...]:
    return (seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns)
