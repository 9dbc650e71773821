"""Hints about live files, by inotify, read in a callback of the event loop.

Whoever waits for a line is told at once. While nobody does, the first hint after a
pause is still told at once, and what comes just behind it is told together: lines that
are read in a row take two thirds of the time of lines that each wake us.
"""

import asyncio
import errno
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress

import structlog

from jarvisd.core.discovery.hints import Hint, Lost

try:  # Linux only; elsewhere the tree watch and the scan do all the work
    from inotify_simple import Event, INotify, parse_events
    from inotify_simple import flags as inotify
except ImportError:  # pragma: no cover
    INotify = None

log = structlog.get_logger()

HAS_INOTIFY = INotify is not None

TURN_S = 0.001
"""How long hints are told before others get a turn: each may be a line to read."""

READ_BYTES = 16 * 1024
"""Some two hundred events; what is left makes the loop come again at once."""

EVENT_BYTES = 16 + 256
"""The largest event: a read that has room for one more has left nothing behind."""

PAUSE_S = 0.05
"""For how long hints are gathered that nobody waits for. Twice as long saves a fiftieth
more; and this is well below the quarter second in which a status line shows them."""

# Of inotify.h; an enum is slow to ask.
_Q_OVERFLOW, _IGNORED, _ISDIR = 0x4000, 0x8000, 0x40000000
_MOVED_FROM, _MOVED_TO, _CREATE = 0x40, 0x80, 0x100

MAX_FAILURES = 1000
"""More folders than anybody reads the names of."""


class LiveWatch:
    """Wakes the files in the folders it is told of, through inotify."""

    def __init__(self, hint: Hint, lost: Lost, entered: Hint | None = None) -> None:
        """Call *hint* and *lost*; before its hint, *entered* for each new folder."""
        self._hint = hint
        self._lost = lost
        self._entered = entered
        self._notify: INotify | None = None
        self._folders: dict[int, str] = {}
        self._watches: dict[str, int] = {}
        self._failures: dict[str, str] = {}
        self._events: deque[Event] = deque()
        self._is_awaited: Callable[[], bool] = lambda: True

    def __len__(self) -> int:
        return len(self._watches)

    def __contains__(self, folder: str) -> bool:
        return folder in self._watches

    @property
    def error(self) -> str | None:
        """Return why not all is watched that should be; None if it is."""
        return next(iter(self._failures.values()), None)

    def gather_unless(self, awaited: Callable[[], bool]) -> None:
        """Deliver hints in groups from now on, except while *awaited* returns True."""
        self._is_awaited = awaited

    @contextmanager
    def open(self) -> Iterator[None]:
        """Listen while the context lasts; without inotify this does nothing."""
        self._open()
        try:
            yield
        finally:
            self._close()

    def retry(self, folders: Iterable[str]) -> None:
        """Try again what has failed; *folders* are all that should be watched."""
        if self._notify is None:
            self._open()

        for folder in folders:
            self.add(folder)

    def add(self, folder: str) -> None:
        """Watch *folder*; again after it was removed and made anew."""
        if self._notify is None or folder in self._watches:
            return

        try:
            watch = self._notify.add_watch(folder, _mask())
        except FileNotFoundError:
            return
        except OSError as exc:
            self._failed(folder, f"{folder} is not watched: {_reason(exc)}")
            return

        self._failures.pop(folder, None)
        self._watches[folder] = watch
        self._folders[watch] = folder

    def remove(self, folder: str) -> None:
        """Stop watching *folder*."""
        self._failures.pop(folder, None)
        watch = self._watches.pop(folder, None)
        if watch is None or self._notify is None:
            return

        self._folders.pop(watch, None)
        with suppress(OSError):  # the folder is gone, and its watch with it
            self._notify.rm_watch(watch)

    def _open(self) -> None:
        try:
            self._notify = INotify(nonblocking=True) if INotify else None
        except OSError as exc:
            self._failed("", f"inotify is not available: {_reason(exc)}")
        else:
            self._failures.pop("", None)

        self._listen()

    def _listen(self) -> None:
        if self._notify is not None:
            loop = asyncio.get_running_loop()
            loop.add_reader(self._notify.fileno(), self._read)

    def _pause(self) -> None:
        """Pause, so that the kernel gathers changes and delivers them together."""
        if self._notify is not None:
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._notify.fileno())
            loop.call_later(PAUSE_S, self._listen)

    def _close(self) -> None:
        if self._notify is None:
            return

        asyncio.get_running_loop().remove_reader(self._notify.fileno())
        self._notify.close()
        self._notify = None

    def _read(self) -> None:
        if self._events or self._notify is None:
            return  # the kernel keeps the next ones until we have told of these

        with suppress(BlockingIOError):
            # Not INotify.read, which first asks how much there is.
            told = os.read(self._notify.fileno(), READ_BYTES)
            self._events += parse_events(told)
            if len(told) <= READ_BYTES - EVENT_BYTES and not self._is_awaited():
                self._pause()

        self._tell()

    def _tell(self) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + TURN_S
        events = self._events
        while events and self._notify is not None:
            watch, mask, _, name = events.popleft()
            if mask & (_Q_OVERFLOW | _IGNORED):
                self._take_unusual(watch, mask)
            elif name and watch in self._folders:
                path = f"{self._folders[watch]}/{name}"
                if mask & _ISDIR and self._entered is not None:
                    self._take_folder(path, mask)

                self._hint(path)

            if events and loop.time() >= until:
                loop.call_soon(self._tell)
                return

    def _take_unusual(self, watch: int, mask: int) -> None:
        if mask & _Q_OVERFLOW:
            log.warning("watch.overflowed")
            self._lost()
        else:
            self._watches.pop(self._folders.pop(watch, ""), None)

    def _take_folder(self, path: str, mask: int) -> None:
        """Record that the folder *path* was created or renamed."""
        assert self._entered is not None
        if mask & _MOVED_FROM:
            below = f"{path}/"
            moved = [each for each in self._watches if f"{each}/".startswith(below)]
            for each in moved:
                self.remove(each)
        elif mask & (_CREATE | _MOVED_TO):
            self._entered(path)

    def _failed(self, folder: str, reason: str) -> None:
        if not self._failures:
            log.warning("watch.live_failed", reason=reason)

        if len(self._failures) < MAX_FAILURES:
            self._failures[folder] = reason


def _reason(exc: OSError) -> str:
    """Return what the limits of inotify are called, instead of a full disk."""
    match exc.errno:
        case errno.ENOSPC:
            return "the limit fs.inotify.max_user_watches is reached"
        case errno.EMFILE:
            return "the limit fs.inotify.max_user_instances is reached"
        case _:
            return exc.strerror or str(exc)


def _mask() -> int:
    return int(
        inotify.MODIFY
        | inotify.ATTRIB
        | inotify.CREATE
        | inotify.DELETE
        | inotify.MOVED_TO
        | inotify.MOVED_FROM
        | inotify.ONLYDIR
    )
