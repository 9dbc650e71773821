"""Detects the end of processes within milliseconds.

A descriptor of a process (pidfd, Linux 5.3) becomes readable when the process ends,
costs nothing until then, and refers to that process even if its number is used again.
Without a descriptor, or beyond the limit, the process is polled each second.
"""

import asyncio
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import anyio

from jarvisd.core.process import ProcessLife
from jarvisd.presence.processes import is_alive

POLL_S = 1.0
MAX_DESCRIPTORS = 512
"""More agents than anybody runs; further processes are polled."""

_OPEN = getattr(os, "pidfd_open", None)


def default_limit() -> int:
    """Return how many descriptors to use: an eighth of what the process may have."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(MAX_DESCRIPTORS, soft // 8)


class ExitWatcher:
    """Calls *on_exit* once for each watched process that has ended."""

    def __init__(
        self, on_exit: Callable[[ProcessLife], None], *, limit: int | None = None
    ) -> None:
        self._on_exit = on_exit
        self._limit = default_limit() if limit is None else limit
        self._fds: dict[ProcessLife, int] = {}
        self._polled: set[ProcessLife] = set()
        self._wake = anyio.Event()

    def __len__(self) -> int:
        return len(self._fds) + len(self._polled)

    @property
    def polled(self) -> int:
        """Return the number of processes that are polled, without a descriptor."""
        return len(self._polled)

    @contextmanager
    def open(self) -> Iterator[None]:
        """Close all descriptors at the end of the context."""
        try:
            yield
        finally:
            for life in [*self._fds]:
                self.unwatch(life)

    def watch(self, life: ProcessLife) -> None:
        """Watch a process; one that has already ended is reported as well."""
        if life in self._fds or life in self._polled:
            return

        fd = self._open_descriptor(life)
        if fd is None:
            self._polled.add(life)
            self._wake.set()
            return

        self._fds[life] = fd
        asyncio.get_running_loop().add_reader(fd, self._report_exit, life)

    def unwatch(self, life: ProcessLife) -> None:
        """Stop watching the process."""
        self._polled.discard(life)
        fd = self._fds.pop(life, None)
        if fd is not None:
            asyncio.get_running_loop().remove_reader(fd)
            os.close(fd)

    async def run(self) -> None:
        """Poll processes without a descriptor each second, while there are any."""
        while True:
            await self._wake.wait()
            for life in [each for each in self._polled if not is_alive(each)]:
                self._report_exit(life)

            if self._polled:
                await anyio.sleep(POLL_S)
            else:
                self._wake = anyio.Event()

    def _open_descriptor(self, life: ProcessLife) -> int | None:
        if _OPEN is None or len(self._fds) >= self._limit:
            return None

        try:
            fd: int = _OPEN(life.pid)  # close-on-exec by default, so not inherited
        except OSError:  # it has ended, or the kernel or a sandbox does not allow it
            return None

        # The number may have been used again before the descriptor was opened; from now
        # on the descriptor pins the process, so the check cannot become stale.
        if is_alive(life):
            return fd

        os.close(fd)
        return None

    def _report_exit(self, life: ProcessLife) -> None:
        self.unwatch(life)
        self._on_exit(life)
