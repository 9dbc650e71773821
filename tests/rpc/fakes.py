"""A daemon made by hand, a server around it, and a client of blocking sockets."""

import asyncio
import json
import os
import socket
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar

import anyio
import anyio.to_thread
import msgspec

from jarvisd.base.clock import Clock, SystemClock
from jarvisd.base.ids import SessionId
from jarvisd.base.wire_types import Method, Params
from jarvisd.budgets.wire import ReportBudget, ReportBudgetResult
from jarvisd.conversations.model import (
    Channel,
    ConversationId,
    ConversationView,
    MessageId,
    MessageView,
)
from jarvisd.conversations.wire import (
    CONVERSATION_METHODS,
    ConversationParams,
    ConversationsConsolidate,
    ConversationsConsolidateResult,
    ConversationsDecay,
    ConversationsDecayResult,
    ConversationsForget,
    ConversationsForgetResult,
    ConversationsGetOrCreate,
    ConversationsGetOrCreateResult,
    ConversationsLinkChannel,
    ConversationsLinkChannelResult,
    ConversationsList,
    ConversationsListResult,
    ConversationsMessages,
    ConversationsMessagesResult,
    ConversationsRecall,
    ConversationsRecallResult,
    ConversationsResolve,
    ConversationsSaveMessage,
    ConversationsSaveMessageResult,
    RecallHit,
)
from jarvisd.core.agent import AgentRegistry
from jarvisd.core.block import Block
from jarvisd.core.block_registry import BlockChanged, Blocks
from jarvisd.core.origin import BlockId, BlockView, Kind, Origin
from jarvisd.core.publisher import Publisher
from jarvisd.core.storage.migrate import shipped_scripts
from jarvisd.core.storage.readable_store import ReadableStore
from jarvisd.core.storage.sqlite_connection import Unit
from jarvisd.core.wire import (
    Backfill,
    PushClose,
    PushLines,
    PushLinesResult,
    PushOpen,
    PushOpenResult,
)
from jarvisd.overview.health_wire import HealthResult, StoreHealth, WatchHealth
from jarvisd.overview.sessions import Sessions
from jarvisd.overview.wire import (
    BlocksTailResult,
    ConfigReloadResult,
    SourcesList,
    SourcesListResult,
)
from jarvisd.pricing.wire import PricesGet, PricesResult, PricesUpdate
from jarvisd.reports.awake import Awake
from jarvisd.reports.methods import Reports
from jarvisd.rpc.connection import Timeouts
from jarvisd.rpc.endpoint import Endpoint, open_endpoint
from jarvisd.rpc.handlers import Handlers, ServerCounters
from jarvisd.rpc.server import RpcServer
from jarvisd.rpc.subscription import Subscriptions
from jarvisd.segments.model import Closed, Segment, segment_id
from jarvisd.segments.wire import (
    SEGMENT_METHODS,
    ChatsEndSession,
    ChatsEndSessionResult,
    ChatsRecordError,
    ChatsRecordInference,
    ChatsRecordResult,
    ChatsRecordTool,
    SegmentParams,
    SegmentsList,
    SegmentsListResult,
)
from jarvisd.state.journal import Journal, TransitionReported
from jarvisd.state.methods import LiveStates
from tests.agents.found import AGENTS, traits_of
from tests.support import FakeClock

T = TypeVar("T")

TALK = ConversationView(
    conversation_id=ConversationId("9f1c0a7be52d4e60"),
    user_id="ada",
    display_name="Ada",
    project=None,
    channels=[Channel(channel="telegram", channel_user_id="4711")],
    created_ms=1_795_228_010_000,
    last_activity_ms=1_795_228_010_000,
    message_count=1,
    folded_count=0,
    metadata={},
)
REMARK = MessageView(
    message_id=MessageId(1),
    role="user",
    content="Is the build green?",
    channel="telegram",
    at_ms=1_795_228_010_000,
)
CONVERSING: dict[type[ConversationParams], object] = {
    ConversationsGetOrCreate: ConversationsGetOrCreateResult(
        conversation=TALK, created=True
    ),
    ConversationsSaveMessage: ConversationsSaveMessageResult(
        message_id=MessageId(1), message_count=1, repeated=False
    ),
    ConversationsLinkChannel: ConversationsLinkChannelResult(
        conversation=TALK, moved_from=None
    ),
    ConversationsResolve: TALK,
    ConversationsList: ConversationsListResult(conversations=[TALK]),
    ConversationsMessages: ConversationsMessagesResult(messages=[REMARK], more=False),
    ConversationsConsolidate: ConversationsConsolidateResult(folded=0, message_count=1),
    ConversationsDecay: ConversationsDecayResult(removed=0),
    ConversationsRecall: ConversationsRecallResult(
        hits=[
            RecallHit(
                conversation_id=TALK.conversation_id, project=None, message=REMARK
            )
        ]
    ),
    ConversationsForget: ConversationsForgetResult(
        conversations=1,
        messages=1,
        summaries=0,
        old_backups=0,
        old_backups_until_ms=None,
    ),
}
"""What is answered about conversations; the real thing is tried in tests/daemon."""

SEGMENT = Segment(
    segment_id=segment_id("chat", SessionId("c1"), 1),
    agent="chat",
    session_id=SessionId("c1"),
    segment=1,
    block_id=None,
    started_ms=1_795_228_010_000,
    ended_ms=1_795_228_070_000,
    duration_ms=60_000,
    reason=Closed.IDLE,
    turns=5,
    tokens_in=50,
    tokens_out=25,
    cost_micros=0,
    unpriced=5,
    latency_p50_ms=300.0,
    latency_p95_ms=480.0,
    tools=3,
    unique_tools=2,
    unique_models=1,
    errors=1,
    model="llama3.1:8b",
    engine="ollama",
    project=None,
    closed_ms=1_795_228_371_000,
)
SEGMENTING: dict[type[SegmentParams], object] = {
    SegmentsList: SegmentsListResult(segments=[SEGMENT], next=1, more=False),
    ChatsRecordInference: ChatsRecordResult(segment=1),
    ChatsRecordTool: ChatsRecordResult(segment=1),
    ChatsRecordError: ChatsRecordResult(segment=1),
    ChatsEndSession: ChatsEndSessionResult(segment=1),
}
"""What is answered about segments; the real thing is tried in tests/daemon."""

PATIENCE_S = 60.0
"""How long a test waits for what must come."""

NOTHING_TO_READ = Backfill(
    files_total=0, files_done=0, bytes_total=0, bytes_done=0, eta_s=None
)


@dataclass
class FakeDaemon:
    """Answers what it was told to, and remembers what it was asked."""

    agents: AgentRegistry = AGENTS
    instance_id: str = "i1"
    started_ms: int = 1_700_000_000_000
    revision: int = 7
    degraded: bool = False
    reading: Backfill = NOTHING_TO_READ
    error: Exception | None = None
    lines: list[str] = field(default_factory=lambda: ["one", "two"])
    pushed: list[PushLines] = field(default_factory=list)
    hold: anyio.Event | None = None
    waiting: int = 0

    def backfill(self) -> Backfill:
        return self.reading

    def health(self) -> HealthResult:
        if self.error is not None:
            raise self.error

        return HealthResult(
            status="ok",
            version="0.1.0",
            pid=os.getpid(),
            started_ms=self.started_ms,
            uptime_s=1.5,
            store=StoreHealth(
                path="/home/ada/.local/state/jarvisd/jarvisd.db",
                size_bytes=4096,
                schema_version=1,
                revision=self.revision,
                dirty_blocks=0,
                last_flush_ms=None,
                last_backup_ms=None,
                error=None,
            ),
            watch=WatchHealth(
                live="inotify",
                trees="watchfiles",
                watched_folders=3,
                last_scan_ms=None,
                scan_took_ms=0.4,
                known_files=2,
                open_files=1,
            ),
            backfill=self.reading,
            blocks=1,
            live_blocks=1,
            clients=0,
            subscriptions=0,
            rss_bytes=30_000_000,
            problems=[],
        )

    def sources(self, params: SourcesList) -> SourcesListResult:
        return SourcesListResult(roots=[], sources=[])

    async def sync(self) -> int:
        await self._wait()
        return self.revision

    async def tail(self, block: Block, lines: int) -> BlocksTailResult:
        await self._wait()
        kept = self.lines[-lines:] if lines else []
        return BlocksTailResult(
            block_id=block.block_id,
            first_line=len(self.lines) - len(kept),
            lines=kept,
        )

    async def reload(self) -> ConfigReloadResult:
        await self._wait()
        return ConfigReloadResult(changed=["log_level"], needs_restart=[])

    def methods(self) -> dict[type[Params], Method]:
        """Return the handlers of the features' methods."""
        return {
            **{params: self._converse for params, _ in CONVERSATION_METHODS.values()},
            **{params: self._segment for params, _ in SEGMENT_METHODS.values()},
            ConversationsSaveMessage: self._save_message,
            PushOpen: self._push_open,
            ReportBudget: self._budgets,
            PricesGet: self._prices,
            PricesUpdate: self._prices,
            PushLines: self._push_lines,
            PushClose: self._push_close,
        }

    async def _prices(self, _: PricesGet | PricesUpdate) -> PricesResult:
        await self._wait()
        day = "2026-11-21"
        return PricesResult(version=f"{day} test", day=day, shipped_day=day)

    async def _budgets(self, _: ReportBudget) -> ReportBudgetResult:
        await self._wait()
        return ReportBudgetResult(now_ms=0, complete=True, budgets=[], warnings=[])

    async def _converse(self, params: ConversationParams) -> object:
        await self._wait()
        return CONVERSING[type(params)]

    def _save_message(
        self, params: ConversationsSaveMessage
    ) -> asyncio.Future[ConversationsSaveMessageResult]:
        return asyncio.ensure_future(self._saved(params))  # noqa: TID251 - a promise

    async def _saved(
        self, params: ConversationsSaveMessage
    ) -> ConversationsSaveMessageResult:
        result = await self._converse(params)
        assert isinstance(result, ConversationsSaveMessageResult)
        return result

    async def _push_open(self, params: PushOpen) -> PushOpenResult:
        await self._wait()
        return PushOpenResult(block_id=params.block_id, next_seq=0)

    async def _push_lines(self, params: PushLines) -> PushLinesResult:
        await self._wait()
        self.pushed.append(params)
        return PushLinesResult(next_seq=params.seq + 1, line_count=len(params.lines))

    async def _segment(self, params: SegmentParams) -> object:
        await self._wait()
        return SEGMENTING[type(params)]

    async def _push_close(self, params: PushClose) -> BlockView:
        await self._wait()
        return block(params.block_id).view(self.started_ms)

    async def _wait(self) -> None:
        self.waiting += 1
        if self.hold is not None:
            await self.hold.wait()

        self.waiting -= 1
        if self.error is not None:
            raise self.error


def block(
    block_id: str = "00000000000000aa",
    *,
    agent: str = "claude",
    project: str | None = "/home/ada/shop",
    lines: int = 0,
    at_ms: int = 1_700_000_000_000,
) -> Block:
    made = Block(
        Origin(
            block_id=BlockId(block_id),
            kind=Kind.TRANSCRIPT,
            agent=agent,
            project=project,
            path=f"/home/ada/.claude/projects/shop/{block_id}.jsonl",
        )
    )
    for _ in range(lines):
        made.add_line(b"x" * 40)
        made.seen_at(at_ms)
    return made


@dataclass
class FakeStore:
    """A store in memory, as empty as a new one."""

    raw: sqlite3.Connection = field(init=False)

    def __post_init__(self) -> None:
        self.raw = sqlite3.connect(":memory:", isolation_level=None)
        for script in shipped_scripts():
            self.raw.executescript(script)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.raw.close()

    async def read(self, query: Unit[T]) -> T:
        return query(self.raw)

    async def change(self, unit: Unit[None]) -> None:
        unit(self.raw)


def reports_of(
    books: Sessions, store: ReadableStore, clock: Clock, daemon: FakeDaemon
) -> Reports:
    """Return reports on *books*, with *daemon* in place of the rest."""
    return Reports(
        ledger=books.ledger,
        states=books.states,
        journal=Journal(),
        awake=Awake(FakeClock()),  # its time stands still: nobody was awake
        agents=daemon.agents,
        store=store,
        clock=clock,
        project_of=books.project,
        revision=lambda: daemon.revision,
        is_complete=lambda: daemon.reading.files_total == 0,
    )


@dataclass
class Running:
    """A server that runs, and everything a test wants to reach of it."""

    endpoint: Endpoint
    sessions: Sessions
    daemon: FakeDaemon
    subscriptions: Subscriptions
    handlers: Handlers
    counters: ServerCounters
    clock: Clock
    store: FakeStore

    @property
    def blocks(self) -> Blocks:
        return self.sessions.blocks

    def add(self, made: Block) -> Block:
        self.blocks.add(made, self.clock.unix_ms())
        return made

    def grow(self, made: Block, lines: int = 1) -> None:
        now_ms = self.clock.unix_ms()
        for _ in range(lines):
            made.add_line(b"x" * 40)
        made.seen_at(now_ms)
        self.blocks.changed(made, now_ms)


@asynccontextmanager
async def running(
    *,
    timeouts: Timeouts | None = None,
    request_s: float | None = None,
    clock: Clock | None = None,
) -> AsyncIterator[Running]:
    """Run a server at a short path of its own until the block ends."""
    clock = clock or SystemClock()
    with (
        FakeStore() as store,
        runtime_folder() as folder,
        open_endpoint(folder / "rpc.sock") as endpoint,
    ):
        daemon, counters, publisher = FakeDaemon(), ServerCounters(), Publisher()
        publish = publisher.publish
        sessions = Sessions(traits_of=traits_of, publish=publish)
        journal = Journal(publish=publish)
        subscriptions = Subscriptions(
            sessions, clock, instance_id=daemon.instance_id, journal=journal
        )
        states = LiveStates(
            sessions.states,
            journal,
            store,
            clock,
            place_of=sessions.place_of,
            project_of=sessions.projects.of,
        )
        publisher.connect(
            {
                BlockChanged: (subscriptions.block_changed,),
                TransitionReported: (
                    subscriptions.transition_reported,
                    states.transition_reported,
                ),
            }
        )
        handlers = Handlers(
            sessions=sessions,
            clock=clock,
            daemon=daemon,
            reports=reports_of(sessions, store, clock, daemon),
            states=states,
            methods=daemon.methods(),
            subscriptions=subscriptions,
            counters=counters,
        )
        server = RpcServer(handlers, subscriptions, clock, counters, timeouts=timeouts)
        if request_s is not None:
            server.replies.request_s = server.replies.long_request_s = request_s

        async with anyio.create_task_group() as tasks:
            await tasks.start(server.serve, endpoint)
            yield Running(
                endpoint,
                sessions,
                daemon,
                subscriptions,
                handlers,
                counters,
                clock,
                store,
            )
            tasks.cancel_scope.cancel()


@contextmanager
def runtime_folder() -> Iterator[Path]:
    """Give a private folder whose path is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="jarvisd-") as name:
        yield Path(name) / "run"


class Client:
    """A client as simple as they come: a blocking socket, used from threads."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE_S)
        self.socket.connect(os.fspath(path))
        self._received = self.socket.makefile("rb")

    async def send(self, *objects: object) -> None:
        """Send each of *objects* as a line."""
        await self.send_raw(b"".join(msgspec.json.encode(o) + b"\n" for o in objects))

    async def send_raw(self, data: bytes) -> None:
        await anyio.to_thread.run_sync(self.socket.sendall, data)

    async def receive_line(self) -> bytes:
        """Return the next line with its end; empty when the server has hung up."""
        try:
            return await anyio.to_thread.run_sync(self._received.readline)
        except ConnectionResetError:
            return b""

    async def receive(self) -> Any:
        line = await self.receive_line()
        assert line.endswith(b"\n"), f"half a line: {line[-80:]!r}"
        return json.loads(line)

    async def ask(self, method: str, **params: object) -> Any:
        """Return the answer to a request, error or result."""
        await self.send({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        return await self.receive()

    async def result(self, method: str, **params: object) -> Any:
        answer = await self.ask(method, **params)
        assert "result" in answer, answer
        return answer["result"]

    def end_sending(self) -> None:
        self.socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self._received.close()
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
