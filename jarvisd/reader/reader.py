"""Pulls every transcript: discovery, a task per live block, and history in between.

Files that change are followed, each by a task of its own that sleeps until a watcher
or the scan wakes it. History is read by one task, newest files first. Whoever has
more than one slice to read takes turns for each further slice, so that a gigabyte
of history or one huge file never keeps a live line waiting for longer than a slice.
"""

import heapq
import os
import stat
from collections.abc import Callable
from functools import partial

import anyio
import structlog
from anyio import lowlevel
from anyio.abc import TaskGroup, TaskStatus

from jarvisd.accumulators.block import LIVE_MS, Block
from jarvisd.clock import MS_PER_S
from jarvisd.errors import SourceError
from jarvisd.model.source import Tree
from jarvisd.reader.catalogue import Catalogue, Known, tree_of
from jarvisd.reader.intake import Intake
from jarvisd.reader.progress import Progress
from jarvisd.reader.rereader import Rereader
from jarvisd.reader.survey import Survey
from jarvisd.sources.file import Slice
from jarvisd.sources.handles import Handles
from jarvisd.sources.scan import Found, is_utf8, walk
from jarvisd.sources.watch import LiveWatch, TreeWatch

log = structlog.get_logger()

TICK_S = 1.0
"""How often followed files and roots are looked at, if no watcher told of them."""

TURN_S = 0.001
"""How long one file is read before others get a turn: what a live line may wait."""

OLD_MS = 60_000
"""A file first seen with an older last change is history, read in its turn."""


class Reader:
    """Reads every file that *survey* finds into the blocks of *intake*."""

    def __init__(self, survey: Survey, intake: Intake) -> None:
        self.blocks = intake.blocks
        self.survey = survey
        self.progress = Progress()
        self.handles = Handles()
        self.catalogue = Catalogue(intake.blocks, self.handles)
        self.live_watch = LiveWatch(self.live_hint, survey.hurry)
        self.tree_watch = TreeWatch(self.tree_hint, survey.hurry)
        self._intake = intake
        self._clock = intake.clock
        self._backlog: list[tuple[int, str]] = []
        self._backlog_grew = anyio.Event()
        self._bulk = anyio.Lock(fast_acquire=True)
        self.rereader = Rereader(
            self.catalogue, intake, self.progress, give_way=self._give_way
        )
        self._progressed = anyio.Event()
        self._awaited = 0
        self._followed: set[Known] = set()
        self._followers: dict[str, int] = {}
        self._group: TaskGroup | None = None

    def restore(self, block: Block) -> None:
        """Take in a block from the store; to be called before `run`."""
        self.catalogue.restore(block)

    async def run(
        self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED
    ) -> None:
        """Read until cancelled. Started before the first scan, which may take long."""
        try:
            with self.live_watch.opened():
                async with anyio.create_task_group() as self._group:
                    task_status.started()
                    self.survey.roots_changed()
                    await self._scan(partial(self.found, historic=True))
                    self._group.start_soon(self._read_history)
                    self._group.start_soon(self.rereader.run)
                    self._group.start_soon(self.tree_watch.run, self.survey.roots)
                    await lowlevel.checkpoint()
                    # What came between the first look and the watch has told nobody.
                    await self._scan(self.found)
                    await self._keep_looking()
        finally:
            self._group = None
            self.handles.close()

    async def sync(self) -> None:
        """Return once all that is on disk now has been read."""
        await self._scan(self.found)
        waiting = [(each, each.wakes) for each in self.catalogue]
        self._awaited += 1
        try:
            while waiting:
                known, ticket = waiting[-1]
                if known.done >= ticket:
                    waiting.pop()
                else:
                    await self._progressed.wait()
        finally:
            self._awaited -= 1

        await self.rereader.finished()

    async def _keep_looking(self) -> None:
        while True:
            await anyio.sleep(TICK_S)
            self._tick()
            roots_changed = self.survey.roots_changed()
            if roots_changed or self.tree_watch.misses(self.survey.roots()):
                self.tree_watch.restart()
                self.survey.hurry()

            if self.survey.is_due():
                await self._scan(self.found)

    async def _scan(self, found: Callable[[Found], None]) -> None:
        blind = self.live_watch.error or self.tree_watch.error
        findings = await self.survey.scan(found, blind=blind is not None)
        for known in self.catalogue:
            if known.path not in findings.paths and not known.block.ended:
                self._wake(known)

    def live_hint(self, path: str) -> None:
        """Wake the file at *path*, of which the watch of its folder tells."""
        known = self.catalogue.get(path)
        if known is not None and known.wake is not None:
            known.hinted = True
            self._wake(known)
        else:
            self._look_at(path, known)

    def tree_hint(self, path: str) -> None:
        """Look at *path*, unless the faster watch tells of it anyway."""
        known = self.catalogue.get(path)
        if known is None or known.wake is None or not known.hinted:
            self._look_at(path, known)

    def _look_at(self, path: str, known: Known | None) -> None:
        try:
            status = os.stat(path, follow_symlinks=False)
        except OSError:
            if known is not None and not known.block.ended:
                self._wake(known)
            return

        if known is not None:
            self._noticed(known, status)
            return

        located = tree_of(self.survey.trees, path)
        if located is None or self.survey.excluded(path):
            return

        tree, parts = located
        if not is_utf8(path):
            return

        if stat.S_ISREG(status.st_mode):
            self.found(Found(tree, path, parts, status))
        elif stat.S_ISDIR(status.st_mode) and tree.enters(parts) and self._group:
            self._group.start_soon(self._look_through, tree, parts)

    async def _look_through(self, tree: Tree, below: tuple[str, ...]) -> None:
        """Look through a new folder: what came before its watch has told nobody."""
        for folder in walk(tree, self.survey.excluded, below):
            for each in folder.files:
                self.found(each)
            await lowlevel.checkpoint()

    def found(self, found: Found, *, historic: bool = False) -> None:
        """Take note of a file: adopt it if it is new, read it if it has changed.

        *historic* says that all of it was there before we looked.
        """
        known = self.catalogue.get(found.path)
        if known is not None:
            self._noticed(known, found.status, historic=historic)
            return

        now_ms = self._clock.unix_ms()
        known = self.catalogue.adopt(found, now_ms)
        if known is not None and (historic or now_ms - known.mtime_ms > OLD_MS):
            self._queue(known)
        elif known is not None:
            self._wake(known)

    def _noticed(
        self, known: Known, status: os.stat_result, *, historic: bool = False
    ) -> None:
        grew = status.st_size != known.size
        known.note(status)
        if not known.tail.changed(status) and known.block.error is None:
            return

        if historic:
            self._queue(known)
        elif grew or known.backlog_bytes is None:
            self._wake(known)  # else it waits for its turn in the backlog

    def _tick(self) -> None:
        """Look at followed files that no watch tells of, and let go of quiet ones."""
        now = self._clock.monotonic()
        for known in list(self._followed):
            if not known.hinted:
                self._look_at(known.path, known)

            if now - known.woken_at > LIVE_MS / MS_PER_S and known.wake is not None:
                self._followed.discard(known)
                known.wake.set()

    def _queue(self, known: Known) -> None:
        known.wakes += 1
        if known.backlog_bytes is None:
            unread = max(0, known.size - known.block.position.offset)
            known.backlog_bytes, known.historic_until = unread, known.size
            self.progress.found(unread, self._clock.monotonic())
            heapq.heappush(self._backlog, (-known.mtime_ms, known.path))
            self._backlog_grew.set()

    def _wake(self, known: Known) -> None:
        known.wakes += 1
        known.woken_at = self._clock.monotonic()
        if known.wake is not None:
            known.wake.set()
        elif self._group is not None:
            known.wake = anyio.Event()
            self._followed.add(known)
            self._group.start_soon(self._follow, known)

    async def _follow(self, known: Known) -> None:
        folder = os.path.dirname(known.path)
        self._followers[folder] = self._followers.get(folder, 0) + 1
        try:
            while known in self._followed or known.done < known.wakes:
                self.live_watch.add(folder)
                known.wake = anyio.Event()
                await self._drain(known, self._clock.monotonic())
                await known.wake.wait()
        finally:
            known.wake, known.hinted = None, False
            known.tail.forget()
            known.block.rest()
            self._followers[folder] -= 1
            if not self._followers[folder]:
                del self._followers[folder]
                self.live_watch.remove(folder)

    async def _read_history(self) -> None:
        while True:
            self._backlog_grew = anyio.Event()
            began = self._clock.monotonic()
            while self._backlog:
                _, path = heapq.heappop(self._backlog)
                known = self.catalogue.get(path)
                if known is not None and known.backlog_bytes is not None:
                    began = await self._drain(known, began)
                    known.tail.forget()
                    known.block.rest()
                    self.handles.drop(path)

            await self._backlog_grew.wait()

    async def _drain(self, known: Known, began: float) -> float:
        """Read *known* to its end, giving way after each turn.

        *began* is when the turn began in which this is called; the return value when
        the one did in which it ends.
        """
        ticket = known.wakes
        more = True
        while more:
            more = self._take_slice(known)
            if self._clock.monotonic() - began >= TURN_S:
                began = await self._give_way()
                if known.backlog_bytes is not None and self._intake.flusher.is_behind:
                    await self._intake.flusher.catch_up()

        known.done = max(known.done, ticket)
        if known.backlog_bytes is not None:
            known.backlog_bytes = None
            self.progress.finished()

        if self._awaited:
            self._progressed.set()
            self._progressed = anyio.Event()

        return began

    async def _give_way(self) -> float:
        """Wait for a turn; return when it begins."""
        async with self._bulk:
            await lowlevel.checkpoint()

        return self._clock.monotonic()

    def _take_slice(self, known: Known) -> bool:
        """Read one slice of *known* and count it; return whether there is more.

        A bulkhead: whatever goes wrong in one file is told of that file alone.
        """
        block = known.block
        try:
            part = known.tail.read(block.position, self.handles)
            self._count(known, part)
        except SourceError as exc:
            self._intake.fail(block, exc.reason)
        except OSError as exc:
            self._intake.fail(block, exc.strerror or str(exc))
        except Exception:
            log.exception("block.crashed", block_id=block.block_id)
            self._intake.fail(block, "internal error; see the daemon's log")
        else:
            return part.more

        return False

    def _count(self, known: Known, part: Slice) -> None:
        block = known.block
        if not part.gone:
            self._intake.recover(block)

        historic = block.position.offset < known.historic_until
        block.bytes_read += part.read_bytes
        block.partial_bytes = part.partial_bytes
        if known.backlog_bytes is not None:
            self.progress.read(part.read_bytes)

        if part.lines or part.position != block.position:
            written_ms = known.mtime_ms if historic else None
            self._intake.fold(block, part.lines, part.position, written_ms=written_ms)

        if part.restarted:
            block.unread()
            known.historic_until = 0
            log.info("block.restarted", block_id=block.block_id)

        if part.gone:
            self._intake.end(block)
