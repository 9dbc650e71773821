"""Hands a command's output to the daemon beside the command, never in its way.

The command's output passes through on the main thread; `offer` only puts a copy into a
bounded queue. A helper thread cuts it into lines and delivers them, waits while the
daemon is away, and hands over the rest when it is back. What the queue cannot hold is
left out by whole lines and counted.
"""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from jarvisd.base.errors import JarvisError
from jarvisd.cli import wall_clock
from jarvisd.cli.line_batches import Cutter, Oversize, Packer
from jarvisd.cli.push_delivery import Delivery, Pauses, may_pass
from jarvisd.core.wire import PushOpen

MAX_QUEUED_BYTES = 32 * 1024 * 1024
"""A verbose build writes this in minutes; a restart of the daemon takes seconds."""

GATHER_S = 0.1
MOST_TAKEN_BYTES = 512 * 1024
RETRY_S = 1.5
GRACE_S = 2.0
"""How long the end of a command may be delayed by lines that are not stored yet."""


@dataclass(slots=True)
class LineQueue:
    """Chunks in order, with None where something had to be left out.

    Not locked: `OutputRecorder` does that.
    """

    most_bytes: int = MAX_QUEUED_BYTES
    held_bytes: int = 0
    dropped_lines: int = 0
    _chunks: deque[bytes | None] = field(default_factory=deque)
    _torn: bool = False
    _overflowing: bool = False

    def put(self, data: bytes) -> None:
        """Append *data*, or the part after a torn line, or nothing when full."""
        if self.held_bytes + len(data) > self.most_bytes:
            self._drop(data)
            return

        if self._torn:
            _, end, data = data.partition(b"\n")
            self.dropped_lines += len(end)
            self._torn = not end

        self._overflowing = self._torn
        if data:
            self._chunks.append(data)
            self.held_bytes += len(data)

    def _drop(self, data: bytes) -> None:
        if not self._overflowing:
            self._chunks.append(None)
            self._overflowing = True

        # A line is dropped where it ends: also the one that began before the gap.
        self.dropped_lines += data.count(b"\n")
        self._torn = not data.endswith(b"\n")

    def get(self) -> list[bytes | None]:
        """Return the oldest output: at least one chunk, and about `MOST_TAKEN_BYTES`."""
        taken: list[bytes | None] = []
        size = 0
        while self._chunks and size < MOST_TAKEN_BYTES:
            chunk = self._chunks.popleft()
            taken.append(chunk)
            size += len(chunk or b"")

        self.held_bytes -= size
        return taken

    def __bool__(self) -> bool:
        """Whether there is something to get."""
        return bool(self._chunks)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingOutcome:
    """What became of the lines.

    Attributes:
        lost_lines: Known not to be stored: too late, or too many.
        error: Why, where it was not their number.
        unsure: Whether some were still on their way when we stopped waiting.

    """

    lost_lines: int
    error: JarvisError | None
    unsure: bool


class OutputRecorder:
    """Delivers what it is offered, on a thread of its own."""

    def __init__(self, path: str, opening: PushOpen) -> None:
        self._delivery = Delivery(path, opening)
        self._cutter = Cutter()
        self._packer = Packer()
        self._queue = LineQueue()
        self._news = threading.Condition()
        self._ended = False
        self._give_up_at = 0.0
        self._exit_status: int | None = None
        self._lost_lines = 0
        self._delivered = 0
        self._error: JarvisError | None = None
        # A daemon thread: a hanging jarvisd must not keep the command's shell waiting.
        self._thread = threading.Thread(target=self._work, daemon=True)

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def offer(self, data: bytes) -> None:
        """Queue a copy of *data*; returns at once, always."""
        with self._news:
            self._queue.put(data)
            self._news.notify()

    def finish(self, exit_status: int) -> RecordingOutcome:
        """Record that the command has ended; wait for the rest while it is being delivered.

        A daemon that takes nothing for `GRACE_S` is waited for no longer.
        """
        with self._news:
            self._ended = True
            self._exit_status = exit_status
            self._give_up_at = wall_clock.monotonic() + RETRY_S
            self._news.notify()

        seen = -1
        while self._thread.is_alive() and seen != self._delivered:
            seen = self._delivered
            self._thread.join(GRACE_S)

        return RecordingOutcome(
            lost_lines=self._lost_lines + self._queue.dropped_lines,
            error=self._error,
            unsure=self._thread.is_alive(),
        )

    def _work(self) -> None:
        # At once, so that the block shows before the first line.
        self._insist(self._delivery.open)
        while pieces := self._next_pieces():
            self._deliver(self._cut(pieces))

        self._deliver(self._cutter.finish())
        self._insist(partial(self._delivery.close, self._exit_status))

    def _next_pieces(self) -> list[bytes | None]:
        with self._news:
            self._news.wait_for(lambda: self._queue or self._ended)
            self._news.wait_for(self._has_gathered, GATHER_S)
            return self._queue.get()

    def _has_gathered(self) -> bool:
        return self._ended or self._queue.held_bytes >= MOST_TAKEN_BYTES

    def _cut(self, pieces: list[bytes | None]) -> list[str | Oversize]:
        lines: list[str | Oversize] = []
        for piece in pieces:
            match piece:
                case None:
                    self._cutter.forget()
                case bytes():
                    lines += self._cutter.feed(piece)
        return lines

    def _deliver(self, lines: list[str | Oversize]) -> None:
        for batch in [*self._packer.pack(lines), *self._packer.rest()]:
            if not self._insist(partial(self._delivery.deliver, batch)):
                self._lost_lines += len(batch)

    def _insist(self, attempt: Callable[[], None]) -> bool:
        """Try until it is done; return False once there is no use."""
        pauses = Pauses()
        while self._error is None:
            try:
                attempt()
            except JarvisError as exc:
                if not may_pass(exc) or self._is_late():
                    self._error = exc
                else:
                    self._rest(pauses.next_s())
            else:
                self._delivered += 1
                self._give_up_at = wall_clock.monotonic() + RETRY_S
                return True

        return False

    def _is_late(self) -> bool:
        # A daemon that was never there will not come in the next second.
        is_past = wall_clock.monotonic() >= self._give_up_at
        return self._ended and (is_past or not self._delivery.was_opened)

    def _rest(self, pause_s: float) -> None:
        """Wait before the next attempt; the end of the command cuts it short."""
        with self._news:
            had_ended = self._ended
            self._news.wait_for(lambda: self._ended and not had_ended, pause_s)
