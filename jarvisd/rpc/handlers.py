"""What each method answers.

A quick answer is given at once, from memory, as JSON; a long list comes in pieces, so
that neither the loop nor a client that does not read holds all of it; what must wait
is a function to be awaited, which the connection runs beside its client's others, or,
where thousands wait, a promise, which needs no task.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from inspect import iscoroutinefunction
from typing import Any, Protocol, cast

import msgspec

import jarvisd
from jarvisd.base.clock import Clock
from jarvisd.base.errors import protocol_error
from jarvisd.base.json_guard import encode_safe
from jarvisd.base.paging import page, place_at
from jarvisd.base.wire_types import Done, Method, Params
from jarvisd.core.agent import AgentRegistry
from jarvisd.core.block import Block
from jarvisd.core.origin import BlockView
from jarvisd.core.wire import MAX_PUSH_LINES
from jarvisd.overview.filter_check import FilterCheck
from jarvisd.overview.health_wire import Health, HealthResult
from jarvisd.overview.matching import matches_list, matches_sessions
from jarvisd.overview.model import SessionView
from jarvisd.overview.name_resolution import Names
from jarvisd.overview.names_wire import FiltersCheck, IdsShorten, NamesResolve
from jarvisd.overview.prompts import prompts
from jarvisd.overview.sessions import Sessions
from jarvisd.overview.status import ReadingState, StatusBoard
from jarvisd.overview.status_text import render_line
from jarvisd.overview.wire import (
    BlocksGet,
    BlocksList,
    BlocksTail,
    BlocksTailResult,
    ConfigReload,
    ConfigReloadResult,
    Line,
    LineResult,
    SessionsGet,
    SessionsList,
    SessionsPrompts,
    SourcesList,
    SourcesListResult,
    Status,
    Sync,
    SyncResult,
)
from jarvisd.presence.methods import HookHandlers
from jarvisd.presence.wire import Hook, StatusLine
from jarvisd.reports.attention_wire import ReportAttention
from jarvisd.reports.methods import Reports
from jarvisd.reports.wire import (
    AttributionImport,
    ReportTools,
    ReportUsage,
    ReportWindows,
    SessionsExplain,
)
from jarvisd.rpc import PROTOCOL_VERSION, messages
from jarvisd.rpc.client_wire import (
    TOPICS,
    Discover,
    Hello,
    HelloResult,
    Limits,
    Subscribe,
    Unsubscribe,
)
from jarvisd.rpc.discover import document
from jarvisd.rpc.subscription import ClientOutbox, Subscriptions
from jarvisd.rpc.wire import METHODS
from jarvisd.state.methods import LiveStates
from jarvisd.state.wire import StatesHistory, StatesList

MAX_CLIENTS = 80
"""Sixty-four that all misbehave, and room for those who do not."""

MAX_IN_FLIGHT = 16
MAX_CLIENT_BYTES = 256 * 1024
MAX_TAIL_BYTES = 1 << 20
"""Of one answer to `blocks.tail`; the newest lines that fit are given."""

LIMITS = Limits(
    request_bytes=messages.MAX_REQUEST_BYTES,
    batch=messages.MAX_BATCH,
    in_flight=MAX_IN_FLIGHT,
    connections=MAX_CLIENTS,
    client_bytes=MAX_CLIENT_BYTES,
    push_lines=MAX_PUSH_LINES,
)

Pieces = Iterator[bytes]
Waiting = Callable[[], Awaitable[object]]
Promise = asyncio.Future[Any]
Answer = bytes | Pieces | Waiting | Promise
Answerer = Callable[[Any, ClientOutbox], Answer]


class Daemon(ReadingState, Protocol):
    """The rest of the daemon, as the API sees it.

    Plain methods answer from memory within a millisecond. What waits may raise
    `StoreError`, `SourceError` or `ConfigError`, each of which becomes the answer to
    that request, or `ProtocolError` with an answer of its own.
    """

    @property
    def agents(self) -> AgentRegistry:
        """The agents that can be read."""
        ...

    @property
    def instance_id(self) -> str:
        """A word that no other run of the daemon has; it begins every cursor."""
        ...

    @property
    def started_ms(self) -> int:
        """When this run began, Unix ms."""
        ...

    def health(self) -> HealthResult:
        """Return the state of everything; clients and subscriptions are filled in here."""
        ...

    def sources(self, params: SourcesList, /) -> SourcesListResult:
        """Return where everything comes from."""
        ...

    async def sync(self) -> int:
        """Look once, read, store; return the revision that holds it all."""
        ...

    async def tail(self, block: Block, lines: int, /) -> BlocksTailResult:
        """Read the last *lines* of *block* from its source."""
        ...

    def reload(self) -> Awaitable[ConfigReloadResult]:
        """Read the configuration again."""
        ...


@dataclass(slots=True)
class ServerCounters:
    """What the server has counted since it began; *clients* are those of now.

    Shown by `health`.
    """

    clients: int = 0
    accepted: int = 0
    requests: int = 0
    crashed_requests: int = 0
    refused_peers: int = 0
    refused_busy: int = 0
    accept_pauses: int = 0
    dropped_blocked: int = 0
    dropped_half_sent: int = 0


class Handlers:
    """Answers every method of `METHODS`; *methods* answer those of features."""

    def __init__(
        self,
        *,
        sessions: Sessions,
        clock: Clock,
        daemon: Daemon,
        reports: Reports,
        states: LiveStates,
        subscriptions: Subscriptions,
        counters: ServerCounters,
        methods: Mapping[type[Params], Method],
        hook_handlers: HookHandlers | None = None,
    ) -> None:
        self.status = StatusBoard(sessions, clock, daemon)
        self._hook_handlers = hook_handlers or HookHandlers(clock, daemon.agents)
        self._sessions = sessions
        self._blocks = sessions.blocks
        self._clock = clock
        self._daemon = daemon
        self._reports = reports
        self._states = states
        self._subscriptions = subscriptions
        self._counters = counters
        self._answers = {
            **self._answerers(daemon, reports, states),
            **{params: _waiting(method) for params, method in methods.items()},
        }

    def answer(self, request: Params, outbox: ClientOutbox) -> Answer:
        """Return the result of *request*, asked by the client of *outbox*.

        Raises:
            ProtocolError: It cannot be answered as asked.

        """
        return self._answers[type(request)](request, outbox)

    def _answerers(
        self, daemon: Daemon, reports: Reports, states: LiveStates
    ) -> Mapping[type[Params], Answerer]:
        """Return the handler of each method, one line each."""
        names = Names(
            self._sessions, daemon.agents, self._clock, backfill=daemon.backfill
        )
        return {
            Hello: _now(self._hello),
            Discover: _now(lambda _: self._document),
            Health: _now(self._health),
            Sync: _later(self._sync),
            ConfigReload: _later(lambda _: daemon.reload()),
            Status: _as_it_is(lambda _: self.status.encoded()),
            Line: _now(self._line),
            BlocksList: _as_it_is(self._list),
            BlocksGet: _now(self._block),
            BlocksTail: _later(self._tail),
            SessionsList: _as_it_is(self._list_sessions),
            SessionsGet: _now(self._session),
            SessionsPrompts: _later(partial(prompts, self._sessions, daemon.agents)),
            SessionsExplain: _as_it_is(self._explain),
            SourcesList: _now(daemon.sources),
            Hook: _now(self._hook),
            StatusLine: _now(self._hook_handlers.handle_status_line),
            StatesList: _as_it_is(states.current),
            StatesHistory: _later(states.history),
            Subscribe: self._subscribe,
            Unsubscribe: self._unsubscribe,
            ReportUsage: _as_it_is(reports.usage),
            ReportWindows: _later(reports.windows),
            ReportTools: _later(reports.tools),
            ReportAttention: _later(reports.attention),
            AttributionImport: _later(reports.attribute),
            FiltersCheck: _as_it_is(
                FilterCheck(self._sessions, daemon.agents, daemon.backfill).check
            ),
            NamesResolve: _later(names.resolve),
            IdsShorten: _as_it_is(names.shorten),
        }

    def _hello(self, request: Hello) -> HelloResult:
        if PROTOCOL_VERSION not in request.protocol:
            message = f"this jarvisd speaks protocol {PROTOCOL_VERSION}"
            raise protocol_error(
                "protocol_mismatch", message, supported=PROTOCOL_VERSION
            )

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

    def _health(self, _: Health) -> object:
        return msgspec.structs.replace(
            self._daemon.health(),
            clients=self._counters.clients,
            subscriptions=len(self._subscriptions),
            hooks=self._hook_handlers.receipts(),
        )

    def _line(self, request: Line) -> LineResult:
        status = self.status.result()
        text = render_line(status, width=request.width, format_=request.format)
        return LineResult(text=text)

    def _hook(self, request: Hook) -> Done:
        if self._hook_handlers.handle_hook(request) is None:
            message = f"this is no payload of a hook of {request.agent}"
            raise protocol_error("invalid_params", message)

        return Done()

    def _list(self, request: BlocksList) -> Pieces:
        now_ms = self._clock.unix_ms()
        found = self._blocks.newest_first(place_at(request.after, numbers=1, names=1))
        return page(
            b'{"revision":%d,"blocks":[' % self._daemon.revision,
            (x for x in found if x is None or matches_list(x, request, now_ms)),
            limit=request.limit,
            view=partial(self._sessions.block_view, now_ms=now_ms),
            place_of=self._blocks.place_of,
        )

    def _list_sessions(self, request: SessionsList) -> Pieces:
        books, now_ms = self._sessions, self._clock.unix_ms()
        found = books.newest_first(place_at(request.after, numbers=1, names=2))
        return page(
            b'{"revision":%d,"sessions":[' % self._daemon.revision,
            (x for x in found if x is None or matches_sessions(x, request, now_ms)),
            limit=request.limit,
            view=books.view,
            place_of=books.place_of_entry,
        )

    def _block(self, request: BlocksGet) -> BlockView:
        block = self._blocks.find(request.block_id)
        return self._sessions.block_view(block, self._clock.unix_ms())

    async def _tail(self, request: BlocksTail) -> BlocksTailResult:
        block = self._blocks.find(request.block_id)
        return _within_limit(await self._daemon.tail(block, request.lines))

    def _session(self, request: SessionsGet) -> SessionView:
        books = self._sessions
        return books.view(books.find(request.session_id, request.agent))

    def _explain(self, request: SessionsExplain) -> Waiting:
        entry = self._sessions.find(request.session_id)
        return partial(self._reports.explain, request, entry.session, entry.blocks)

    def _subscribe(self, request: Subscribe, outbox: ClientOutbox) -> Answer:
        if request.after is None:
            return encode_safe(outbox.subscribe(request))

        return partial(self._follow, request, outbox, request.after)

    async def _follow(
        self, request: Subscribe, outbox: ClientOutbox, after: int
    ) -> object:
        missed = await self._states.missed(after)
        return outbox.subscribe(request, missed)

    def _unsubscribe(self, request: Unsubscribe, outbox: ClientOutbox) -> bytes:
        outbox.unsubscribe(request.subscription)
        return encode_safe(Done())

    async def _sync(self, _: Sync) -> SyncResult:
        began = self._clock.monotonic()
        revision = await self._daemon.sync()
        took_ms = (self._clock.monotonic() - began) * 1000
        return SyncResult(revision=revision, took_ms=round(took_ms, 3))


def _now(act: Callable[[Any], object]) -> Answerer:
    """Answer at once with what *act* makes of the request."""
    return lambda request, _: encode_safe(act(request))


def _later(act: Callable[[Any], Awaitable[object]]) -> Answerer:
    """Answer with what *act* returns, once it does."""
    return lambda request, _: partial(act, request)


def _waiting(method: Method) -> Answerer:
    """Answer with what *method* returns, once it does: a promise needs no task."""
    if iscoroutinefunction(method):
        return _later(method)

    return _as_it_is(cast("Callable[[Any], Promise]", method))


def _as_it_is(act: Callable[[Any], Answer]) -> Answerer:
    """Answer with what *act* returns, which is an answer already."""
    return lambda request, _: act(request)


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
