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
from jarvisd.blocks.block import LIVE_MS
from jarvisd.core.discovery.fairness import Fairness
from jarvisd.core.discovery.live_watch import LiveWatch
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

    def wake(self, known: TrackedFile) -> None:
        """Read *known* soon, and follow it from now on if it was not followed."""
        known.wakes += 1
        known.woken_at = self._clock.monotonic()
        if known.wake is not None:
            self._followed.add(known)
            # Waking a task takes longer than reading a line, so a file whose task
            # sleeps is read here if one slice is enough.
            if not (known.is_at_rest and self._fairness.read_at_once(known)):
                known.wake.set()
        elif self._group is not None:
            # asyncio's event can be cleared; anyio's must be created for each wait, and
            # costs four times as much.
            known.wake = asyncio.Event()
            self._followed.add(known)
            self._group.start_soon(self._follow, known, known.wake)

    def unfollow(self, known: TrackedFile) -> None:
        """Stop following *known* once it has been read."""
        self._followed.discard(known)
        if known.wake is not None:
            known.wake.set()

    def close(self, known: TrackedFile) -> None:
        """Close *known*, and drop what only followed files keep in memory."""
        known.source.forget()
        known.block.rest()

    def unfollow_quiet(self) -> None:
        """Stop following files that have not changed for LIVE_MS."""
        quiet_since = self._clock.monotonic() - LIVE_MS / MS_PER_S
        for known in self:
            if known.woken_at < quiet_since:
                self.unfollow(known)

    def retry_watch(self) -> None:
        """Retry the watches of folders that have failed."""
        if self._live_watch.error is not None:
            self._live_watch.retry(self._by_folder)

    async def _follow(self, known: TrackedFile, wake: asyncio.Event) -> None:
        known.source.remember(known.block.position)
        try:
            while known in self._followed:
                await self._follow_at(known.path, known, wake)
        finally:
            known.wake = None
            self.close(known)

    async def _wait_for_wake(self, known: TrackedFile, wake: asyncio.Event) -> None:
        """Wait for *wake*, or at most for the retry interval of the source."""
        known.is_at_rest = not wake.is_set()
        try:
            if known.source.retry_s is None:
                await wake.wait()
            else:
                with anyio.move_on_after(known.source.retry_s):
                    await wake.wait()
        finally:
            known.is_at_rest = False

    async def _follow_at(
        self, path: str, known: TrackedFile, wake: asyncio.Event
    ) -> None:
        """Read *known* whenever *wake* is set, while it is at *path*."""
        folder = known.source.folder
        self._by_folder[folder] = self._by_folder.get(folder, 0) + 1
        try:
            while known in self._followed and known.path == path:
                self._live_watch.add(folder)
                wake.clear()
                await self._fairness.drain(known, self._clock.monotonic())
                if known.block.ended and known.done == known.wakes:
                    self._followed.discard(known)
                else:
                    await self._wait_for_wake(known, wake)
        finally:
            known.hinted = False
            self._by_folder[folder] -= 1
            if not self._by_folder[folder]:
                del self._by_folder[folder]
                self._live_watch.remove(folder)
