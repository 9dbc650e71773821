"""Work that blocks, on a thread that nobody has to wait for.

Not anyio's threads: the process cannot end before those have, and a collector that
answers a byte a minute would keep the daemon from stopping. What is done here may be
cut by the end of the process at any moment.
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
    """Does one thing at a time, each on a thread of its own, and waits within a limit.

    What outlasts its limit goes on unheeded. Until it ends nothing else is begun, so a
    sink that hangs costs one thread, however often it is tried.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._errand: _Errand[object] | None = None

    @property
    def is_busy(self) -> bool:
        """Whether something is still being done."""
        return self._errand is not None and not self._errand.ended.is_set()

    async def do(self, work: Callable[[], T], *, limit_s: float) -> T:
        """Return what *work* returns or raises.

        Raises:
            SinkError: It took longer than *limit_s*, or what was begun before it has
                not ended yet.

        """
        if self.is_busy:
            raise SinkError("an earlier attempt still hangs, and must end first")

        errand = self._errand = _Errand(work)
        threading.Thread(target=errand.run, name=self._name, daemon=True).start()
        with anyio.move_on_after(limit_s):
            await errand.told.wait()
            return cast("T", errand.outcome())

        raise SinkError(f"it takes longer than {limit_s:g} s")


class _Errand(Generic[T]):
    """One piece of work, and word of its end to the loop that it was begun on."""

    def __init__(self, work: Callable[[], T]) -> None:
        self.ended = threading.Event()
        self.told = anyio.Event()
        self._work = work
        self._loop = asyncio.get_running_loop()
        self._result: T | None = None
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._result = self._work()
        except BaseException as exc:  # raised again where it is awaited
            self._error = exc

        self.ended.set()
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self.told.set)

    def outcome(self) -> T:
        if self._error is not None:
            raise self._error

        return cast("T", self._result)
