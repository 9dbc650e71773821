"""Schedules the reading of all files: live ones first, then the initial import.

Files that change are followed, each by its own task that sleeps until a watcher or the
scan wakes it. The import is read by one task, newest files first. Reading takes turns,
so that neither a gigabyte of history nor one huge file delays a live line.
"""

import os
import stat
from collections.abc import Callable
from functools import partial

import anyio
from anyio import lowlevel
from anyio.abc import TaskGroup, TaskStatus

from jarvisd.base.clock import next_tick
from jarvisd.core.block import Block
from jarvisd.core.discovery.fairness import Fairness
from jarvisd.core.discovery.file_registry import FileRegistry
from jarvisd.core.discovery.followers import Followers
from jarvisd.core.discovery.history import History
from jarvisd.core.discovery.inotify_files import HAS_INOTIFY, LiveWatch
from jarvisd.core.discovery.inotify_folders import FolderWatch
from jarvisd.core.discovery.progress import ImportProgress
from jarvisd.core.discovery.reconciler import Reconciler
from jarvisd.core.discovery.rereader import Rereader
from jarvisd.core.discovery.scan import ScanResult, is_utf8, walk
from jarvisd.core.discovery.slice_reader import SliceReader
from jarvisd.core.discovery.tracked_file import TrackedFile
from jarvisd.core.discovery.watch_health import WatcherHealth
from jarvisd.core.discovery.watchfiles_folders import TreeWatch
from jarvisd.core.intake import Intake
from jarvisd.core.publisher import TreesChanged
from jarvisd.core.roots import Tree
from jarvisd.core.sources.jsonlines.handles import Handles

TICK_S = 1.0
"""Seconds between checks of roots, and of followed files that no watcher reports."""

HISTORY_AGE_MS = 60_000
"""A new file whose last change is older is imported as history, in its turn."""

BATCH = 1000
"""Files that are checked between two checkpoints."""


class Scheduler:
    """Reads every file that *reconciler* finds into the blocks of *intake*."""

    def __init__(self, reconciler: Reconciler, intake: Intake) -> None:
        self.blocks = intake.blocks
        self.reconciler = reconciler
        self.progress = ImportProgress()
        self.handles = Handles()
        self.file_registry = FileRegistry(
            intake.blocks, self.handles, intake.clock, reconciler.covers
        )
        self.slice_reader = SliceReader(
            self.file_registry,
            intake,
            self.progress,
            self.handles,
            request_reread=self._request_reread,
        )
        self.watcher_health = WatcherHealth(intake.clock)
        self.live_watch = LiveWatch(self.live_hint, self._handle_overflow)
        watch = FolderWatch if HAS_INOTIFY else TreeWatch
        self.tree_watch = watch(self.tree_hint, reconciler.request_scan)
        self._clock = intake.clock
        self._fairness = Fairness(
            self.slice_reader, self.progress, intake.flusher, self._clock
        )
        self._followers = Followers(self.live_watch, self._fairness, self._clock)
        self._history = History(
            self.slice_reader,
            self._fairness,
            self._followers,
            self.progress,
            self._clock,
        )
        self.rereader = Rereader(
            self.file_registry,
            intake,
            self.progress,
            wait_for_turn=self._fairness.wait_for_turn,
        )
        self._compressed: tuple[int, dict[str, list[str]]] = 0, {}
        self._group: TaskGroup | None = None

    def is_complete(self) -> bool:
        """Whether all files that the last scan found have been read."""
        progress = self.progress.view(self._clock.monotonic())
        return self.reconciler.finished_ms is not None and not progress.files_total

    def compressed(self) -> dict[str, list[str]]:
        """Return compressed transcripts that cannot be read, by root.

        The result is computed once for each scan, since there may be thousands.
        """
        findings = self.reconciler.findings
        if self._compressed[0] != findings.number:
            unread = {
                root: [each for each in paths if self._is_unreadable(each)]
                for root, paths in findings.compressed.items()
            }
            self._compressed = findings.number, unread

        return self._compressed[1]

    def _is_unreadable(self, path: str) -> bool:
        tracked = self.file_registry.get(path)
        return tracked is not None and tracked.block.error is not None

    def restore(self, block: Block) -> None:
        """Restore a block from the store; call it before `run`."""
        self.file_registry.restore(block)

    async def run(
        self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED
    ) -> None:
        """Read until cancelled. Reports its start before the first scan, which is slow."""
        try:
            with self.live_watch.open():
                async with anyio.create_task_group() as self._group:
                    with self._followers.starting_tasks_in(self._group):
                        task_status.started()
                        await self._read(self._group)
        finally:
            self._group = None
            self.handles.close()

    async def sync(self) -> None:
        """Wait until everything that is on disk now has been read."""
        await self._scan(self.record_found)
        await self._fairness.wait_until_read(list(self.file_registry))
        await self.rereader.wait_until_finished()

    async def _read(self, group: TaskGroup) -> None:
        self.reconciler.roots_changed()
        await self._scan(partial(self.record_found, historic=True))
        group.start_soon(self._history.run)
        group.start_soon(self._reread_lacking)
        group.start_soon(self.tree_watch.run, self.reconciler.roots)
        await lowlevel.checkpoint()
        # Files that came between the first scan and the watch were not reported.
        await self._scan(self.record_found)
        while True:
            before = self.watcher_health.read_clocks()
            pause_s = next_tick(before[0], TICK_S) - before[0]
            await anyio.sleep(pause_s)
            if self.watcher_health.has_lost_time(before, pause_s):
                self.reconciler.request_scan()

            await self._tick()

    async def _reread_lacking(self) -> None:
        """Start reading again once it is known which logs are gone.

        The ledger keeps what those counted, whatever a copy in another log says.
        """
        number = self.reconciler.number
        missing = [each for each in self.file_registry if each.scan < number]
        await self._fairness.wait_until_read(missing)
        await self.rereader.run()

    async def _tick(self) -> None:
        """Run the periodic checks, since no watcher is trusted to report everything."""
        self._check_followed()
        self._followers.unfollow_quiet()
        self._followers.retry_watch()
        roots_changed = self.reconciler.roots_changed()
        if roots_changed or self.tree_watch.has_unwatched(self.reconciler.roots_seen):
            self.tree_watch.restart()
            self.reconciler.request_scan()

        if self.reconciler.is_due():
            await self._scan(self._record_scanned)

    def _check_followed(self) -> None:
        """Check followed files whose changes no watch reports, or not all of them."""
        for tracked in self._followers:
            if tracked.hinted and not tracked.source.is_unsettled:
                continue

            # Nearly always nothing has changed; the cost is one stat for each path.
            for path in tracked.source.paths:
                try:
                    status = os.stat(path, follow_symlinks=False)
                except OSError:
                    if path == tracked.path:
                        self._check_path(path, tracked)
                else:
                    if _needs_reading(tracked, status):
                        self._check_path(path, tracked)

    @property
    def _is_degraded(self) -> bool:
        """Whether a watcher is known to be unable to report all changes."""
        return bool(self.live_watch.error or self.tree_watch.error)

    async def _scan(self, found: Callable[[ScanResult], object]) -> None:
        degraded = self._is_degraded or self.watcher_health.has_recent_losses
        findings = await self.reconciler.scan(
            found,
            before_open=self.handles.free_one,
            source_of=self.file_registry.source_of,
            degraded=degraded,
        )
        for number, tracked in enumerate(self.file_registry):
            if tracked.scan < findings.number and not tracked.block.ended:
                self._check_missing(tracked)

            if number % BATCH == BATCH - 1:
                await lowlevel.checkpoint()

    def _check_missing(self, tracked: TrackedFile) -> None:
        """Check a file that the scan did not find: it is excluded, moved or deleted."""
        if not self.reconciler.covers(tracked.path):
            self._stop_reading(tracked)
        elif not self.reconciler.findings.is_unreadable(tracked.path):
            self._followers.wake(tracked)

    def trees_changed(self, _: TreesChanged) -> None:
        """Stop reading the files that are excluded now, at once."""
        for tracked in self.file_registry:
            if self.reconciler.covers(tracked.path) is None:
                self._stop_reading(tracked)

    def _stop_reading(self, tracked: TrackedFile) -> None:
        self._fairness.mark_done(tracked, tracked.wakes)
        self._followers.unfollow(tracked)

    def live_hint(self, path: str) -> None:
        """Wake the file at *path*, which the watch of its folder reports."""
        tracked = self.file_registry.get(path)
        if tracked is not None and tracked.wake is not None:
            tracked.hinted = True
            self._followers.wake(tracked)
        else:
            self._check_path(path, tracked)

    def tree_hint(self, path: str) -> None:
        """Check *path*, unless the faster watch of its folder reports it anyway."""
        tracked = self.file_registry.get(path)
        if tracked is None or tracked.wake is None or not tracked.hinted:
            self._check_path(path, tracked)

    def _check_path(self, path: str, tracked: TrackedFile | None) -> None:
        if tracked is None:
            real_path = self.reconciler.resolve_path(path)
            if real_path is None:
                return

            path, tracked = real_path, self.file_registry.get(real_path)

        located = self.reconciler.covers(path)
        if located is None:
            return

        try:
            status = os.stat(path, follow_symlinks=False)
        except OSError:
            suffix = located[0].compressed
            if suffix and os.path.lexists(path + suffix):
                packed = path + suffix
                self._check_path(packed, self.file_registry.get(packed))
            elif tracked is not None and not tracked.block.ended:
                self._followers.wake(tracked)
            return

        if tracked is not None:
            self._record_change(tracked, path, status)
        elif is_utf8(path):
            self._add_new(path, *located, status)

    def _add_new(
        self, path: str, tree: Tree, parts: tuple[str, ...], status: os.stat_result
    ) -> None:
        """Record a new file, or scan a new folder."""
        if stat.S_ISREG(status.st_mode):
            self.record_found(ScanResult(tree, path, parts[:-1], status))
        elif stat.S_ISDIR(status.st_mode) and tree.enters(parts) and self._group:
            self._group.start_soon(self._scan_folder, tree, parts)

    async def _scan_folder(self, tree: Tree, below: tuple[str, ...]) -> None:
        """Scan a new folder, since files that came before its watch were not reported."""
        excluded, before_open = self.reconciler.excluded, self.handles.free_one
        links = self.reconciler.links
        for folder in walk(tree, excluded, below, before_open=before_open, links=links):
            for each in folder.files:
                self.record_found(each)

            await lowlevel.checkpoint()

    def record_found(self, found: ScanResult, *, historic: bool = False) -> bool:
        """Record a file: adopt it if it is new, read it if it has changed.

        *historic* means that it existed before the daemon started. Return True if the
        file was new or changed.
        """
        tracked = self.file_registry.get(found.path)
        if tracked is not None:
            tracked.scan = self.reconciler.number
            return self._record_change(
                tracked, found.path, found.status, historic=historic
            )

        now_ms = self._clock.unix_ms()
        tracked = self.file_registry.adopt(found, now_ms)
        if tracked is None:
            return False

        tracked.scan = self.reconciler.number
        if historic or now_ms - tracked.mtime_ms > HISTORY_AGE_MS:
            self._history.add(tracked)
        else:
            self._followers.wake(tracked)

        if tracked.moved_from is not None:
            vacated, tracked.moved_from = tracked.moved_from, None
            self._check_path(vacated, self.file_registry.get(vacated))

        return True

    def _record_scanned(self, found: ScanResult) -> None:
        tracked = self.file_registry.get(found.path)
        if tracked is not None and not _needs_reading(tracked, found.status):
            tracked.scan = self.reconciler.number
            if found.path == tracked.path:
                tracked.note(found.status)

            return

        since_ms = self.reconciler.finished_ms or 0
        is_pending = tracked and (
            tracked.done < tracked.wakes or tracked.block.error is not None
        )
        if not self.record_found(found) or is_pending or self._is_degraded:
            return

        if self.watcher_health.should_have_had_hint(found.status, since_ms):
            self.watcher_health.record_lost_hints()
            if tracked is not None:
                tracked.hinted = False  # its watch is not trusted until its next hint

    def _record_change(
        self,
        tracked: TrackedFile,
        path: str,
        status: os.stat_result,
        *,
        historic: bool = False,
    ) -> bool:
        """Record a change of the file at *path*, which is *tracked* or a part of it."""
        grew = status.st_size != tracked.size
        if path == tracked.path:
            tracked.note(status)

        if not _needs_reading(tracked, status):
            return False

        if historic:
            self._history.add(tracked)
        elif grew or tracked.backlog_bytes is None:
            self._followers.wake(tracked)  # otherwise it is queued in the import

        return True

    def _handle_overflow(self) -> None:
        for tracked in self._followers:
            tracked.hinted = False

        self.watcher_health.record_lost_hints()
        self.reconciler.request_scan()

    def _request_reread(self) -> None:
        self.rereader.request()


def _needs_reading(tracked: TrackedFile, status: os.stat_result) -> bool:
    """Whether *status* is a reason to read the file, or to retry after an error."""
    return tracked.source.changed(status) or tracked.block.error is not None
