"""A daemon for tests of the client: a thread behind a Unix socket that answers by table.

It speaks the real protocol with the real Structs, remembers what it was asked, and can
be made to hang up at any moment. The real daemon is tried in tests/e2e.
"""

import contextlib
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from jarvisd import __version__
from jarvisd.base.errors import ProtocolError
from jarvisd.base.ids import SessionId
from jarvisd.base.session_words import State
from jarvisd.base.usage import Tokens
from jarvisd.base.wire_types import Done, Params
from jarvisd.budgets.model import BudgetWarning
from jarvisd.budgets.wire import ReportBudget, ReportBudgetResult
from jarvisd.core.origin import BlockId, BlockView, Kind, Life
from jarvisd.core.wire import (
    Backfill,
    PushClose,
    PushLines,
    PushLinesResult,
    PushOpen,
    PushOpenResult,
)
from jarvisd.overview.health_wire import HealthResult, StoreHealth, WatchHealth
from jarvisd.overview.model import SessionView
from jarvisd.overview.names_wire import (
    FiltersCheck,
    FiltersCheckResult,
    IdsShorten,
    IdsShortenResult,
    Meant,
    NamesResolve,
    NamesResolveResult,
)
from jarvisd.overview.wire import (
    BlocksGet,
    BlocksList,
    BlocksListResult,
    BlocksTail,
    BlocksTailResult,
    LineResult,
    SessionPrompt,
    SessionsGet,
    SessionsPrompts,
    SessionsPromptsResult,
    SourcesListResult,
    StatusResult,
    SyncResult,
)
from jarvisd.pricing.wire import PricesGet, PricesResult
from jarvisd.reports.model import UsageRow
from jarvisd.reports.wire import ReportUsage, ReportUsageResult
from jarvisd.rpc.client_wire import HelloResult, Limits, SubscribeResult
from jarvisd.rpc.wire import METHODS
from jarvisd.state.model import StateView, Transition
from jarvisd.state.wire import LiveSession, StatesList, StatesListResult

WAIT_S = 60.0
NOW_MS = 1_790_000_000_000
DONE = Backfill(files_total=0, files_done=0, bytes_total=0, bytes_done=0, eta_s=None)
SCANNING = msgspec.structs.replace(DONE, scanning=True)
HALF_WAY = Backfill(
    files_total=10,
    files_done=3,
    bytes_total=4_000_000_000,
    bytes_done=1_200_000_000,
    eta_s=18.0,
)


class _Request(msgspec.Struct):
    id: int
    method: str
    params: msgspec.Raw


class HangUp(Exception):  # noqa: N818 - an order, not an error
    """Raised by an answer: close the connection instead."""


def block(block_id: str = "0123456789abcdef", **fields: Any) -> BlockView:
    """Return a live block of Claude; *fields* say what is different."""
    usual: dict[str, Any] = {
        "block_id": BlockId(block_id),
        "kind": Kind.TRANSCRIPT,
        "agent": "claude",
        "session_id": "5e55-10n1",
        "parent_session_id": None,
        "project": "demo",
        "cwd": "/home/ada/demo",
        "path": "/home/ada/.claude/projects/demo/5e55-10n1.jsonl",
        "pid": None,
        "life": Life.LIVE,
        "start_ts_ms": NOW_MS - 60_000,
        "last_activity_ms": NOW_MS,
        "line_count": 1234,
        "char_count": 40_000,
        "token_estimate": 10_000,
        "malformed_count": 0,
        "oversize_count": 0,
        "partial_bytes": 0,
        "bytes_read": 41_000,
        "lines_per_s": 0.5,
        "revision": 7,
    }
    return BlockView(**usual | fields)


def live_session(session_id: str = "5e55-10n1", **fields: Any) -> LiveSession:
    """Return a session; *fields* are of it or of its state."""
    of_state = {key: fields.pop(key) for key in [*fields] if key in _OF_STATE}
    usual: dict[str, Any] = {
        "agent": "claude",
        "session_id": SessionId(session_id),
        "parent_session_id": None,
        "project": "demo",
        "cwd": "/home/ada/demo",
        "title": None,
        "state": StateView(**{"state": State.IDLE, **of_state}),
    }
    return LiveSession(**usual | fields)


_OF_STATE = {*StateView.__struct_fields__}


def view(session: LiveSession) -> SessionView:
    """Return all that is known of *session*: nothing was spent in it."""
    counts = {
        name: 0
        for name in SessionView.__struct_fields__
        if name.endswith(("s", "micros", "unpriced", "revision"))
    }
    known = msgspec.structs.asdict(session)
    absent = dict.fromkeys(SessionView.__struct_fields__, None)
    return SessionView(
        **{
            **absent,
            **counts,
            **known,
            "tokens": Tokens(),
            "blocks": [],
            "tokens_estimated": False,
        }
    )


class FakeDaemon:
    """Answers on *path* while it is entered.

    Attributes:
        blocks: What it knows of.
        backfill: How far it has read history.
        health: What it says of its health; None is well.
        asked: Everything that was asked, hello left out.
        pushed: The lines of each pushed block that were committed.
        closed: The ending of each pushed block that was closed.
        before: Called with each request before it is answered; may raise.
        raw: Answers by method, instead of true ones.
        sessions: What `states.list` has, in its order.
        warnings: What `report.budget` has.
        number: That of the newest transition.
        prompts: The first words of sessions, by id.
        after: Called with each request once it has had its effect, before the answer.
        may_greet: Clients are greeted while this is set.

    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.version = __version__
        self.blocks: list[BlockView] = []
        self.backfill = DONE
        self.health: HealthResult | None = None
        self.sources = SourcesListResult(roots=[], sources=[])
        self.raw: dict[str, Any] = {}
        self.sessions: list[LiveSession] = []
        self.warnings: list[BudgetWarning] = []
        self.number = 0
        self.prompts: dict[str, str] = {}
        self.asked: list[Params] = []
        self.pushed: dict[str, list[str]] = {}
        self.oversize: dict[str, list[int]] = {}
        self.opened: dict[str, PushOpen] = {}
        self.closed: dict[str, PushClose] = {}
        self.before: Callable[[Params], None] = lambda _: None
        self.after: Callable[[Params], None] = lambda _: None
        self.may_greet = threading.Event()
        self.may_greet.set()
        self._batches: dict[str, int] = {}
        self._changed = threading.Condition()
        self._clients: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener: socket.socket | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Listen."""
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(self.path))
        self._listener.listen()
        self._start(self._accept, self._listener)

    def stop(self) -> None:
        """Go away, as a daemon that is stopped does."""
        assert self._listener is not None
        # Closing alone would leave the thread in accept.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.path.unlink()
        self.hang_up()
        for thread in self._threads:
            thread.join(WAIT_S)
            assert not thread.is_alive()

        self._threads.clear()

    def hang_up(self) -> None:
        """Close every connection, and go on listening."""
        with self._changed:
            clients, self._clients = self._clients, []
        for client in clients:
            try:
                client.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def tell(self, changed: BlockView) -> None:
        """Let *changed* be known to every client."""
        others = [each for each in self.blocks if each.block_id != changed.block_id]
        self.blocks = [changed, *others]
        params = {
            "subscription": "s1",
            "topic": "blocks",
            "cursor": "i:1",
            "data": changed,
        }
        self.notify("event", params)

    def tell_transition(self, made: Transition) -> None:
        """Let every client know of a change of state."""
        self.number = max(self.number, made.number)
        params = {
            "subscription": "s1",
            "topic": "states",
            "cursor": "i:1",
            "data": made,
        }
        self.notify("event", params)

    def notify(self, method: str, params: Any) -> None:
        """Send a notification to every client."""
        note = {"jsonrpc": "2.0", "method": method, "params": params}
        with self._changed:
            for client in self._clients:
                with contextlib.suppress(OSError):  # it has left
                    client.sendall(msgspec.json.encode(note) + b"\n")

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Return once *condition* holds; it is looked at after each request."""
        with self._changed:
            assert self._changed.wait_for(condition, WAIT_S), "it did not happen"

    def wait_for_a_client_to_leave(self) -> None:
        """Return once the newest client has hung up; for use in `before`."""
        client = self._clients[-1]
        client.settimeout(WAIT_S)
        client.recv(1, socket.MSG_PEEK)

    def was_asked(self, kind: type[Params]) -> bool:
        """Whether a *kind* was asked."""
        return any(isinstance(each, kind) for each in self.asked)

    def _start(self, work: Callable[[socket.socket], None], on: socket.socket) -> None:
        thread = threading.Thread(target=work, args=(on,))
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return

            with self._changed:
                self._clients.append(client)
            self._start(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        with client, client.makefile("rb") as lines:
            try:
                for line in lines:
                    client.sendall(self._reply(line) + b"\n")
            except (HangUp, OSError):
                return

    def _reply(self, line: bytes) -> bytes:
        request = msgspec.json.decode(line, type=_Request)
        reply: dict[str, Any] = {"jsonrpc": "2.0", "id": request.id}
        try:
            kind = METHODS[request.method][0]
            params = msgspec.json.decode(request.params, type=kind)
            reply["result"] = self._result(request.method, params)
        except ProtocolError as exc:
            data = {"kind": exc.kind, **exc.data}
            reply["error"] = {"code": exc.number, "message": str(exc), "data": data}
        return msgspec.json.encode(reply)

    def _result(self, method: str, params: Params) -> Any:
        if method == "hello":
            self.may_greet.wait(WAIT_S)
            return self._hello()

        with self._changed:
            self.asked.append(params)
            self.before(params)
            answer = self.raw.get(method) or self._answer_to(method, params)
            self.after(params)
            self._changed.notify_all()
        return answer

    def _answer_to(self, method: str, params: Params) -> Any:
        return getattr(self, f"_{method.replace('.', '_')}")(params)

    def _hello(self) -> HelloResult:
        return HelloResult(
            protocol=1,
            version=self.version,
            instance_id="i",
            pid=4711,
            started_ms=NOW_MS,
            capabilities=sorted(METHODS),
            limits=Limits(
                request_bytes=1 << 20,
                batch=32,
                in_flight=16,
                connections=64,
                client_bytes=1 << 18,
                push_lines=10_000,
            ),
        )

    def _health(self, _: Params) -> HealthResult:
        return self.health or well()

    def _sync(self, _: Params) -> SyncResult:
        return SyncResult(revision=8, took_ms=1500.0)

    def _status(self, _: Params) -> StatusResult:
        return StatusResult(
            version=self.version,
            now_ms=NOW_MS,
            revision=7,
            blocks=len(self.blocks),
            live=0,
            line_count=0,
            token_estimate=0,
            last_activity_ms=None,
            agents=[],
            newest=[],
            backfill=self.backfill,
            degraded=False,
        )

    def _line(self, _: Params) -> LineResult:
        return LineResult(text='say "hi" · 3 live \\ #1')

    def _blocks_list(self, params: BlocksList) -> BlocksListResult:
        wanted = [each for each in self.blocks if params.agent in (None, each.agent)]
        return BlocksListResult(revision=7, blocks=wanted)

    def _blocks_get(self, params: BlocksGet) -> BlockView:
        found = [
            each for each in self.blocks if each.block_id.startswith(params.block_id)
        ]
        match found:
            case [one]:
                return one
            case []:
                raise ProtocolError(-32005, "unknown_block", "no such block")
            case _:
                raise ProtocolError(-32005, "ambiguous_block", "it is ambiguous")

    def _blocks_tail(self, params: BlocksTail) -> BlocksTailResult:
        lines = self.pushed.get(params.block_id, [])
        first = max(0, len(lines) - params.lines)
        return BlocksTailResult(
            block_id=params.block_id, first_line=first, lines=lines[first:]
        )

    def _states_list(self, params: StatesList) -> StatesListResult:
        found = [each for each in self.sessions if params.agent in (None, each.agent)]
        return StatesListResult(
            now_ms=NOW_MS, number=self.number, sessions=found[: params.limit]
        )

    def _prices_get(self, _: PricesGet) -> PricesResult:
        return PricesResult(
            version="2026-11-21 t 0", day="2026-11-21", shipped_day="2026-11-21"
        )

    def _report_usage(self, params: ReportUsage) -> ReportUsageResult:
        nothing = UsageRow(
            key=None,
            agents=[],
            sessions=0,
            tokens=Tokens(),
            cost_micros=0,
            unpriced=0,
            responses=0,
            web_searches=0,
            models=[],
        )
        return ReportUsageResult(
            revision=7,
            by=params.by,
            tz=params.tz,
            complete=True,
            total=nothing,
            rows=[],
        )

    def _report_budget(self, _: ReportBudget) -> ReportBudgetResult:
        return ReportBudgetResult(
            now_ms=NOW_MS, complete=True, budgets=[], warnings=self.warnings
        )

    def _sessions_get(self, params: SessionsGet) -> SessionView:
        found = [
            each
            for each in sorted(self.sessions, key=lambda each: len(each.session_id))
            if each.session_id.startswith(params.session_id)
        ]
        if found:
            return view(found[0])

        raise ProtocolError(-32005, "unknown_session", "no such session")

    def _sessions_prompts(self, params: SessionsPrompts) -> SessionsPromptsResult:
        return SessionsPromptsResult(
            sessions=[
                SessionPrompt(
                    agent=each.agent,
                    session_id=each.session_id,
                    words=self.prompts.get(each.session_id),
                    started_ms=NOW_MS,
                )
                for each in params.sessions
            ]
        )

    def _filters_check(self, _: FiltersCheck) -> FiltersCheckResult:
        return FiltersCheckResult()

    def _names_resolve(self, params: NamesResolve) -> NamesResolveResult:
        found = [
            _meant(each.agent, each.session_id, None, project=each.project)
            for each in self.sessions
            if each.session_id.startswith(params.name)
        ]
        found = [e for e in found if e.session_id == params.name] or found
        found += [
            _meant(each.agent, each.session_id, each.block_id, project=each.project)
            for each in self.blocks
            if each.block_id.startswith(params.name)
        ]
        return NamesResolveResult(
            by="id", total=len(found), meant=found[: params.limit], complete=True
        )

    def _ids_shorten(self, params: IdsShorten) -> IdsShortenResult:
        return IdsShortenResult(short=[each[:8] for each in params.ids])

    def _sources_list(self, _: Params) -> SourcesListResult:
        return self.sources

    def _push_open(self, params: PushOpen) -> PushOpenResult:
        self.opened[params.block_id] = params
        next_seq = self._batches.setdefault(params.block_id, 0)
        return PushOpenResult(block_id=params.block_id, next_seq=next_seq)

    def _push_lines(self, params: PushLines) -> PushLinesResult:
        lines = self.pushed.setdefault(params.block_id, [])
        if params.seq == self._batches[params.block_id]:
            self._batches[params.block_id] += 1
            lines += params.lines
            self.oversize.setdefault(params.block_id, []).extend(params.oversize_chars)

        next_seq = self._batches[params.block_id]
        return PushLinesResult(next_seq=next_seq, line_count=len(lines))

    def _push_close(self, params: PushClose) -> BlockView:
        self.closed[params.block_id] = params
        return block(params.block_id, life=Life.ENDED)

    def _subscribe(self, _: Params) -> SubscribeResult:
        return SubscribeResult(subscription="s1", cursor="i:0", reset=True)

    def _unsubscribe(self, _: Params) -> Done:
        return Done()


def _meant(
    agent: str, session_id: SessionId | None, block_id: BlockId | None, **fields: Any
) -> Meant:
    usual = {"parent_session_id": None, "title": None, "last_activity_ms": NOW_MS}
    return Meant(
        agent=agent,
        session_id=session_id,
        block_id=block_id,
        **{**usual, "is_over": False, **fields},
    )


def well(**fields: Any) -> HealthResult:
    """Return the health of a daemon that is well; *fields* say what is different."""
    usual: dict[str, Any] = {
        "status": "ok",
        "version": __version__,
        "pid": 4711,
        "started_ms": NOW_MS,
        "uptime_s": 3700.0,
        "store": StoreHealth(
            path="/home/ada/.local/state/jarvisd/jarvisd.db",
            size_bytes=1_500_000,
            schema_version=1,
            revision=7,
            dirty_blocks=0,
            last_flush_ms=NOW_MS,
            last_backup_ms=None,
            error=None,
        ),
        "watch": WatchHealth(
            live="inotify",
            trees="watchfiles",
            watched_folders=3,
            last_scan_ms=NOW_MS,
            scan_took_ms=2.0,
            known_files=5,
            open_files=1,
        ),
        "backfill": DONE,
        "blocks": 5,
        "live_blocks": 1,
        "clients": 1,
        "subscriptions": 0,
        "rss_bytes": 50_000_000,
        "problems": [],
    }
    return HealthResult(**usual | fields)
