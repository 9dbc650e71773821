"""Hints about new files below the roots, by inotify: one watch for each folder.

Unlike watchfiles, which is used on other systems, it tolerates names that are not
UTF-8, reports new files at once, and does not wake up while nothing changes.
"""

import os
from collections.abc import Callable, Iterable, Iterator

import anyio
from anyio import lowlevel
from anyio.abc import TaskGroup

from jarvisd.core.discovery.hints import Hint, Lost
from jarvisd.core.discovery.inotify_files import LiveWatch
from jarvisd.core.discovery.scan import is_utf8

BATCH = 20
"""Folders that are added between two checkpoints."""

RETRY_S = 5.0
"""Seconds before folders that could not be watched are retried."""


class FolderWatch:
    """Reports new and changed files anywhere below the roots, through inotify."""

    name = "inotify"

    def __init__(self, hint: Hint, lost: Lost) -> None:
        self._hint = hint
        self._lost = lost
        self._restart_requested = anyio.Event()
        self._watch: LiveWatch | None = None
        self._group: TaskGroup | None = None

    @property
    def error(self) -> str | None:
        """Return why some folders are not watched; None if all are."""
        return None if self._watch is None else self._watch.error

    def restart(self) -> None:
        """Restart the watch, because a root was added, removed or replaced."""
        self._restart_requested.set()

    def has_unwatched(self, roots: Iterable[str]) -> bool:
        """Return True if one of *roots* is not watched although it could be."""
        watch = self._watch
        if watch is None or watch.error is not None:
            return False

        return not all(root in watch for root in roots)

    async def run(self, roots: Callable[[], list[str]]) -> None:
        """Watch the existing folders that *roots* returns, until cancelled."""
        while True:
            self._restart_requested = anyio.Event()
            self._watch = LiveWatch(
                self._forward_hint, self._lost, self._watch_new_folder
            )
            with self._watch.open():
                self._watch.batch_for(lambda: 0)
                async with anyio.create_task_group() as self._group:
                    if self._watch.error is not None:
                        self._group.start_soon(self._retry)

                    await self._add_all(roots(), self._watch, self._group)
                    await self._restart_requested.wait()
                    self._group.cancel_scope.cancel()

    async def _retry(self) -> None:
        await anyio.sleep(RETRY_S)
        self._restart_requested.set()

    def _add(self, path: str, watch: LiveWatch, group: TaskGroup) -> None:
        had_failed = watch.error is not None
        watch.add(path)
        if watch.error is not None and not had_failed:
            group.start_soon(self._retry)

    async def _add_all(
        self, folders: list[str], watch: LiveWatch, group: TaskGroup
    ) -> None:
        """Watch *folders* and all folders below, then request a scan.

        The scan finds files that came before their folder was watched.
        """
        links: list[str] = []
        seen: set[tuple[int, int]] = set()
        pending, count = list(folders), 0
        while pending or links:
            path = pending.pop() if pending else links.pop()
            inode = _inode(path)
            if inode is None or inode in seen:
                continue  # gone, or watched under another name

            seen.add(inode)
            self._add(path, watch, group)
            for inner, is_link in _folders_in(path):
                (links if is_link else pending).append(inner)

            count += 1
            if not count % BATCH:
                await lowlevel.checkpoint()

        self._lost()

    def _forward_hint(self, path: str) -> None:
        if is_utf8(path):
            self._hint(path)

    def _watch_new_folder(self, path: str) -> None:
        """Watch a new folder before it is scanned."""
        if self._watch is None or self._group is None or not is_utf8(path):
            return

        self._add(path, self._watch, self._group)
        if next(_folders_in(path), None) is not None:
            self._group.start_soon(self._add_all, [path], self._watch, self._group)


def _inode(path: str) -> tuple[int, int] | None:
    try:
        seen = os.stat(path)
    except OSError:
        return None

    return seen.st_dev, seen.st_ino


def _folders_in(path: str) -> Iterator[tuple[str, bool]]:
    """Yield the folders in the folder *path*, and whether each is a link."""
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                if is_utf8(entry.name) and entry.is_dir():
                    yield entry.path, entry.is_symlink()
    except OSError:
        return  # gone, or not readable; the scan reports that
