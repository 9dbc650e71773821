"""Live files: each followed by a task of its own that sleeps until it is woken.

A task costs two kilobytes and no timer. As long as one follows a file, the folder of
that file is watched, and the file is kept open with what is remembered of its lines.
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
    """The files that are followed, and the tasks that do it."""

    def __init__(self, live_watch: LiveWatch, turns: Fairness, clock: Clock) -> None:
        self._live_watch = live_watch
        self._turns = turns
        self._clock = clock
        self._followed: set[TrackedFile] = set()
        self._by_folder: dict[str, int] = {}
        self._group: TaskGroup | None = None

    def __iter__(self) -> Iterator[TrackedFile]:
        return iter(list(self._followed))

    @property
    def number(self) -> int:
        """Return how many files are followed."""
        return len(self._followed)

    @contextmanager
    def within(self, group: TaskGroup) -> Iterator[None]:
        """Start tasks in *group* while the context lasts, and none outside of it."""
        self._group = group
        try:
            yield
        finally:
            self._group = None

    def wake(self, known: TrackedFile) -> None:
        """Queue *known* for reading; follow it from now on if it was not followed."""
        known.wakes += 1
        known.woken_at = self._clock.monotonic()
        if known.wake is not None:
            self._followed.add(known)
            if not self._read_at_once(known):
                known.wake.set()
        elif self._group is not None:
            # Not anyio's, which is made anew for each wait and costs four times as much.
            known.wake = asyncio.Event()
            self._followed.add(known)
            self._group.start_soon(self._follow, known, known.wake)

    def _read_at_once(self, known: TrackedFile) -> bool:
        """Read a file whose task sleeps, without waking it for a line or two.

        Waking a task takes longer than reading a line. Return whether that was all.
        """
        return known.is_at_rest and self._turns.read_at_once(known)

    def let_go(self, known: TrackedFile) -> None:
        """Follow *known* no longer than until it has been read."""
        self._followed.discard(known)
        if known.wake is not None:
            known.wake.set()

    def put_away(self, known: TrackedFile) -> None:
        """Close *known*, and keep no more of it than of any file that was read."""
        known.source.forget()
        known.block.rest()

    def let_go_of_quiet(self) -> None:
        """Close the files that have not changed for as long as a block is live."""
        quiet_since = self._clock.monotonic() - LIVE_MS / MS_PER_S
        for known in self:
            if known.woken_at < quiet_since:
                self.let_go(known)

    def retry_watch(self) -> None:
        """Try again to watch the folders whose watch has failed."""
        if self._live_watch.error is not None:
            self._live_watch.retry(self._by_folder)

    async def _follow(self, known: TrackedFile, wake: asyncio.Event) -> None:
        known.source.remember(known.block.position)
        try:
            while known in self._followed:
                await self._follow_at(known.path, known, wake)
        finally:
            known.wake = None
            self.put_away(known)

    async def _rest(self, known: TrackedFile, wake: asyncio.Event) -> None:
        """Wait until *known* is to be read: for *wake*, or for as long as it asks."""
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
        """Read *known* whenever *wake* is set, as long as it lies at *path*."""
        folder = known.source.folder
        self._by_folder[folder] = self._by_folder.get(folder, 0) + 1
        try:
            while known in self._followed and known.path == path:
                self._live_watch.add(folder)
                wake.clear()
                await self._turns.drain(known, self._clock.monotonic())
                if known.block.ended and known.done == known.wakes:
                    self._followed.discard(known)
                else:
                    await self._rest(known, wake)
        finally:
            known.hinted = False
            self._by_folder[folder] -= 1
            if not self._by_folder[folder]:
                del self._by_folder[folder]
                self._live_watch.remove(folder)
