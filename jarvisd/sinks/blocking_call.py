"""Runs blocking work on a daemon thread, with a timeout.

anyio's worker threads do not fit: the process waits for them at exit, and a collector
that sends one byte a minute would keep the daemon from stopping. Work that runs here
may be interrupted by the end of the process at any moment.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar, cast

import anyio

from jarvisd.base.errors import SinkError

T = TypeVar("T")


class BlockingCall:
    """Runs one call at a time, each on its own thread, and waits for it with a timeout.

    A call that exceeds its timeout keeps running. No other call starts until it has
    ended, so a sink that hangs costs one thread, however often it is retried.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._current: _ThreadedWork[object] | None = None

    @property
    def is_busy(self) -> bool:
        """Whether a call is still running."""
        return self._current is not None and not self._current.ended.is_set()

    async def run(self, work: Callable[[], T], *, timeout_s: float) -> T:
        """Return the result of *work*, or raise its exception.

        Raises:
            SinkError: *work* took longer than *timeout_s*, or an earlier call is still
                running.

        """
        if self.is_busy:
            raise SinkError("an earlier attempt still hangs, and must end first")

        current = self._current = _ThreadedWork(work)
        threading.Thread(target=current.run, name=self._name, daemon=True).start()
        with anyio.move_on_after(timeout_s):
            await current.finished.wait()
            return cast("T", current.result())

        raise SinkError(f"it takes longer than {timeout_s:g} s")


class _ThreadedWork(Generic[T]):
    """One call, and the signal of its end to the event loop that started it."""

    def __init__(self, work: Callable[[], T]) -> None:
        self.ended = threading.Event()
        self.finished = anyio.Event()
        self._work = work
        self._loop = asyncio.get_running_loop()
        self._result: T | None = None
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._result = self._work()
        except BaseException as exc:  # raised again in `result`, on the event loop
            self._error = exc

        self.ended.set()
        with suppress(RuntimeError):  # the loop is closed: the daemon is stopping
            self._loop.call_soon_threadsafe(self.finished.set)

    def result(self) -> T:
        if self._error is not None:
            raise self._error

        return cast("T", self._result)
