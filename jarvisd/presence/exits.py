"""The ends of processes, known within milliseconds.

A descriptor of a process (pidfd, Linux 5.3) becomes readable when it ends, costs
nothing until then, and stays with that process even if its number is used again.
Where there is none, or too many would be needed, the process is looked at each second.
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
"""More agents than anybody runs; the rest is looked at."""

_OPEN = getattr(os, "pidfd_open", None)


def default_limit() -> int:
    """Return how many descriptors to use: an eighth of what the process may have."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(MAX_DESCRIPTORS, soft // 8)


class Exits:
    """Calls *gone* once for each watched process that has ended."""

    def __init__(
        self, gone: Callable[[ProcessLife], None], *, limit: int | None = None
    ) -> None:
        self._gone = gone
        self._limit = default_limit() if limit is None else limit
        self._fds: dict[ProcessLife, int] = {}
        self._polled: set[ProcessLife] = set()
        self._wake = anyio.Event()

    def __len__(self) -> int:
        return len(self._fds) + len(self._polled)

    @property
    def polled(self) -> int:
        """Return how many are looked at each second, for want of a descriptor."""
        return len(self._polled)

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Let go of every process at the end of the context."""
        try:
            yield
        finally:
            for life in [*self._fds]:
                self.forget(life)

    def watch(self, life: ProcessLife) -> None:
        """Watch a process; one that has ended already is told of like the others."""
        if life in self._fds or life in self._polled:
            return

        fd = self._descriptor(life)
        if fd is None:
            self._polled.add(life)
            self._wake.set()
            return

        self._fds[life] = fd
        asyncio.get_running_loop().add_reader(fd, self._ended, life)

    def forget(self, life: ProcessLife) -> None:
        """Watch the process no longer."""
        self._polled.discard(life)
        fd = self._fds.pop(life, None)
        if fd is not None:
            asyncio.get_running_loop().remove_reader(fd)
            os.close(fd)

    async def run(self) -> None:
        """Look at those without a descriptor each second, while there are any."""
        while True:
            await self._wake.wait()
            self._look()
            if self._polled:
                await anyio.sleep(POLL_S)
            else:
                self._wake = anyio.Event()

    def _look(self) -> None:
        for life in [each for each in self._polled if not is_alive(each)]:
            self._ended(life)

    def _descriptor(self, life: ProcessLife) -> int | None:
        if _OPEN is None or len(self._fds) >= self._limit:
            return None

        try:
            fd: int = _OPEN(life.pid)  # closed in children: the kernel sees to that
        except OSError:  # it has ended, or the kernel or a sandbox does not allow it
            return None

        # Only now does the number stand for one process.
        if is_alive(life):
            return fd

        os.close(fd)
        return None

    def _ended(self, life: ProcessLife) -> None:
        self.forget(life)
        self._gone(life)
