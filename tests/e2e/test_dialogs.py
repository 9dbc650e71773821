"""Dialogs of an agent, through the real daemon: its registry, its hooks, a living process."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from jarvisd.client import clock
from jarvisd.protocol.methods import Done
from jarvisd.protocol.states import LiveSession, StatesHistoryResult, StatesListResult
from tests.e2e.home import Home, append
from tests.e2e.rig import Daemon, running_daemon
from tests.presence.rig import Agent, agent, write_in_place
from tests.support import eventually


@pytest.fixture
async def daemon(home: Home) -> AsyncIterator[Daemon]:
    async with running_daemon(home) as running:
        yield running


@pytest.fixture
def claude() -> Iterator[Agent]:
    with agent("claude") as running:
        yield running


class Session:
    """One session of Claude Code, whose process lives."""

    def __init__(self, daemon: Daemon, process: Agent) -> None:
        self.id = str(uuid4())
        self._daemon = daemon
        self._process = process

    @property
    def registry(self) -> Path:
        folder = self._daemon.home.projects.parent / "sessions"
        folder.mkdir(exist_ok=True)
        return folder / f"{self._process.pid}.json"

    def write(self, **record: object) -> None:
        """Append a record to the transcript."""
        more = {"sessionId": self.id, "timestamp": clock.iso(clock.unix_ms())}
        fields = {"uuid": str(uuid4()), "cwd": "/home/me/demo", **more, **record}
        path = self._daemon.home.transcript(session=self.id)
        append(path, json.dumps(fields))

    def prompt(self) -> None:
        """Write a prompt, and a call that the agent answers it with."""
        self.write(type="user", message={"role": "user", "content": "make it so"})
        call = {"type": "tool_use", "id": "t1", "name": "Bash", "input": {}}
        message = {"id": "m1", "model": "x", "content": [call]}
        self.write(type="assistant", message={**message, "stop_reason": "tool_use"})

    def say(self, status: str, waiting_for: str | None = None) -> int:
        """Write the entry of the registry; return the time that it gives."""
        at_ms = clock.unix_ms()
        entry = {
            "pid": self._process.pid,
            "sessionId": self.id,
            "cwd": "/home/me/demo",
            "procStart": str(self._process.ticks),
            "status": status,
            "statusUpdatedAt": at_ms,
        }
        if waiting_for is not None:
            entry["waitingFor"] = waiting_for

        write_in_place(self.registry, json.dumps(entry).encode())
        return at_ms

    async def hook(self, event: str, **fields: str) -> None:
        payload = {"session_id": self.id, "hook_event_name": event, **fields}
        await self._daemon.ask("hook", Done, agent="claude", payload=payload)

    async def live(self) -> LiveSession | None:
        listed = await self._daemon.ask("states.list", StatesListResult, over=True)
        found = [each for each in listed.sessions if each.session_id == self.id]
        return found[0] if found else None

    async def comes_to(self, state: str) -> LiveSession:
        async def is_there() -> bool:
            live = await self.live()
            return live is not None and live.state.state == state

        await eventually(is_there)
        found = await self.live()
        assert found is not None
        return found

    async def told(self) -> list[str]:
        """Return the states of its transitions, in order."""
        found = await self._daemon.ask(
            "states.history", StatesHistoryResult, session_id=self.id
        )
        return [each.state for each in found.transitions]


async def test_a_granted_approval_is_work_while_its_tool_runs(
    daemon: Daemon, claude: Agent
) -> None:
    session = Session(daemon, claude)
    session.say("busy")
    session.prompt()
    await session.comes_to("working")
    await session.hook("PermissionRequest", tool_name="Bash")
    session.say("waiting", "permission prompt")
    await session.comes_to("waiting_approval")

    granted_ms = session.say("busy")
    live = await session.comes_to("working")
    assert (live.state.tool, live.state.since_ms) == ("Bash", granted_ms)
    assert await session.told() == ["working", "waiting_approval", "working"]


@pytest.mark.parametrize(
    ("word", "expected"),
    [("worker request", "waiting_approval"), ("input needed", "waiting_answer")],
)
async def test_the_registry_says_what_is_waited_for(
    daemon: Daemon, claude: Agent, word: str, expected: str
) -> None:
    session = Session(daemon, claude)
    session.prompt()
    session.say("waiting", word)

    live = await session.comes_to(expected)
    assert live.state.evidence == f"registry: {word}"
