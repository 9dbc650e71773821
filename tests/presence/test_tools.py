"""Processes of tool calls, below an agent that shows a dialog: real processes."""

import os
import shutil
import signal
from collections.abc import Iterator

import pytest

from jarvisd.base.ids import SessionId
from jarvisd.core.signal import Dialog, ToolRuns
from jarvisd.presence.processes import children_of, life_of
from jarvisd.presence.tool_processes import (
    INTERVAL_S,
    LONG_DIALOG_S,
    LONG_INTERVAL_S,
    MAX_TRIES,
    ToolProcesses,
)
from tests.agents.found import AGENTS
from tests.presence.rig import Agent, Heard, agent
from tests.support import FakeClock

THREAD = "01a22f9f-ca5e-7f63-9eca-83fba649aa99"
MARKS = {"CODEX_THREAD_ID": THREAD, "CODEX_TOOL_CALL_ID": "call_1"}
CHILD = """
import os
begun, running = os.pipe()
if os.fork() == 0:
    os.execve({sleep!r}, ["sleep", "600"], {marks!r})
os.close(running)
os.read(begun, 1)
"""
"""The pipe is closed by exec: from then on the child has its own environment."""


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def shown() -> list[Dialog]:
    return []


@pytest.fixture
def tools(heard: Heard, clock: FakeClock, shown: list[Dialog]) -> ToolProcesses:
    return ToolProcesses(heard.report, clock, AGENTS, lambda: shown, lambda _: None)


def codex(marks: dict[str, str]) -> Iterator[Agent]:
    code = CHILD.format(sleep=shutil.which("sleep"), marks=marks)
    with agent("codex", code=code) as running:
        try:
            yield running
        finally:
            for pid in children_of(running.pid):
                os.kill(pid, signal.SIGKILL)


@pytest.fixture
def at_work() -> Iterator[Agent]:
    yield from codex(MARKS)


@pytest.fixture
def serving() -> Iterator[Agent]:
    yield from codex({"PORT": "1"})


def dialog(of: Agent, name: str = "codex") -> Dialog:
    return Dialog(agent=name, session_id=SessionId(THREAD), pid=of.pid)


async def test_the_process_of_a_call_is_reported_once(
    tools: ToolProcesses,
    heard: Heard,
    clock: FakeClock,
    shown: list[Dialog],
    at_work: Agent,
) -> None:
    shown.append(dialog(at_work))
    tools.run_due()
    await clock.advance(INTERVAL_S)
    tools.run_due()

    assert heard.signals == [
        ToolRuns(
            agent="codex",
            session_id=SessionId(THREAD),
            call_id="call_1",
            at_ms=heard.signals[0].at_ms,  # type: ignore[union-attr]
        )
    ]


def test_the_children_of_the_lock_s_holder_are_looked_at(
    heard: Heard, clock: FakeClock, at_work: Agent, serving: Agent
) -> None:
    """A server runs the commands of the thread that a terminal shows."""
    holder, terminal = life_of(at_work.pid), dialog(serving)
    sut = ToolProcesses(
        heard.report, clock, AGENTS, lambda: [terminal], lambda _: holder
    )
    sut.run_due()

    assert len(heard.signals) == 1


async def test_a_child_without_marks_is_given_up(
    tools: ToolProcesses,
    heard: Heard,
    clock: FakeClock,
    shown: list[Dialog],
    serving: Agent,
) -> None:
    shown.append(dialog(serving))
    for _ in range(MAX_TRIES + 2):
        tools.run_due()
        await clock.advance(INTERVAL_S)

    assert heard.signals == []


def test_nothing_is_looked_at_while_no_dialog_is_open(
    tools: ToolProcesses, heard: Heard, at_work: Agent
) -> None:
    assert tools.due_at == float("inf")
    tools.run_due()

    assert heard.signals == []


def test_the_dialogs_of_an_agent_that_marks_nothing_are_left_alone(
    tools: ToolProcesses, shown: list[Dialog], at_work: Agent
) -> None:
    shown.append(dialog(at_work, "claude"))

    assert tools.due_at == float("inf")


async def test_a_dialog_that_was_left_alone_is_looked_at_less_often(
    tools: ToolProcesses, clock: FakeClock, shown: list[Dialog], serving: Agent
) -> None:
    shown.append(dialog(serving))
    tools.run_due()
    assert tools.due_at - clock.monotonic() == pytest.approx(INTERVAL_S)

    await clock.advance(LONG_DIALOG_S + 1)
    tools.run_due()
    assert tools.due_at - clock.monotonic() == pytest.approx(LONG_INTERVAL_S)
