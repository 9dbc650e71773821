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

from jarvisd.base.clock import next_tick
from jarvisd.blocks.block import Block
from jarvisd.core.discovery.fairness import Fairness
from jarvisd.core.discovery.file_registry import FileRegistry
from jarvisd.core.discovery.folder_watch import FolderWatch
from jarvisd.core.discovery.followers import Followers
from jarvisd.core.discovery.history import History
from jarvisd.core.discovery.live_watch import HAS_INOTIFY, LiveWatch
from jarvisd.core.discovery.progress import ImportProgress
from jarvisd.core.discovery.pull import SliceReader
from jarvisd.core.discovery.reconciler import Reconciler
from jarvisd.core.discovery.rereader import Rereader
from jarvisd.core.discovery.scan import ScanResult, is_utf8, walk
from jarvisd.core.discovery.tracked_file import TrackedFile
from jarvisd.core.discovery.tree_watch import TreeWatch
from jarvisd.core.discovery.watch_health import WatcherHealth
from jarvisd.core.intake import Intake
from jarvisd.core.publisher import TreesChanged
from jarvisd.core.roots import Tree
from jarvisd.core.sources.jsonlines.handles import Handles

TICK_S = 1.0
"""How often followed files and roots are looked at, if no watcher told of them."""

OLD_MS = 60_000
"""A file first seen with an older last change is history, read in its turn."""

STEP = 1000
"""So many known files are gone through before others get a turn."""


class Scheduler:
    """Reads every file that *survey* finds into the blocks of *intake*."""

    def __init__(self, survey: Reconciler, intake: Intake) -> None:
        self.blocks = intake.blocks
        self.survey = survey
        self.progress = ImportProgress()
        self.handles = Handles()
        self.catalogue = FileRegistry(
            intake.blocks, self.handles, intake.clock, self._tree_of
        )
        self.puller = SliceReader(
            self.catalogue, intake, self.progress, lacking=self._lacking
        )
        self.doubts = WatcherHealth(intake.clock)
        self.live_watch = LiveWatch(self.live_hint, self._overflowed)
        watch = FolderWatch if HAS_INOTIFY else TreeWatch
        self.tree_watch = watch(self.tree_hint, survey.hurry)
        self._clock = intake.clock
        self._turns = Fairness(self.puller, self.progress, intake.flusher, self._clock)
        self._followers = Followers(self.live_watch, self._turns, self._clock)
        self._history = History(
            self._turns, self._followers, self.progress, self._clock
        )
        self.rereader = Rereader(
            self.catalogue, intake, self.progress, give_way=self._turns.give_way
        )
        self._compressed: tuple[int, dict[str, list[str]]] = 0, {}
        self._group: TaskGroup | None = None

    def is_complete(self) -> bool:
        """Whether all that lay there when it was last looked has been read."""
        progress = self.progress.view(self._clock.monotonic())
        return self.survey.finished_ms is not None and not progress.files_total

    def compressed(self) -> dict[str, list[str]]:
        """Return compressed transcripts that cannot be read, by root.

        Looked up once after each scan: there may be thousands.
        """
        findings = self.survey.findings
        if self._compressed[0] != findings.number:
            unread = {
                root: [each for each in paths if self._is_unreadable(each)]
                for root, paths in findings.compressed.items()
            }
            self._compressed = findings.number, unread

        return self._compressed[1]

    def _is_unreadable(self, path: str) -> bool:
        known = self.catalogue.get(path)
        return known is not None and known.block.error is not None

    def restore(self, block: Block) -> None:
        """Restore a block from the store; to be called before `run`."""
        self.catalogue.restore(block)

    async def run(
        self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED
    ) -> None:
        """Read until cancelled. Started before the first scan, which may take long."""
        try:
            with self.live_watch.open():
                async with anyio.create_task_group() as self._group:
                    with self._followers.within(self._group):
                        task_status.started()
                        await self._read(self._group)
        finally:
            self._group = None
            self.handles.close()

    async def sync(self) -> None:
        """Return once all that is on disk now has been read."""
        await self._scan(self.found)
        await self._turns.all_done(list(self.catalogue))
        await self.rereader.finished()

    async def _read(self, group: TaskGroup) -> None:
        self.survey.roots_changed()
        await self._scan(partial(self.found, historic=True))
        group.start_soon(self._history.run)
        group.start_soon(self.rereader.run)
        group.start_soon(self.tree_watch.run, self.survey.roots)
        await lowlevel.checkpoint()
        # What came between the first look and the watch has told nobody.
        await self._scan(self.found)
        while True:
            before = self.doubts.clocks()
            pause_s = next_tick(before[0], TICK_S) - before[0]
            await anyio.sleep(pause_s)
            if self.doubts.time_was_lost(before, pause_s):
                self.survey.hurry()

            await self._tick()

    async def _tick(self) -> None:
        """Do what is due by time: no watcher is trusted to tell of all."""
        self._look_at_followed()
        self._followers.let_go_of_quiet()
        self._followers.retry_watch()
        roots_changed = self.survey.roots_changed()
        if roots_changed or self.tree_watch.misses(self.survey.roots_seen):
            self.tree_watch.restart()
            self.survey.hurry()

        if self.survey.is_due():
            await self._scan(self._found_by_scan)

    def _look_at_followed(self) -> None:
        """Look at followed files that no watch reports, or not all of their changes."""
        for known in self._followers:
            if known.hinted and not known.source.is_unsettled:
                continue

            # Nearly always there is nothing new, and then this is all that it costs.
            for path in known.source.paths:
                try:
                    status = os.stat(path, follow_symlinks=False)
                except OSError:
                    if path == known.path:
                        self._look_at(path, known)
                else:
                    if _is_news(known, status):
                        self._look_at(path, known)

    @property
    def _is_blind(self) -> bool:
        """Whether a watcher is known to be unable to report all changes."""
        return bool(self.live_watch.error or self.tree_watch.error)

    async def _scan(self, found: Callable[[ScanResult], object]) -> None:
        blind = self._is_blind or self.doubts.are_raised
        findings = await self.survey.scan(
            found, opening=self.handles.spare_one, blind=blind
        )
        for number, known in enumerate(self.catalogue):
            if known.scan < findings.number and not known.block.ended:
                self._vanished(known)

            if number % STEP == STEP - 1:
                await lowlevel.checkpoint()

    def _vanished(self, known: TrackedFile) -> None:
        """Look where a file that the scan did not come across has gone."""
        if not self.survey.covers(known.path):
            self._pass_over(known)
        elif not self.survey.findings.is_closed(known.path):
            self._followers.wake(known)

    def trees_changed(self, _: TreesChanged) -> None:
        """Read no more, from this moment on, of what is excluded now."""
        for known in self.catalogue:
            if self.survey.covers(known.path) is None:
                self._pass_over(known)

    def _pass_over(self, known: TrackedFile) -> None:
        self._turns.pass_by(known, known.wakes)
        self._followers.let_go(known)

    def live_hint(self, path: str) -> None:
        """Wake the file at *path*, of which the watch of its folder tells."""
        known = self.catalogue.get(path)
        if known is not None and known.wake is not None:
            known.hinted = True
            self._followers.wake(known)
        else:
            self._look_at(path, known)

    def tree_hint(self, path: str) -> None:
        """Look at *path*, unless the faster watch reports it anyway."""
        known = self.catalogue.get(path)
        if known is None or known.wake is None or not known.hinted:
            self._look_at(path, known)

    def _look_at(self, path: str, known: TrackedFile | None) -> None:
        if known is None:
            settled = self.survey.settled(path)
            if settled is None:
                return

            path, known = settled, self.catalogue.get(settled)

        located = self.survey.covers(path)
        if located is None:
            return

        try:
            status = os.stat(path, follow_symlinks=False)
        except OSError:
            suffix = located[0].compressed
            if suffix and os.path.lexists(path + suffix):
                packed = path + suffix
                self._look_at(packed, self.catalogue.get(packed))
            elif known is not None and not known.block.ended:
                self._followers.wake(known)
            return

        if known is not None:
            self._noticed(known, path, status)
        elif is_utf8(path):
            self._enter(path, *located, status)

    def _enter(
        self, path: str, tree: Tree, parts: tuple[str, ...], status: os.stat_result
    ) -> None:
        """Record what is new to us: a file, or a folder of files."""
        if stat.S_ISREG(status.st_mode):
            self.found(ScanResult(tree, path, parts[:-1], status))
        elif stat.S_ISDIR(status.st_mode) and tree.enters(parts) and self._group:
            self._group.start_soon(self._look_through, tree, parts)

    async def _look_through(self, tree: Tree, below: tuple[str, ...]) -> None:
        """Scan a new folder: what came before its watch was not reported."""
        excluded, opening = self.survey.excluded, self.handles.spare_one
        links = self.survey.links
        for folder in walk(tree, excluded, below, opening=opening, links=links):
            for each in folder.files:
                self.found(each)

            await lowlevel.checkpoint()

    def found(self, found: ScanResult, *, historic: bool = False) -> bool:
        """Record a file: adopt it if it is new, read it if it has changed.

        *historic* says that all of it was there before we looked. Return whether
        there was anything new about it.
        """
        known = self.catalogue.get(found.path)
        if known is not None:
            known.scan = self.survey.number
            return self._noticed(known, found.path, found.status, historic=historic)

        now_ms = self._clock.unix_ms()
        known = self.catalogue.adopt(found, now_ms)
        if known is None:
            return False

        known.scan = self.survey.number
        if historic or now_ms - known.mtime_ms > OLD_MS:
            self._history.add(known)
        else:
            self._followers.wake(known)

        if known.moved_from is not None:
            vacated, known.moved_from = known.moved_from, None
            self._look_at(vacated, self.catalogue.get(vacated))

        return True

    def _found_by_scan(self, found: ScanResult) -> None:
        known = self.catalogue.get(found.path)
        if known is not None and not _is_news(known, found.status):
            known.scan = self.survey.number
            if found.path == known.path:
                known.note(found.status)

            return

        since_ms = self.survey.finished_ms or 0
        was_told = known and (known.done < known.wakes or known.block.error is not None)
        if not self.found(found) or was_told or self._is_blind:
            return

        if self.doubts.should_have_been_told(found.status, since_ms):
            self.doubts.hints_were_lost()
            if known is not None:
                known.hinted = False  # not believed any more, until it is told of again

    def _noticed(
        self,
        known: TrackedFile,
        path: str,
        status: os.stat_result,
        *,
        historic: bool = False,
    ) -> bool:
        """Record a change of the file at *path*, which is *known* or a part of it."""
        grew = status.st_size != known.size
        if path == known.path:
            known.note(status)

        if not _is_news(known, status):
            return False

        if historic:
            self._history.add(known)
        elif grew or known.backlog_bytes is None:
            self._followers.wake(known)  # else it waits for its turn in the backlog

        return True

    def _tree_of(self, path: str) -> Tree | None:
        covered = self.survey.covers(path)
        return None if covered is None else covered[0]

    def _overflowed(self) -> None:
        for known in self._followers:
            known.hinted = False

        self.doubts.hints_were_lost()
        self.survey.hurry()

    def _lacking(self) -> None:
        self.rereader.hurry()


def _is_news(known: TrackedFile, status: os.stat_result) -> bool:
    """Whether *status* is a reason to read the file, or to try to once more."""
    return known.source.changed(status) or known.block.error is not None
