"""Hooks and status lines are reported in order, and counted for each agent."""

import json
from pathlib import Path

import msgspec
import pytest

from jarvisd.core.signal import HookCalled
from jarvisd.core.status_line import StatusLineRead
from jarvisd.presence.methods import MAX_AGENTS, HookHandlers
from jarvisd.presence.wire import Hook, HookReceipt, StatusLine
from tests.agents.found import AGENTS
from tests.rpc.fakes import Client, running
from tests.support import FakeClock

STOP = msgspec.Raw(b'{"session_id":"5e55","hook_event_name":"Stop"}')
STATUS = msgspec.Raw(b'{"session_id":"5e55","model":{"id":"m"}}')


@pytest.fixture
def signals() -> list[HookCalled]:
    return []


@pytest.fixture
def handlers(signals: list[HookCalled]) -> HookHandlers:
    return HookHandlers(FakeClock(), AGENTS, report=signals.append)


def test_a_hook_is_reported_with_its_process(
    handlers: HookHandlers, signals: list[HookCalled]
) -> None:
    called = handlers.handle_hook(Hook(agent="claude", payload=STOP, pid=4711))

    assert signals == [called]
    assert (signals[0].event, signals[0].pid) == ("Stop", 4711)


def test_what_is_no_hook_is_refused_and_counted(
    handlers: HookHandlers, signals: list[HookCalled]
) -> None:
    assert (
        handlers.handle_hook(Hook(agent="claude", payload=msgspec.Raw(b"{}"))) is None
    )
    assert handlers.handle_hook(Hook(agent="aider", payload=STOP)) is None

    assert signals == []
    assert [(each.agent, each.refused) for each in handlers.receipts()] == [
        ("aider", 1),
        ("claude", 1),
    ]


def test_the_receipt_tells_of_the_last_one() -> None:
    clock = FakeClock()
    handlers = HookHandlers(clock, AGENTS)
    handlers.handle_hook(Hook(agent="codex", payload=STOP))

    assert handlers.receipts() == [
        HookReceipt(
            agent="codex",
            count=1,
            refused=0,
            last_event="Stop",
            last_ms=clock.unix_ms(),
        )
    ]


def test_receipts_of_agents_without_end_are_not_kept(handlers: HookHandlers) -> None:
    for number in range(2 * MAX_AGENTS):
        handlers.handle_hook(Hook(agent=f"a{number}", payload=STOP))

    assert len(handlers.receipts()) == MAX_AGENTS


def test_a_status_line_is_passed_on_and_answered() -> None:
    read: list[StatusLineRead] = []
    handlers = HookHandlers(
        FakeClock(), AGENTS, read=read.append, needs=lambda _: "2 need\x1b[31m you"
    )
    answer = handlers.handle_status_line(StatusLine(payload=STATUS))

    assert [each.model for each in read] == ["m"]
    assert answer.text == "2 need[31m you"
    assert (
        handlers.handle_status_line(StatusLine(payload=msgspec.Raw(b"[]"))).text == ""
    )


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


@pytest.mark.parametrize(
    ("agent", "transcript", "root"),
    [
        ("claude", "/w/.claude/projects/-p/s.jsonl", "/w/.claude"),
        ("claude", "/w/projects/-p/s.jsonl", "/w"),
        ("codex", "/w/.codex/sessions/2026/11/21/r.jsonl", "/w/.codex"),
        ("codex", "/w/elsewhere/r.jsonl", "/w/elsewhere"),
    ],
)
def test_a_receipt_names_the_root_that_is_missing(
    agent: str, transcript: str, root: str
) -> None:
    trees = AGENTS[agent].roots({}, Path("/home/me"), ())
    handlers = HookHandlers(FakeClock(), AGENTS, trees=lambda: trees)
    payload = {"session_id": "s", "hook_event_name": "Stop"}
    for path in (transcript, "relative/s.jsonl", f"{trees[0].root}/-p/s.jsonl"):
        fields = json.dumps(payload | {"transcript_path": path}).encode()
        handlers.handle_hook(Hook(agent=agent, payload=msgspec.Raw(fields)))

    (receipt,) = handlers.receipts()
    assert receipt.unread_roots == [root]
