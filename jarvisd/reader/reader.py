"""Pulls every transcript: discovery, a task per live block, and history in between.

Files that change are followed, each by a task of its own that sleeps until a watcher
or the scan wakes it. History is read by one task, newest files first. Turns keep a
gigabyte of history or one huge file from holding up a live line.
"""

import os
import stat
from collections.abc import Callable
from functools import partial

import anyio
from anyio import lowlevel
from anyio.abc import TaskGroup, TaskStatus

from jarvisd.accumulators.block import LIVE_MS, Block
from jarvisd.clock import MS_PER_S
from jarvisd.reader.catalogue import Catalogue
from jarvisd.reader.doubts import Doubts
from jarvisd.reader.history import History
from jarvisd.reader.intake import Intake
from jarvisd.reader.known import Known
from jarvisd.reader.progress import Progress
from jarvisd.reader.pull import Puller
from jarvisd.reader.survey import Survey
from jarvisd.reader.turns import Turns
from jarvisd.sources.handles import Handles
from jarvisd.sources.live_watch import LiveWatch
from jarvisd.sources.scan import Found, is_utf8
from jarvisd.sources.tree_watch import TreeWatch

TICK_S = 1.0
"""How often followed files and roots are looked at, if no watcher told of them."""

OLD_MS = 60_000
"""A file first seen with an older last change is history, read in its turn."""

STEP = 1000
"""So many known files are gone through before others get a turn."""


class Reader:
    """Reads every file that *survey* finds into the blocks of *intake*."""

    def __init__(self, survey: Survey, intake: Intake) -> None:
        self.blocks = intake.blocks
        self.survey = survey
        self.progress = Progress()
        self.handles = Handles()
        self.catalogue = Catalogue(intake.blocks, self.handles)
        self.puller = Puller(self.catalogue, self.handles, intake, self.progress)
        self.doubts = Doubts(intake.clock)
        self.live_watch = LiveWatch(self.hint, self._overflowed)
        self.tree_watch = TreeWatch(self.hint, survey.hurry)
        self._clock = intake.clock
        self._turns = Turns(self.puller, self.progress, self._clock)
        self._history = History(
            self.catalogue, self.handles, self._turns, self.progress, self._clock
        )
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
                    await self._scan(partial(self.found, historic=True))
                    self._group.start_soon(self._history.read)
                    self._group.start_soon(self.tree_watch.run, self.survey.roots)
                    await self._keep_looking()
        finally:
            self._group = None
            self.handles.close()

    async def sync(self) -> None:
        """Return once all that is on disk now has been read."""
        await self._scan(self.found)
        await self._turns.all_done(list(self.catalogue))

    async def _keep_looking(self) -> None:
        while True:
            await anyio.sleep(TICK_S)
            self._tick()
            if self.live_watch.error is not None:
                self.live_watch.retry(self._followers)

            if self.survey.roots_changed():
                self.tree_watch.restart()
                self.survey.hurry()

            if self.doubts.time_was_lost(TICK_S):
                self.survey.hurry()

            if self.survey.is_due():
                await self._scan(self._found_by_scan)

    async def _scan(self, found: Callable[[Found], object]) -> None:
        blind = self.live_watch.error or self.tree_watch.error or self.doubts.are_raised
        findings = await self.survey.scan(found, blind=bool(blind))
        for number, known in enumerate(self.catalogue):
            if known.path not in findings.paths and not known.block.ended:
                self._vanished(known)

            if number % STEP == STEP - 1:
                await lowlevel.checkpoint()

    def _vanished(self, known: Known) -> None:
        """Look where a file that the scan did not come across has gone."""
        if not self.survey.covers(known.path):
            self._followed.discard(known)
            self._turns.pass_by(known, known.wakes)
            if known.wake is not None:
                known.wake.set()
        elif not self.survey.findings.is_closed(known.path):
            self._wake(known)

    def hint(self, path: str) -> None:
        """Look at *path*, of which a watcher says that it may have changed."""
        located = self.survey.covers(path)
        if located is None:
            return

        known = self.catalogue.get(path)
        try:
            status = os.stat(path, follow_symlinks=False)
        except OSError:
            if known is not None and not known.block.ended:
                self._wake(known)
            return

        if known is not None:
            self._noticed(known, status)
        elif stat.S_ISREG(status.st_mode) and is_utf8(path):
            self.found(Found(located[0], path, located[1], status))

    def found(self, found: Found, *, historic: bool = False) -> bool:
        """Take note of a file: adopt it if it is new, read it if it has changed.

        *historic* says that all of it was there before we looked. Return whether
        there was anything new about it.
        """
        known = self.catalogue.get(found.path)
        if known is not None:
            return self._noticed(known, found.status, historic=historic)

        now_ms = self._clock.unix_ms()
        known = self.catalogue.adopt(found, now_ms)
        if known is None:
            return False

        if historic or now_ms - known.mtime_ms > OLD_MS:
            self._history.add(known)
        else:
            self._wake(known)

        if known.moved_from is not None:
            vacated, known.moved_from = known.moved_from, None
            self.hint(vacated)

        return True

    def _found_by_scan(self, found: Found) -> None:
        since_ms = self.survey.finished_ms or 0
        waits = self.catalogue.get(found.path)
        was_told = waits is not None and (waits.done < waits.wakes or waits.block.error)
        if not self.found(found) or was_told:
            return

        if self.doubts.should_have_been_told(found.status, since_ms):
            self.doubts.hints_were_lost()

    def _overflowed(self) -> None:
        self.doubts.hints_were_lost()
        self.survey.hurry()

    def _noticed(
        self, known: Known, status: os.stat_result, *, historic: bool = False
    ) -> bool:
        grew = status.st_size != known.size
        known.note(status)
        if not known.tail.changed(status) and known.block.error is None:
            return False

        if historic:
            self._history.add(known)
        elif grew or known.backlog_bytes is None:
            self._wake(known)  # else it waits for its turn in the backlog

        return True

    def _tick(self) -> None:
        """Look at every followed file, and let go of those that fell quiet."""
        now = self._clock.monotonic()
        for known in list(self._followed):
            try:
                changed = known.tail.changed(os.stat(known.path, follow_symlinks=False))
            except OSError:
                changed = not known.block.ended

            if changed:
                self._wake(known)
            elif now - known.woken_at > LIVE_MS / MS_PER_S and known.wake is not None:
                self._followed.discard(known)
                known.wake.set()

    def _wake(self, known: Known) -> None:
        known.wakes += 1
        known.woken_at = self._clock.monotonic()
        if known.wake is not None:
            self._followed.add(known)
            known.wake.set()
        elif self._group is not None:
            known.wake = anyio.Event()
            self._followed.add(known)
            self._group.start_soon(self._follow, known)

    async def _follow(self, known: Known) -> None:
        known.tail.remember(known.block.position)
        try:
            while known in self._followed:
                await self._follow_in(os.path.dirname(known.path), known)
        finally:
            known.wake = None
            known.tail.forget()
            self.handles.drop(known.path)

    async def _follow_in(self, folder: str, known: Known) -> None:
        """Read *known* whenever it is woken, as long as it lies in *folder*."""
        self._followers[folder] = self._followers.get(folder, 0) + 1
        try:
            while known in self._followed and os.path.dirname(known.path) == folder:
                self.live_watch.add(folder)
                known.wake = anyio.Event()
                await self._turns.drain(known, self._clock.monotonic())
                if known.block.ended and known.done == known.wakes:
                    self._followed.discard(known)
                else:
                    await known.wake.wait()
        finally:
            self._followers[folder] -= 1
            if not self._followers[folder]:
                del self._followers[folder]
                self.live_watch.remove(folder)
