"""The desk passes on what agents tell, in order, and gives receipts."""

from collections.abc import Iterator

import msgspec
import pytest

from jarvisd.accumulators.states import States
from jarvisd.api.desk import MAX_AGENTS, HookDesk
from jarvisd.model.block import SessionId
from jarvisd.model.evidence import HookCalled
from jarvisd.model.state import State, StateView
from jarvisd.model.statusline import StatusLineRead
from jarvisd.protocol.states import Hook, HookReceipt, StatusLine
from tests.api.fakes import Client, running
from tests.support import FakeClock

STOP = msgspec.Raw(b'{"session_id":"5e55","hook_event_name":"Stop"}')
STATUS = msgspec.Raw(b'{"session_id":"5e55","model":{"id":"m"}}')


@pytest.fixture
def signals() -> list[HookCalled]:
    return []


@pytest.fixture
def desk(signals: list[HookCalled]) -> HookDesk:
    return HookDesk(FakeClock(), report=signals.append)


def test_a_hook_is_reported_with_its_process(
    desk: HookDesk, signals: list[HookCalled]
) -> None:
    called = desk.call(Hook(agent="claude", payload=STOP, pid=4711))

    assert signals == [called]
    assert (signals[0].event, signals[0].pid) == ("Stop", 4711)


def test_what_is_no_hook_is_refused_and_counted(
    desk: HookDesk, signals: list[HookCalled]
) -> None:
    assert desk.call(Hook(agent="claude", payload=msgspec.Raw(b"{}"))) is None
    assert desk.call(Hook(agent="aider", payload=STOP)) is None

    assert signals == []
    assert [(each.agent, each.refused) for each in desk.receipts()] == [
        ("aider", 1),
        ("claude", 1),
    ]


def test_the_receipt_tells_of_the_last_one() -> None:
    clock = FakeClock()
    desk = HookDesk(clock)
    desk.call(Hook(agent="codex", payload=STOP))

    assert desk.receipts() == [
        HookReceipt(
            agent="codex",
            count=1,
            refused=0,
            last_event="Stop",
            last_ms=clock.unix_ms(),
        )
    ]


def test_receipts_of_agents_without_end_are_not_kept(desk: HookDesk) -> None:
    for number in range(2 * MAX_AGENTS):
        desk.call(Hook(agent=f"a{number}", payload=STOP))

    assert len(desk.receipts()) == MAX_AGENTS


def test_a_status_line_is_passed_on() -> None:
    read: list[StatusLineRead] = []
    desk = HookDesk(FakeClock(), read=read.append)

    assert desk.status_line(StatusLine(payload=STATUS)) == read[0]
    assert desk.status_line(StatusLine(payload=msgspec.Raw(b"[]"))) is None
    assert [each.model for each in read] == ["m"]


class Waiting(States):
    """Sessions that all wait for leave."""

    def __init__(self, *names: str) -> None:
        super().__init__()
        self.names = names

    def roots(self) -> Iterator[tuple[str, SessionId]]:
        return (("claude", SessionId(name)) for name in self.names)

    def view(self, agent: str, session_id: SessionId) -> StateView:
        waits = session_id in self.names
        return StateView(state=State.WAITING_APPROVAL if waits else State.WORKING)


@pytest.mark.parametrize(
    ("waiting", "text"),
    [
        pytest.param((), "", id="nobody"),
        pytest.param(("5e55",), "", id="the one in which it is shown"),
        pytest.param(("a",), "1 other needs you", id="another"),
        pytest.param(("5e55", "a", "b"), "2 others need you", id="several"),
    ],
)
async def test_a_status_line_is_told_who_else_needs_somebody(
    waiting: tuple[str, ...], text: str
) -> None:
    payload = {"session_id": "5e55"}
    async with running() as server:
        server.blocks.books.states = Waiting(*waiting)
        with Client(server.endpoint.path) as client:
            answer = await client.result("statusline", payload=payload)
            nothing = await client.result("statusline", payload=[])

    assert (answer["text"], nothing["text"]) == (text, "")


async def test_hooks_come_in_over_the_socket_and_show_in_health() -> None:
    stop = {"session_id": "5e55", "hook_event_name": "Stop"}
    async with running() as server:
        with Client(server.endpoint.path) as client:
            done = await client.result("hook", agent="claude", payload=stop, pid=1)
            refused = await client.ask("hook", agent="claude", payload={"prompt": "x"})
            health = await client.result("health")

    assert done == {"ok": True}
    assert refused["error"]["data"]["kind"] == "invalid_params"
    assert [each["count"] for each in health["hooks"]] == [1]
