"""Follows live files, each by its own task that sleeps until it is woken.

A task costs two kilobytes and no timer. While a file is followed, its folder is watched,
and the file stays open with the checksums of its lines.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import anyio
from anyio.abc import TaskGroup

from jarvisd.base.clock import MS_PER_S, Clock
from jarvisd.core.block import LIVE_MS
from jarvisd.core.discovery.fairness import Fairness
from jarvisd.core.discovery.inotify_files import LiveWatch
from jarvisd.core.discovery.tracked_file import TrackedFile


class Followers:
    """The followed files, and their tasks."""

    def __init__(self, live_watch: LiveWatch, fairness: Fairness, clock: Clock) -> None:
        self._live_watch = live_watch
        self._fairness = fairness
        self._clock = clock
        self._followed: set[TrackedFile] = set()
        self._by_folder: dict[str, int] = {}
        self._group: TaskGroup | None = None

    def __iter__(self) -> Iterator[TrackedFile]:
        return iter(list(self._followed))

    @property
    def number(self) -> int:
        """Return the number of followed files."""
        return len(self._followed)

    @contextmanager
    def starting_tasks_in(self, group: TaskGroup) -> Iterator[None]:
        """Start tasks in *group* while the context lasts; outside of it start none."""
        self._group = group
        try:
            yield
        finally:
            self._group = None

    def wake(self, tracked: TrackedFile) -> None:
        """Read *tracked* soon, and follow it from now on if it was not followed."""
        tracked.wakes += 1
        tracked.woken_at = self._fairness.woken_at = self._clock.monotonic()
        if tracked.wake is not None:
            self._followed.add(tracked)
            # Waking a task takes longer than reading a line, so a file whose task
            # sleeps is read here if one slice is enough.
            if not (tracked.is_at_rest and self._fairness.read_at_once(tracked)):
                tracked.wake.set()
        elif self._group is not None:
            # asyncio's event can be cleared; anyio's must be created for each wait, and
            # costs four times as much.
            tracked.wake = asyncio.Event()
            self._followed.add(tracked)
            self._group.start_soon(self._follow, tracked, tracked.wake)

    def unfollow(self, tracked: TrackedFile) -> None:
        """Stop following *tracked* once it has been read."""
        self._followed.discard(tracked)
        if tracked.wake is not None:
            tracked.wake.set()

    def close(self, tracked: TrackedFile) -> None:
        """Close *tracked*, and drop what only followed files keep in memory."""
        tracked.source.forget()
        tracked.block.rest()

    def unfollow_quiet(self) -> None:
        """Stop following files that have not changed for LIVE_MS."""
        quiet_since = self._clock.monotonic() - LIVE_MS / MS_PER_S
        for tracked in self:
            if tracked.woken_at < quiet_since:
                self.unfollow(tracked)

    def retry_watch(self) -> None:
        """Retry the watches of folders that have failed."""
        if self._live_watch.error is not None:
            self._live_watch.retry(self._by_folder)

    async def _follow(self, tracked: TrackedFile, wake: asyncio.Event) -> None:
        tracked.source.remember(tracked.block.position)
        try:
            while tracked in self._followed:
                await self._follow_at(tracked.path, tracked, wake)
        finally:
            tracked.wake = None
            self.close(tracked)

    async def _wait_for_wake(self, tracked: TrackedFile, wake: asyncio.Event) -> None:
        """Wait for *wake*, or at most for the retry interval of the source."""
        tracked.is_at_rest = not wake.is_set()
        try:
            if tracked.source.retry_s is None:
                await wake.wait()
            else:
                with anyio.move_on_after(tracked.source.retry_s):
                    await wake.wait()
        finally:
            tracked.is_at_rest = False

    async def _follow_at(
        self, path: str, tracked: TrackedFile, wake: asyncio.Event
    ) -> None:
        """Read *tracked* whenever *wake* is set, while it is at *path*."""
        folders = tracked.source.folders
        for folder in folders:
            self._by_folder[folder] = self._by_folder.get(folder, 0) + 1

        try:
            while tracked in self._followed and tracked.path == path:
                for folder in folders:
                    self._live_watch.add(folder)

                wake.clear()
                await self._fairness.drain(tracked, self._clock.monotonic())
                if tracked.block.ended and tracked.done == tracked.wakes:
                    self._followed.discard(tracked)
                else:
                    await self._wait_for_wake(tracked, wake)
        finally:
            tracked.hinted = False
            for folder in folders:
                self._by_folder[folder] -= 1
                if not self._by_folder[folder]:
                    del self._by_folder[folder]
                    self._live_watch.remove(folder)
