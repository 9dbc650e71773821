"""Hints about live files, by inotify, read in a callback of the event loop.

The first hint after a pause is delivered at once, and those that follow closely are
batched: reading lines in a row takes two thirds of the time of waking up for each. While
clients wait for changes, that is only done for a few milliseconds, and only while many
hints come for many clients: with one client it saves nothing.
"""

import asyncio
import errno
import math
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
"""Seconds for which hints are delivered in one turn: each may cause a read."""

READ_BYTES = 16 * 1024
"""About two hundred events; if more are left, the loop calls again at once."""

EVENT_BYTES = 16 + 256
"""The largest event: a read with room for one more has emptied the queue."""

PAUSE_S = 0.05
"""Seconds for which hints are batched. Twice as long would save two percent more; this
is well below the quarter second in which a status line shows them."""

SHORT_PAUSE_S = 0.005
"""The same while clients wait: with reading and sending they have a line within 10 ms."""

BUSY_PER_S = 50
"""Hints a second up to which each is delivered at once to clients that wait."""

MANY_SENT_PER_S = 2_000
"""Hints a second times clients from which on a pause saves more than it costs."""

# From inotify.h; comparing with the enum is slow.
_Q_OVERFLOW, _IGNORED, _ISDIR = 0x4000, 0x8000, 0x40000000
_MOVED_FROM, _MOVED_TO, _CREATE = 0x40, 0x80, 0x100

MAX_FAILURES = 1000
"""Folders whose failure is kept: more than anybody reads."""


class HintRate:
    """How many hints come in a second."""

    def __init__(self) -> None:
        self._began = -math.inf
        self._hints = self._hints_before = 0

    def add(self, hints: int, now: float) -> int:
        """Count *hints* that came at *now*; return how many came in a second lately."""
        passed = now - self._began
        if passed >= 1.0:
            self._hints_before = 0 if passed >= 2.0 else self._hints
            self._began, self._hints = now, 0

        self._hints += hints
        return max(self._hints, self._hints_before)


class LiveWatch:
    """Calls *hint* for each change in the added folders, through inotify."""

    def __init__(
        self, hint: Hint, lost: Lost, on_new_folder: Hint | None = None
    ) -> None:
        """Create a watch.

        Args:
            hint: Called with the path of each file or folder that has changed.
            lost: Called when the kernel's queue has overflowed.
            on_new_folder: Called with each new folder, before its hint.

        """
        self._hint = hint
        self._lost = lost
        self._on_new_folder = on_new_folder
        self._notify: INotify | None = None
        self._folders: dict[int, str] = {}
        self._watches: dict[str, int] = {}
        self._failures: dict[str, str] = {}
        self._events: deque[Event] = deque()
        self._clients: Callable[[], int] = lambda: 1
        self._rate = HintRate()

    def __len__(self) -> int:
        return len(self._watches)

    def __contains__(self, folder: str) -> bool:
        return folder in self._watches

    @property
    def error(self) -> str | None:
        """Return why an added folder is not watched; None if all are."""
        return next(iter(self._failures.values()), None)

    def batch_for(self, clients: Callable[[], int]) -> None:
        """Batch hints from now on, by how many *clients* wait for changes."""
        self._clients = clients

    @contextmanager
    def open(self) -> Iterator[None]:
        """Watch while the context lasts; without inotify this does nothing."""
        self._open_inotify()
        try:
            yield
        finally:
            self._close_inotify()

    def retry(self, folders: Iterable[str]) -> None:
        """Retry failed watches; *folders* are all that should be watched."""
        if self._notify is None:
            self._open_inotify()

        for folder in folders:
            self.add(folder)

    def add(self, folder: str) -> None:
        """Watch *folder*; call it again after the folder was deleted and created."""
        if self._notify is None or folder in self._watches:
            return

        try:
            watch = self._notify.add_watch(folder, _mask())
        except FileNotFoundError:
            return
        except OSError as exc:
            self._record_failure(folder, f"{folder} is not watched: {_reason(exc)}")
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
        with suppress(OSError):  # the kernel removed the watch with the folder
            self._notify.rm_watch(watch)

    def _open_inotify(self) -> None:
        try:
            self._notify = INotify(nonblocking=True) if INotify else None
        except OSError as exc:
            self._record_failure("", f"inotify is not available: {_reason(exc)}")
        else:
            self._failures.pop("", None)

        self._listen()

    def _listen(self) -> None:
        if self._notify is not None:
            loop = asyncio.get_running_loop()
            loop.add_reader(self._notify.fileno(), self._read)

    def _pause(self, seconds: float) -> None:
        """Pause, so that the kernel collects changes meanwhile."""
        if self._notify is not None:
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._notify.fileno())
            loop.call_later(seconds, self._listen)

    def _close_inotify(self) -> None:
        if self._notify is None:
            return

        asyncio.get_running_loop().remove_reader(self._notify.fileno())
        self._notify.close()
        self._notify = None

    def _read(self) -> None:
        if self._events or self._notify is None:
            return  # the kernel keeps further events until these are delivered

        with suppress(BlockingIOError):
            # Not INotify.read, which costs one more system call, for the queue's size.
            data = os.read(self._notify.fileno(), READ_BYTES)
            self._events += parse_events(data)
            now = asyncio.get_running_loop().time()
            hints, clients = self._rate.add(len(self._events), now), self._clients()
            is_many = hints > BUSY_PER_S and hints * clients >= MANY_SENT_PER_S
            if len(data) <= READ_BYTES - EVENT_BYTES and (is_many or not clients):
                self._pause(SHORT_PAUSE_S if clients else PAUSE_S)

        self._deliver()

    def _deliver(self) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + TURN_S
        events = self._events
        while events and self._notify is not None:
            watch, mask, _, name = events.popleft()
            if mask & (_Q_OVERFLOW | _IGNORED):
                self._handle_lost_watch(watch, mask)
            elif name and watch in self._folders:
                path = f"{self._folders[watch]}/{name}"
                if mask & _ISDIR and self._on_new_folder is not None:
                    self._handle_folder(path, mask)

                self._hint(path)

            if events and loop.time() >= until:
                loop.call_soon(self._deliver)
                return

    def _handle_lost_watch(self, watch: int, mask: int) -> None:
        if mask & _Q_OVERFLOW:
            log.warning("watch.overflowed")
            self._lost()
        else:
            self._watches.pop(self._folders.pop(watch, ""), None)

    def _handle_folder(self, path: str, mask: int) -> None:
        """Record that the folder *path* was created or renamed."""
        assert self._on_new_folder is not None, "no callback for new folders"
        if mask & _MOVED_FROM:
            below = f"{path}/"
            moved = [each for each in self._watches if f"{each}/".startswith(below)]
            for each in moved:
                self.remove(each)
        elif mask & (_CREATE | _MOVED_TO):
            self._on_new_folder(path)

    def _record_failure(self, folder: str, reason: str) -> None:
        if not self._failures:
            log.warning("watch.live_failed", reason=reason)

        if len(self._failures) < MAX_FAILURES:
            self._failures[folder] = reason


def _reason(exc: OSError) -> str:
    """Return the name of the limit that inotify reports as a full disk or file table."""
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
