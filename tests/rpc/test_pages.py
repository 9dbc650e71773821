"""Long answers: page by page, and in turns with the questions of others."""

from collections.abc import Iterator
from operator import itemgetter
from typing import Any

import anyio.from_thread
import anyio.lowlevel
import anyio.to_thread
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from jarvisd.base.errors import ProtocolError
from jarvisd.base.paging import ROWS
from jarvisd.base.wire_types import Params
from jarvisd.base.work_in_turns import PAUSE, RUN, at_once, smallest
from jarvisd.cli import block_pages
from jarvisd.cli.daemon_connection import DaemonConnection
from jarvisd.core.event import PromptGiven
from jarvisd.core.origin import SessionId
from jarvisd.core.record import Record, Speaker
from jarvisd.ledger.ledger_stream import LedgerStream
from jarvisd.overview.name_candidates import CANDIDATES
from jarvisd.overview.names_wire import FiltersCheck, IdsShorten, NamesResolve
from jarvisd.overview.wire import BlocksList, BlocksListResult, SessionsList
from jarvisd.reports.wire import ReportUsage
from jarvisd.state.facts import StateStream
from jarvisd.state.methods import SESSIONS
from jarvisd.state.wire import StatesList, StatesListResult
from tests.reports.cells import cell
from tests.rpc.fakes import Client, Running, block, running
from tests.rpc.test_states import make
from tests.support import FakeClock

NOW_MS = FakeClock().unix_ms()


def add_session(server: Running, number: int, agent: str, at_ms: int) -> None:
    """Add a session with one block, one prompt, and something spent."""
    made = server.add(block(f"{number:016x}", agent=agent, lines=1, at_ms=at_ms))
    session_id = SessionId(f"s:{number // 2:04}")  # two agents use each id
    made.origin = replace(made.origin, session_id=session_id)
    stream = made.memory = StateStream(LedgerStream(made.origin))
    events = (PromptGiven(chars=5),)
    record = Record(kind="user", at_ms=at_ms, speaker=Speaker.USER, events=events)
    server.sessions.ledger.apply(stream, record)
    server.sessions.states.apply(stream, record, live=False)
    server.sessions.ledger.applied()
    server.sessions.bind(made)


def fill(server: Running, count: int) -> None:
    for number in range(count):
        agent = "codex" if number % 2 else "claude"
        add_session(server, number, agent, NOW_MS - number % 7 * 1000)

    server.sessions.states.judge(NOW_MS)
    spent = [
        cell(
            f"2026-11-{number % 28 + 1:02} 10:00",
            session=f"s:{number // 2:04}",
            agent="codex" if number % 2 else "claude",
            cost=number % 5,
            model=f"model-{number % 40}",
        )
        for number in range(count)
    ]
    server.sessions.ledger.rollup.restore([*spent, cell(None, session="s:0000")])


LISTS = [
    pytest.param("blocks.list", {}, "blocks", id="blocks"),
    pytest.param("blocks.list", {"agent": "codex"}, "blocks", id="blocks of an agent"),
    pytest.param("sessions.list", {}, "sessions", id="sessions"),
    pytest.param("sessions.list", {"agent": "codex"}, "sessions", id="of an agent"),
    pytest.param("report.usage", {"by": "session"}, "rows", id="usage by session"),
    pytest.param("report.usage", {"by": "model"}, "rows", id="usage by model"),
    pytest.param("report.usage", {"by": "day"}, "rows", id="usage by day"),
    pytest.param("report.usage", {"by": "week"}, "rows", id="usage by week"),
    pytest.param("report.usage", {"by": "project"}, "rows", id="usage by project"),
]


@pytest.mark.parametrize(("method", "wanted", "rows"), LISTS)
@pytest.mark.parametrize("limit", [1, 7, 200])
async def test_pages_are_the_whole(
    method: str, wanted: dict[str, Any], rows: str, limit: int
) -> None:
    async with running(clock=FakeClock()) as server:
        fill(server, 60)
        with Client(server.endpoint.path) as client:
            whole = await client.result(method, **wanted)
            found, after, pages = [], None, 0
            while pages == 0 or after is not None:
                page = await client.result(method, **wanted, limit=limit, after=after)
                found += page[rows]
                after, pages = page["next"], pages + 1
                assert len(page[rows]) <= limit
                assert page.get("total") == whole.get("total")

    assert found == whole[rows]
    assert whole["next"] is None
    assert pages == max(1, -(-len(found) // limit))


async def test_a_page_goes_on_where_the_last_one_ended_whatever_came() -> None:
    async with running(clock=FakeClock()) as server:
        fill(server, 30)
        with Client(server.endpoint.path) as client:
            whole = await client.result("sessions.list")
            first = await client.result("sessions.list", limit=10)
            add_session(server, 99, "claude", NOW_MS + 1)
            second = await client.result("sessions.list", after=first["next"])
            newest = await client.result("sessions.list", limit=1)

    assert first["sessions"] + second["sessions"] == whole["sessions"]
    assert newest["sessions"][0]["session_id"] == "s:0049"


@pytest.mark.parametrize("after", ["", "x", "1", "a:b:c:d", f"{10**30}:1:a:b"])
@pytest.mark.parametrize("method", ["sessions.list", "report.usage"])
async def test_what_is_no_cursor_is_refused(method: str, after: str) -> None:
    by = {"by": "session"} if method == "report.usage" else {}
    async with running() as server:
        with Client(server.endpoint.path) as client:
            answer = await client.ask(method, after=after, **by)

    assert answer["error"]["data"] == {"kind": "invalid_params", "field": "after"}


@pytest.mark.parametrize("in_batch", [False, True], ids=["alone", "in a batch"])
async def test_others_are_answered_between_two_steps_of_an_answer(
    *, in_batch: bool
) -> None:
    is_enough = False

    def steps(*_: object) -> Iterator[bytes]:
        while not is_enough:
            yield PAUSE

        yield b"[]"

    request: Any = {"jsonrpc": "2.0", "id": 1, "method": "blocks.list"}
    async with running() as server:
        with Client(server.endpoint.path) as one, Client(server.endpoint.path) as two:
            server.handlers._answers[BlocksList] = steps
            await one.send([request] if in_batch else request)
            for _ in range(3):
                await two.result("line")

            is_enough = True
            answer = await one.receive()

    assert (answer[0] if in_batch else answer)["result"] == []


@pytest.mark.parametrize(
    ("params", "steps"),
    [
        pytest.param(BlocksList(), 1000 // ROWS, id="blocks"),
        pytest.param(BlocksList(project="x"), 1000 // RUN, id="that nothing matches"),
        pytest.param(SessionsList(), 1000 // ROWS, id="sessions"),
        pytest.param(SessionsList(since=9), 1000 // RUN, id="that have not changed"),
        pytest.param(ReportUsage(by="session"), 1000 // ROWS, id="usage"),
        pytest.param(ReportUsage(by="session", limit=1), 1000 // RUN, id="a page"),
        pytest.param(
            ReportUsage(by="day", project="x"), 1000 // RUN, id="of a project"
        ),
        pytest.param(StatesList(), 1000 // SESSIONS, id="states"),
        pytest.param(StatesList(need=True), 1000 // SESSIONS, id="states of few"),
        pytest.param(IdsShorten(ids=["s:0001"]), 3 * 1000 // RUN, id="short ids"),
        pytest.param(FiltersCheck(agent="codex"), 500 // RUN, id="an agent"),
    ],
)
async def test_a_long_answer_has_many_small_steps(params: Params, steps: int) -> None:
    async with running(clock=FakeClock()) as server:
        fill(server, 1000)
        answer = server.handlers.answer(params, None)  # type: ignore[arg-type]
        assert isinstance(answer, Iterator)
        pieces = list(answer)

    assert len(pieces) >= steps
    assert all(piece.count(b'"unpriced"') <= 3 * ROWS for piece in pieces)


async def test_a_command_pages_through_all_blocks_and_misses_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(block_pages, "PAGE", 7)
    async with running(clock=FakeClock()) as server:
        fill(server, 40)
        last = server.blocks.find(f"{34:016x}")  # on a page that is still to come

        def move_to_the_front() -> None:
            last.revision = server.daemon.revision + 1
            server.grow(last)

        def ask() -> BlocksListResult:
            with DaemonConnection(str(server.endpoint.path)) as connection:
                return block_pages.list_blocks(
                    connection.call,
                    BlocksList(),
                    first=lambda: anyio.from_thread.run_sync(move_to_the_front),
                )

        found = await anyio.to_thread.run_sync(ask)

    lines = {each.block_id: each.line_count for each in found.blocks}
    assert len(found.blocks) == len(lines) == 40
    assert lines[last.block_id] == 2


@pytest.mark.parametrize(
    ("name", "looks"),
    [
        pytest.param("s:", 1, id="a beginning of all ids"),
        pytest.param("@latest", 1, id="the latest"),
        pytest.param("/b", 2, id="a project"),
        pytest.param("nothing has this", 4, id="words that nothing has"),
    ],
)
async def test_a_name_is_looked_for_in_turns(name: str, looks: int) -> None:
    async with running(clock=FakeClock()) as server:
        fill(server, 1000)
        answer = server.handlers.answer(NamesResolve(name=name), None)  # type: ignore[arg-type]
        turns = 0

        async def count_turns(*, task_status: Any) -> None:
            nonlocal turns
            task_status.started()
            while True:
                await anyio.lowlevel.checkpoint()
                turns += 1

        async with anyio.create_task_group() as tasks:
            await tasks.start(count_turns)
            await answer()  # type: ignore[operator]
            tasks.cancel_scope.cancel()

    assert turns >= looks * 1000 // CANDIDATES


async def test_states_have_the_number_of_before_their_first_step() -> None:
    async with running(clock=FakeClock()) as server:
        fill(server, 2 * SESSIONS)
        before = server.subscriptions.changes.journal.reported_number
        answer = server.handlers.answer(StatesList(), None)  # type: ignore[arg-type]
        assert isinstance(answer, Iterator)
        assert next(answer) == PAUSE
        make(server, 3)
        listed = msgspec.json.decode(b"".join(answer), type=StatesListResult)

    assert listed.number == before
    assert len(listed.sessions) == 2 * SESSIONS


async def test_a_project_that_nobody_works_in_is_refused_in_turns_and_in_order() -> (
    None
):
    async with running(clock=FakeClock()) as server:
        fill(server, 1000)
        answer = server.handlers.answer(FiltersCheck(project="x"), None)  # type: ignore[arg-type]
        assert isinstance(answer, Iterator)
        pieces: list[bytes] = []
        with pytest.raises(ProtocolError) as refused:
            pieces.extend(answer)

        with Client(server.endpoint.path) as client:
            check = {"method": "filters.check", "params": {"project": "x"}}
            await client.send(
                {"jsonrpc": "2.0", "id": 1} | check,
                {"jsonrpc": "2.0", "id": 2, "method": "line"},
                [{"jsonrpc": "2.0", "id": 3} | check],
            )
            answers = [await client.receive() for _ in range(3)]

    assert refused.value.kind == "unknown_project"
    assert len(pieces) >= 3 * (1000 // RUN)
    assert not any(pieces)
    assert [each["id"] for each in (*answers[:2], *answers[2])] == [1, 2, 3]
    for each in (answers[0], *answers[2]):
        assert each["error"]["data"] == {"kind": "unknown_project"}


@given(st.lists(st.integers(0, 50) | st.none(), max_size=3 * RUN), st.integers(0, RUN))
def test_the_smallest_are_the_first_of_all_sorted(
    things: list[int | None], limit: int
) -> None:
    numbered = [None if x is None else (at, x) for at, x in enumerate(things)]
    whole = [each for each in numbered if each is not None]

    count, found = at_once(smallest(iter(numbered), itemgetter(1), limit))

    assert count == len(whole)
    assert found == sorted(whole, key=itemgetter(1))[:limit]
