"""Who follows states is told every change, in order, from wherever it left off."""

from typing import Any

import anyio
import msgspec

from jarvisd.base.ids import SessionId
from jarvisd.base.session_words import Confidence, State
from jarvisd.core.feature import FlushOutcome, Tx
from jarvisd.core.record import Record
from jarvisd.core.signal import HookCalled
from jarvisd.core.storage.interned import Interned
from jarvisd.ledger.ledger_stream import LedgerStream
from jarvisd.state import methods
from jarvisd.state.facts import StateStream
from jarvisd.state.model import Tier, Transition
from jarvisd.state.store import write_transitions
from tests.rpc.fakes import Client, Running, block, running
from tests.support import settle


def transition(number: int = 0, session: str = "s") -> Transition:
    return Transition(
        number=number,
        agent="claude",
        session_id=SessionId(session),
        at_ms=5,
        before=None,
        state=State.WORKING,
        evidence="prompt",
        tier=Tier.TRANSCRIPT,
        confidence=Confidence.HIGH,
    )


def make(server: Running, count: int) -> list[int]:
    """Let *count* transitions happen; return their numbers."""
    journal = server.subscriptions.changes.journal
    before = journal.reported_number
    journal.add([transition() for _ in range(count)], server.clock.unix_ms())
    journal.settled(FlushOutcome.COMMITTED, journal.waiting(), None)
    return [each.number for each in journal.after(before)]


def remember(server: Running, count: int) -> None:
    """Let *count* transitions be stored by an earlier run, numbered from 1."""
    stored = [transition(number) for number in range(1, count + 1)]
    write_transitions(Tx(server.store.raw, Interned(), 1), stored)
    journal = server.subscriptions.changes.journal
    journal.last_number = journal.reported_number = journal._began = count


def know(server: Running, session: str) -> None:
    """Let there be a session with a block."""
    made = server.add(block(session * 16, lines=1))
    origin = msgspec.structs.replace(made.origin, session_id=SessionId(session))
    stream = made.memory = StateStream(LedgerStream(origin))
    server.sessions.ledger.apply(stream, Record(kind="x", at_ms=5))
    server.sessions.bind(made)


async def ask(client: Client, method: str, **params: object) -> Any:
    """Return the answer to *method*, its result or its error."""
    request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    await client.send(request)
    answer = await client.receive()
    return answer.get("result", answer.get("error"))


async def told(client: Client, count: int) -> list[int]:
    """Return the numbers of the next *count* transitions that a client is told."""
    found: list[int] = []
    while len(found) < count:
        message = await client.receive()
        if message.get("method") == "event":
            found.append(message["params"]["data"]["number"])

    return found


async def test_every_change_is_told_though_many_are_of_one_session() -> None:
    async with running() as server:
        with Client(server.endpoint.path) as client:
            await ask(client, "subscribe", topics=["states"], interval_ms=60_000)

            numbers = make(server, 500)

            assert await told(client, 500) == numbers


async def test_what_came_behind_a_known_number_comes_first() -> None:
    async with running() as server:
        numbers = make(server, 10)
        with Client(server.endpoint.path) as client:
            await ask(client, "subscribe", topics=["states"], after=numbers[3])
            later = make(server, 2)

            assert await told(client, 8) == numbers[4:] + later


async def test_what_was_missed_is_told_though_nothing_else_happens() -> None:
    async with running() as server:
        remember(server, 3)
        with Client(server.endpoint.path) as client:
            await ask(client, "subscribe", topics=["states"], after=1)

            assert await told(client, 2) == [2, 3]


async def test_who_gives_a_cursor_and_a_number_is_told_each_once_and_in_order() -> None:
    async with running() as server:
        with Client(server.endpoint.path) as client:
            begun = await ask(client, "subscribe", topics=["states"])
            numbers = make(server, 6)
            assert await told(client, 6) == numbers

        with Client(server.endpoint.path) as client:
            again = {"since": begun["cursor"], "after": numbers[2]}
            await ask(client, "subscribe", topics=["states"], **again)
            later = make(server, 2)

            assert await told(client, 5) == numbers[3:] + later


async def test_who_gives_a_cursor_alone_is_told_what_came_behind_it() -> None:
    async with running() as server:
        with Client(server.endpoint.path) as client:
            begun = await ask(client, "subscribe", topics=["states"])

        numbers = make(server, 3)
        with Client(server.endpoint.path) as client:
            await ask(client, "subscribe", topics=["states"], since=begun["cursor"])

            assert await told(client, 3) == numbers


async def test_what_is_not_stored_is_in_no_answer_until_it_was_told() -> None:
    async with running() as server:
        journal = server.subscriptions.changes.journal
        with Client(server.endpoint.path) as client:
            await ask(client, "subscribe", topics=["states"])
            journal.add([transition()], 10)
            listed = await ask(client, "states.list")
            journal.delayed()
            message = await client.receive()
            history = await ask(client, "states.history")

    assert listed["number"] == 0
    assert message["params"]["data"]["stored"] is False
    assert history["transitions"] == [message["params"]["data"]]


async def test_history_waits_for_what_is_about_to_be_stored() -> None:
    async with running() as server:
        journal = server.subscriptions.changes.journal
        with Client(server.endpoint.path) as client:
            journal.add([transition()], 10)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_store_soon, server)
                history = await ask(client, "states.history")

    assert [each["number"] for each in history["transitions"]] == [10]


async def _store_soon(server: Running) -> None:
    journal = server.subscriptions.changes.journal
    await settle()
    write_transitions(Tx(server.store.raw, Interned(), 1), journal.waiting())
    journal.settled(FlushOutcome.COMMITTED, journal.waiting(), None)


async def test_what_an_earlier_run_has_stored_comes_first() -> None:
    async with running() as server:
        remember(server, 5)
        with Client(server.endpoint.path) as client:
            await ask(client, "subscribe", topics=["states"], after=3)
            later = make(server, 1)

            assert await told(client, 3) == [4, 5, *later]


async def test_who_missed_too_much_is_told_to_read_on() -> None:
    async with running() as server:
        remember(server, methods.MAX_CAUGHT_UP + 2)
        with Client(server.endpoint.path) as client:
            refused = await ask(client, "subscribe", topics=["states"], after=1)

    assert refused["data"]["kind"] == "cursor_expired"


async def test_history_comes_in_pages() -> None:
    async with running() as server:
        remember(server, 5)
        with Client(server.endpoint.path) as client:
            first = await ask(client, "states.history", limit=3)
            second = await ask(client, "states.history", limit=3, after=first["next"])

    assert [each["number"] for each in first["transitions"]] == [1, 2, 3]
    assert [each["number"] for each in second["transitions"]] == [4, 5]
    assert second["next"] is None


async def test_those_come_first_that_need_somebody() -> None:
    async with running() as server:
        for session, event in (("a", "Stop"), ("b", "PermissionRequest")):
            know(server, session)
            server.sessions.states.record_signal(
                HookCalled(
                    agent="claude",
                    session_id=SessionId(session),
                    event=event,
                    at_ms=server.clock.unix_ms(),
                    tool="Bash",
                )
            )
        server.sessions.states.judge(server.clock.unix_ms())
        with Client(server.endpoint.path) as client:
            everybody = await ask(client, "states.list")
            needy = await ask(client, "states.list", need=True)

    found = [
        (each["session_id"], each["state"]["state"]) for each in everybody["sessions"]
    ]
    assert found == [("b", "waiting_approval"), ("a", "idle")]
    assert [each["session_id"] for each in needy["sessions"]] == ["b"]
