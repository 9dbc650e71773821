"""What each method answers.

A quick answer is given at once, from memory, as JSON; a long list comes in pieces, so
that neither the loop nor a client that does not read holds all of it; what must wait
is a function to be awaited, which the connection runs beside its client's others.
"""

import os
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import cached_property, partial
from typing import TypeVar, assert_never

import msgspec

import jarvisd
from jarvisd.accumulators.block import Block
from jarvisd.accumulators.blocks import Blocks
from jarvisd.accumulators.books import Entry
from jarvisd.api.daemon import Daemon
from jarvisd.api.desk import HookDesk
from jarvisd.api.line import render_line
from jarvisd.api.matching import matches_list, matches_sessions
from jarvisd.api.reports import Reports
from jarvisd.api.status import StatusBoard
from jarvisd.api.subscriptions import Outbox, Subscriptions
from jarvisd.api.tally import Tally
from jarvisd.clock import Clock
from jarvisd.protocol import PROTOCOL_VERSION, wire
from jarvisd.protocol.base import Params
from jarvisd.protocol.conversations import ConversationParams
from jarvisd.protocol.discover import document
from jarvisd.protocol.methods import (
    MAX_PUSH_LINES,
    METHODS,
    TOPICS,
    AttributionImport,
    BlocksGet,
    BlocksList,
    BlocksTail,
    BlocksTailResult,
    ConfigReload,
    Discover,
    Done,
    Health,
    Hello,
    HelloResult,
    Limits,
    Line,
    LineResult,
    PushClose,
    PushLines,
    PushOpen,
    ReportTools,
    ReportUsage,
    ReportWindows,
    SessionsExplain,
    SessionsGet,
    SessionsList,
    SourcesList,
    Status,
    Subscribe,
    Sync,
    SyncResult,
    Unsubscribe,
)
from jarvisd.protocol.states import Hook, StatusLine, StatusLineResult

MAX_CLIENTS = 80
"""Sixty-four that all misbehave, and room for those who do not."""

MAX_IN_FLIGHT = 16
MAX_CLIENT_BYTES = 256 * 1024
MAX_TAIL_BYTES = 1 << 20
"""Of one answer to `blocks.tail`; the newest lines that fit are given."""

SLICE = 64
"""Blocks to encode in one go: a fraction of a millisecond, about 32 KiB."""

LIMITS = Limits(
    request_bytes=wire.MAX_REQUEST_BYTES,
    batch=wire.MAX_BATCH,
    in_flight=MAX_IN_FLIGHT,
    connections=MAX_CLIENTS,
    client_bytes=MAX_CLIENT_BYTES,
    push_lines=MAX_PUSH_LINES,
)

T = TypeVar("T")

Pieces = Iterator[bytes]
Waiting = Callable[[], Awaitable[object]]
Answer = bytes | Pieces | Waiting


class Handlers:
    """Answers every method of `METHODS`."""

    def __init__(
        self,
        *,
        blocks: Blocks,
        clock: Clock,
        daemon: Daemon,
        reports: Reports,
        subscriptions: Subscriptions,
        tally: Tally,
        desk: HookDesk | None = None,
    ) -> None:
        self.status = StatusBoard(blocks, clock, daemon)
        self._desk = desk or HookDesk(clock)
        self._blocks = blocks
        self._clock = clock
        self._daemon = daemon
        self._reports = reports
        self._subscriptions = subscriptions
        self._tally = tally

    def answer(  # noqa: C901, PLR0911 - one match, a line a method
        self, request: Params, outbox: Outbox
    ) -> Answer:
        """Return the result of *request*, asked by the client of *outbox*.

        Raises:
            ProtocolError: It cannot be answered as asked.

        """
        match request:
            case Status():
                return self.status.encoded()
            case BlocksList():
                return self._list(request)
            case ReportUsage():
                return self._reports.usage(request)
            case ReportWindows() | ReportTools() | AttributionImport():
                return partial(self._report, request)
            case SessionsExplain():
                entry = self._blocks.books.find(request.session_id)
                return partial(self._reports.explain, request, entry)
            case SessionsList():
                return self._list_sessions(request)
            case Sync() | BlocksTail() | ConfigReload():
                return partial(self._wait_for, request)
            case ConversationParams():
                return partial(self._daemon.converse, request)
            case PushOpen() | PushLines() | PushClose():
                return partial(self._push, request)
            case Hook() | StatusLine():
                return wire.encode(self._take(request))
            case _:
                return wire.encode(self._quick(request, outbox))

    def _quick(  # noqa: PLR0911 - one match, a line a method
        self, request: Params, outbox: Outbox
    ) -> object:
        match request:
            case Hello():
                return self._hello(request)
            case Discover():
                return self._document
            case Health():
                return self._health()
            case Line():
                return self._line(request)
            case BlocksGet():
                block = self._blocks.find(request.block_id)
                return self._blocks.view(block, self._clock.unix_ms())
            case SessionsGet():
                books = self._blocks.books
                return books.view(books.find(request.session_id, request.agent))
            case SourcesList():
                return self._daemon.sources(request)
            case Subscribe():
                return outbox.subscribe(request)
            case Unsubscribe():
                outbox.unsubscribe(request.subscription)
                return Done()
            case _:
                raise AssertionError(type(request))

    async def _wait_for(self, request: Sync | BlocksTail | ConfigReload) -> object:
        match request:
            case Sync():
                return await self._sync()
            case BlocksTail():
                block = self._blocks.find(request.block_id)
                return _within_limit(await self._daemon.tail(block, request.lines))
            case ConfigReload():
                return await self._daemon.reload()
            case _:
                assert_never(request)

    async def _report(
        self, request: ReportWindows | ReportTools | AttributionImport
    ) -> object:
        match request:
            case ReportWindows():
                return await self._reports.windows(request)
            case ReportTools():
                return await self._reports.tools(request)
            case AttributionImport():
                return await self._reports.attribute(request)
            case _:
                assert_never(request)

    async def _push(self, request: PushOpen | PushLines | PushClose) -> object:
        match request:
            case PushOpen():
                return await self._daemon.push_open(request)
            case PushLines():
                return await self._daemon.push_lines(request)
            case PushClose():
                return await self._daemon.push_close(request)
            case _:
                assert_never(request)

    def _hello(self, request: Hello) -> HelloResult:
        if PROTOCOL_VERSION not in request.protocol:
            message = f"this jarvisd speaks protocol {PROTOCOL_VERSION}"
            raise wire.failure("protocol_mismatch", message, supported=PROTOCOL_VERSION)

        return HelloResult(
            protocol=PROTOCOL_VERSION,
            version=jarvisd.__version__,
            instance_id=self._daemon.instance_id,
            pid=os.getpid(),
            started_ms=self._daemon.started_ms,
            capabilities=[*METHODS, *(f"topic:{topic}" for topic in TOPICS)],
            limits=LIMITS,
        )

    @cached_property
    def _document(self) -> dict[str, object]:
        return document()

    def _health(self) -> object:
        return msgspec.structs.replace(
            self._daemon.health(),
            clients=self._tally.clients,
            subscriptions=len(self._subscriptions),
            hooks=self._desk.receipts(),
        )

    def _line(self, request: Line) -> LineResult:
        status = self.status.result()
        text = render_line(status, width=request.width, format_=request.format)
        return LineResult(text=text)

    def _take(self, request: Hook | StatusLine) -> Done | StatusLineResult:
        if isinstance(request, StatusLine):
            return self._desk.status_line(request)

        if self._desk.call(request) is None:
            message = f"this is no payload of a hook of {request.agent}"
            raise wire.failure("invalid_params", message)

        return Done()

    def _list(self, request: BlocksList) -> Pieces:
        now_ms = self._clock.unix_ms()
        blocks = [each for each in self._blocks if matches_list(each, request, now_ms)]
        blocks.sort(key=_newest_first)
        view = partial(self._blocks.view, now_ms=now_ms)
        return _listed(b"blocks", self._daemon.revision, blocks[: request.limit], view)

    def _list_sessions(self, request: SessionsList) -> Pieces:
        books, now_ms = self._blocks.books, self._clock.unix_ms()
        entries = [
            each for each in books.entries() if matches_sessions(each, request, now_ms)
        ]
        entries.sort(key=_newest_session_first)
        shown = entries[: request.limit]
        return _listed(b"sessions", self._daemon.revision, shown, books.view)

    async def _sync(self) -> SyncResult:
        began = self._clock.monotonic()
        revision = await self._daemon.sync()
        took_ms = (self._clock.monotonic() - began) * 1000
        return SyncResult(revision=revision, took_ms=round(took_ms, 3))


def _newest_first(block: Block) -> tuple[int, str]:
    return -(block.last_activity_ms or 0), block.block_id


def _newest_session_first(entry: Entry) -> tuple[int, str]:
    return -(entry.session.spans.last_ms or 0), entry.session.session_id


def _listed(
    name: bytes, revision: int, things: Sequence[T], view: Callable[[T], msgspec.Struct]
) -> Pieces:
    yield b'{"revision":%d,"%b":[' % (revision, name)
    for start in range(0, len(things), SLICE):
        views = [view(each) for each in things[start : start + SLICE]]
        comma = b"," if start else b""
        yield comma + wire.encode(views)[1:-1]

    yield b"]}"


def _within_limit(tail: BlocksTailResult) -> BlocksTailResult:
    room, kept = MAX_TAIL_BYTES, 0
    for line in reversed(tail.lines):
        room -= len(line.encode(errors="replace")) + 3  # quotes and comma
        if room < 0:
            break

        kept += 1
    dropped = len(tail.lines) - kept
    if not dropped:
        return tail

    return msgspec.structs.replace(
        tail, first_line=tail.first_line + dropped, lines=tail.lines[dropped:]
    )
