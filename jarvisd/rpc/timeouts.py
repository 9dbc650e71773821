"""How long a client may keep us waiting."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """The limits, in seconds; half a request has its own, an idle client has none."""

    half_sent_s: float = 10.0
    blocked_s: float = 10.0


class Deadline:
    """Something to do if a state lasts too long."""

    __slots__ = ("_act", "_handle", "_seconds")

    def __init__(self, seconds: float, act: Callable[[], None]) -> None:
        self._seconds = seconds
        self._act = act
        self._handle: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to wait, unless we wait already."""
        if self._handle is None:
            loop = asyncio.get_running_loop()
            self._handle = loop.call_later(self._seconds, self._act)

    def stop(self) -> None:
        """Wait no longer."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
