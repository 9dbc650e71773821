"""One client: its bytes in, its answers and its news out, in fair turns.

An asyncio Protocol rather than a stream with a task: a question from memory is then
answered in the very callback that its bytes came with: 41 us from question to answer
where anyio's stream took 107 (10 kB answers, one request at a time). What must wait runs
in a task group that ends with the connection.

Fairness: a client is answered for a millisecond at a time, a long answer is made for as
long, and requests that take milliseconds by their size alone get a share of each round
of the loop. Reading stops while an answer is being written, while the client does not read, and while 16 of its
requests wait; so a flood slows only its sender, and all that a client can make the
daemon hold is one unfinished request and what the socket's buffer takes.
"""

import asyncio
import select
import socket
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import anyio
import structlog
from anyio.abc import TaskGroup

from jarvisd.base.clock import Clock
from jarvisd.rpc.dispatch import Dispatcher, Promised
from jarvisd.rpc.handlers import MAX_IN_FLIGHT, Pieces, ServerCounters
from jarvisd.rpc.messages import LineFramer
from jarvisd.rpc.subscription import ClientOutbox, Subscriptions

log = structlog.get_logger()

TURN_S = 0.001
READ_BYTES = 64 * 1024
PIECE_BYTES = 64 * 1024
NEWS_BYTES = 32 * 1024


LARGE_SHARE_S = 0.004
"""How long one round of the loop may decode large requests, of however many clients."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long a client may keep us waiting, in seconds.

    Half a request has its own limit, an idle client has none.
    """

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


class Round:
    """One round of the loop, which looks at every socket once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began: float | None = None

    def has_time(self) -> bool:
        """Whether this round may still begin a large request."""
        now = self._clock.monotonic()
        if self._began is None:
            self._began = now
            asyncio.get_running_loop().call_soon(self._end)

        return now - self._began < LARGE_SHARE_S

    def _end(self) -> None:
        self._began = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What all connections of one server have in common.

    *buffer* is what sockets are read into: its bytes are copied out before anybody
    else can run, so one serves all.
    """

    replies: Dispatcher
    subscriptions: Subscriptions
    clock: Clock
    counters: ServerCounters
    timeouts: Timeouts
    buffer: bytearray
    round: Round


class LongAnswers:
    """Answers that are written in pieces, in order, and short ones behind them."""

    __slots__ = ("_answers", "_clock")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._answers: deque[Pieces] = deque()

    def __bool__(self) -> bool:
        return bool(self._answers)

    def append(self, answer: bytes | Pieces) -> None:
        """Add an answer; bytes are cut, so that one piece is in the socket's buffer."""
        self._answers.append(_cut(answer) if isinstance(answer, bytes) else answer)

    def take(self) -> bytes:
        """Remove as many pieces as are made in a turn and fit into one.

        None may be ready: an answer can take many turns before its first byte.
        """
        until = self._clock.monotonic() + TURN_S
        pieces: list[bytes] = []
        size = 0
        while self._answers and size < PIECE_BYTES:
            piece = next(self._answers[0], None)
            if piece is None:
                self._answers.popleft()
            else:
                pieces.append(piece)
                size += len(piece)

            if self._clock.monotonic() > until:
                break

        return b"".join(pieces)


class ClientRequests:
    """The requests of one client, and the answers to those that had to wait.

    Args:
        shared: What all connections have in common.
        outbox: The news of the client's subscriptions.
        completed: Called when a whole request has come.
        wake: Called when an answer is ready that was not at once.

    Attributes:
        waiting: The tasks of requests that wait for something.

    """

    waiting: TaskGroup

    def __init__(
        self,
        shared: Shared,
        outbox: ClientOutbox,
        *,
        completed: Callable[[], None],
        wake: Callable[[], None],
    ) -> None:
        self._shared = shared
        self._outbox = outbox
        self._completed = completed
        self._wake = wake
        self.inbox = LineFramer()
        self.answers = LongAnswers(shared.clock)
        self.in_flight = 0

    def answer_lines(self) -> bytes:
        """Carry out requests for one turn; return the short answers that are ready."""
        until = self._shared.clock.monotonic() + TURN_S
        answers: list[bytes] = []
        size = 0
        while self.may_answer and size < PIECE_BYTES:
            if self.inbox.is_large and not self._shared.round.has_time():
                break  # the next turn is behind those who wait already

            line = self.inbox.next_line()
            if line is None:
                break

            answer = self._answer(line)
            answers.append(answer)
            size += len(answer)
            if self._shared.clock.monotonic() > until:
                break

        return b"".join(answers)

    @property
    def may_answer(self) -> bool:
        """Whether the next request may be carried out."""
        return not self.answers and self.in_flight < MAX_IN_FLIGHT

    def _answer(self, line: bytes) -> bytes:
        """Return the answer if it is there and short; else see that it comes."""
        self._completed()
        self._shared.counters.requests += 1
        match self._shared.replies.reply_to(line, self._outbox):
            case bytes() as answer if len(answer) <= PIECE_BYTES:
                return answer
            case bytes() as answer:
                self.answers.append(answer)
            case Promised() as promised:
                self.in_flight += 1
                promised.promise.add_done_callback(
                    lambda _: self._answered(promised.read())
                )
            case pieces if not callable(pieces):
                self.answers.append(pieces)
            case wait:
                self.in_flight += 1
                self.waiting.start_soon(self._answer_later, wait)

        return b""

    async def _answer_later(
        self, wait: Callable[[], Awaitable[bytes | Pieces]]
    ) -> None:
        answer: bytes | Pieces = b""
        try:
            answer = await wait()
        finally:
            self._answered(answer)

    def _answered(self, answer: bytes | Pieces) -> None:
        self.in_flight -= 1
        if answer:
            self.answers.append(answer)
        self._wake()


class ClientConnection(asyncio.BufferedProtocol):
    """The server's end of one client's socket."""

    _transport: asyncio.Transport

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._outbox = ClientOutbox(shared.subscriptions, self._turn_soon)
        self._loop = asyncio.get_running_loop()
        self._writable = True
        self._reading = True
        self._ended = False
        self._turn_handle: asyncio.Handle | None = None
        self._news_handle: asyncio.TimerHandle | None = None
        self._half_sent = Deadline(shared.timeouts.half_sent_s, self._drop_half_sent)
        self._blocked = Deadline(shared.timeouts.blocked_s, self._drop_blocked)
        self._lost = anyio.Event()
        self._requests = ClientRequests(
            shared,
            self._outbox,
            completed=self._half_sent.stop,
            wake=self._turn_soon,
        )

    async def run(self, client: socket.socket) -> None:
        """Serve *client* until it goes or is dropped.

        Requests that it has not waited for are carried out; each has its limit.
        """
        async with anyio.create_task_group() as self._requests.waiting:
            await self._loop.connect_accepted_socket(lambda: self, client)
            try:
                await self._lost.wait()
            finally:
                self._close()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(high=PIECE_BYTES)

    def get_buffer(self, sizehint: int) -> bytearray:  # noqa: ARG002 - asyncio's
        """Return the buffer that is read into."""
        return self._shared.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Answer the requests in what has been read."""
        self._requests.inbox.feed(memoryview(self._shared.buffer)[:nbytes])
        self._turn()

    def eof_received(self) -> bool:
        """Answer what was asked before the end, with or without a last newline.

        A client that only closed its sending side, as `nc -N` does, goes on being
        sent its news; one that is gone altogether is not waited for.
        """
        self._ended = True
        if _has_hung_up(self._transport):
            return False

        if self._requests.inbox.has_partial:
            self._requests.inbox.feed(b"\n")
        self._turn()
        return True

    def pause_writing(self) -> None:
        """Record that the client does not read as fast as we write."""
        self._writable = False
        self._blocked.start()

    def resume_writing(self) -> None:
        """Resume writing."""
        self._writable = True
        self._blocked.stop()
        self._turn_soon()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the signature is that of asyncio
        """End `run`."""
        self._lost.set()

    # A turn.

    def _turn_soon(self) -> None:
        """Schedule a turn with the loop; cheap, and only one is scheduled."""
        if self._turn_handle is None and self._writable:
            self._turn_handle = self._loop.call_soon(self._planned_turn)

    def _planned_turn(self) -> None:
        self._turn_handle = None
        self._turn()

    def _turn(self) -> None:
        """Run a turn; a bulkhead: what goes wrong in it ends this client alone."""
        if self._transport.is_closing():
            return

        try:
            if self._requests.answers and self._writable:
                self._transport.write(self._requests.answers.take())
                if not self._requests.answers:
                    self._turn_soon()  # for news that waited for this answer
            elif self._writable and not self._requests.answers:
                self._transport.write(self._requests.answer_lines())
                self._send_news()

            self._settle()
        except Exception:
            log.exception("client.crashed")
            self._transport.abort()

    def _send_news(self) -> None:
        if not len(self._outbox):
            return

        news = self._outbox.take(NEWS_BYTES)
        if news:
            self._transport.write(news)

        if len(news) >= NEWS_BYTES // len(self._outbox):
            self._turn_soon()  # there may be more
        else:
            self._wake_at(self._outbox.next_at)

    def _wake_at(self, moment: float | None) -> None:
        if self._news_handle is not None:
            self._news_handle.cancel()
            self._news_handle = None

        if moment is not None:
            delay_s = max(0.0, moment - self._shared.clock.monotonic())
            self._news_handle = self._loop.call_later(delay_s, self._turn_soon)

    def _settle(self) -> None:
        """Decide what comes next: another turn, more bytes, or the end."""
        requests, inbox = self._requests, self._requests.inbox
        may_answer = requests.may_answer
        if requests.answers or (inbox.has_line and may_answer):
            self._turn_soon()

        reads = self._writable and may_answer and not inbox.has_line
        if not self._ended and reads is not self._reading:
            self._reading = reads
            if reads:
                self._transport.resume_reading()
            else:
                self._transport.pause_reading()

        # While we do not read, it is not the client who keeps us waiting.
        if reads and inbox.has_partial:
            self._half_sent.start()
        else:
            self._half_sent.stop()

        waits = requests.answers or requests.in_flight or inbox.has_line
        if self._ended and not waits and not len(self._outbox):
            self._transport.close()

    # The end.

    def _drop_half_sent(self) -> None:
        self._shared.counters.dropped_half_sent += 1
        log.info("client.dropped", reason="half-sent request")
        self._transport.abort()

    def _drop_blocked(self) -> None:
        self._shared.counters.dropped_blocked += 1
        log.info("client.dropped", reason="does not read")
        self._transport.abort()

    def _close(self) -> None:
        """Release everything that could call back."""
        self._half_sent.stop()
        self._blocked.stop()
        self._wake_at(None)
        self._outbox.close()
        self._transport.abort()


def _cut(answer: bytes) -> Pieces:
    for start in range(0, len(answer), PIECE_BYTES):
        yield answer[start : start + PIECE_BYTES]


def _has_hung_up(transport: asyncio.Transport) -> bool:
    """Whether the client has closed both directions, not only its own."""
    poll = select.poll()
    poll.register(transport.get_extra_info("socket").fileno(), 0)
    return any(event & select.POLLHUP for _fd, event in poll.poll(0))
