"""Dialogs of an agent, through the real daemon: its registry, its hooks, a living process."""

import json
import os
import shutil
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import anyio
import pytest
from anyio.streams.buffered import BufferedByteReceiveStream

from jarvisd.base.wire_types import Done
from jarvisd.cli import wall_clock
from jarvisd.overview.health_wire import HealthResult
from jarvisd.presence.processes import children_of
from jarvisd.reports.attention_wire import ReportAttentionResult
from jarvisd.state.wire import LiveSession, StatesHistoryResult, StatesListResult
from tests.e2e.commands import LIMIT_S, jarvisctl, started
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
    """One session of Claude Code, perhaps of a living process."""

    def __init__(
        self, daemon: Daemon, process: Agent | None = None, root: Path | None = None
    ) -> None:
        self.id = str(uuid4())
        self._daemon = daemon
        self._process = process
        self._root = root or daemon.home.projects.parent

    def write(self, **record: object) -> None:
        """Append a record to the transcript."""
        more = {"sessionId": self.id, "timestamp": wall_clock.iso(wall_clock.unix_ms())}
        fields = {"uuid": str(uuid4()), "cwd": "/home/me/demo", **more, **record}
        path = self._daemon.home.transcript(session=self.id)
        append(path, json.dumps(fields))

    async def prompt(self) -> None:
        """Write a prompt, and a call that the agent answers it with."""
        self.write(type="user", message={"role": "user", "content": "make it so"})
        call = {"type": "tool_use", "id": "t1", "name": "Bash", "input": {}}
        message = {"id": "m1", "model": "x", "content": [call]}
        self.write(type="assistant", message={**message, "stop_reason": "tool_use"})
        await self._daemon.sync()

    def say(
        self, status: str, waiting_for: str | None = None, *, at_ms: int | None = None
    ) -> int:
        """Write the entry of the registry; return since when it says so."""
        process, at_ms = self._process, at_ms or wall_clock.unix_ms()
        assert process is not None, "only a process writes an entry"
        entry = {
            "pid": process.pid,
            "sessionId": self.id,
            "cwd": "/home/me/demo",
            "procStart": str(process.ticks),
            "status": status,
            "statusUpdatedAt": at_ms,
        }
        if waiting_for is not None:
            entry["waitingFor"] = waiting_for

        folder = self._root / "sessions"
        folder.mkdir(parents=True, exist_ok=True)
        write_in_place(folder / f"{process.pid}.json", json.dumps(entry).encode())
        return at_ms

    async def hook(self, event: str, pid: int | None = None, /, **fields: str) -> None:
        payload = {"session_id": self.id, "hook_event_name": event, **fields}
        await self._daemon.ask("hook", Done, agent="claude", payload=payload, pid=pid)

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
    await session.prompt()
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
    await session.prompt()
    session.say("waiting", word)

    live = await session.comes_to(expected)
    assert live.state.evidence == f"registry: {word}"


@pytest.mark.parametrize(
    ("status", "expected"), [("busy", "working"), ("waiting", "waiting_approval")]
)
async def test_a_process_that_is_busy_when_it_is_found_was_not_idle_before(
    daemon: Daemon, claude: Agent, status: str, expected: str
) -> None:
    """The registry is read before the first line: here there is none at all."""
    session = Session(daemon, claude)
    session.say(status)
    await session.comes_to(expected)
    assert await session.told() == [expected]


async def test_a_process_that_is_at_work_when_its_hook_names_it_was_not_idle_before(
    daemon: Daemon, claude: Agent
) -> None:
    session = Session(daemon)
    await session.hook("UserPromptSubmit", claude.pid)
    live = await session.comes_to("working")
    assert live.state.pid == claude.pid
    assert await session.told() == ["working"]


async def test_a_process_that_goes_on_with_an_open_turn_was_not_idle_before(
    daemon: Daemon, claude: Agent
) -> None:
    """What an older process was at ended with it, but the new one is at work."""
    session = Session(daemon, claude)
    long_ago = wall_clock.iso(wall_clock.unix_ms() - 60_000)
    message = {"role": "user", "content": "make it so"}
    session.write(type="user", message=message, timestamp=long_ago)
    await session.comes_to("working")
    session.say("busy")

    async def is_believed() -> bool:
        live = await session.live()
        return live is not None and live.state.tier == "registry"

    await eventually(is_believed)
    assert await session.told() == ["working"]


async def test_a_restart_under_an_open_dialog_changes_nothing(
    daemon: Daemon, claude: Agent
) -> None:
    session = Session(daemon, claude)
    session.say("busy")
    await session.prompt()
    await session.comes_to("working")
    session.say("waiting", "permission prompt")
    before = await session.comes_to("waiting_approval")
    await daemon.sync()

    for _ in range(2):
        await daemon.restart()
        live = await session.comes_to("waiting_approval")
        assert live.state.since_ms == before.state.since_ms

    session.say("busy")
    await session.comes_to("working")
    assert await session.told() == ["working", "waiting_approval", "working"]
    report = await daemon.ask("report.attention", ReportAttentionResult)
    assert report.approvals.count == 1


@pytest.mark.parametrize("written", [True, False], ids=["read", "no transcript"])
async def test_a_dialog_that_a_hook_told_of_outlives_a_restart(
    daemon: Daemon, written: bool
) -> None:
    session = Session(daemon)
    if written:
        await session.prompt()
        await session.comes_to("working")

    await session.hook("PermissionRequest", tool_name="Bash")
    before = await session.comes_to("waiting_approval")
    told = await session.told()
    await daemon.sync()
    await daemon.restart()

    live = await session.comes_to("waiting_approval")
    assert (live.state.tool, live.state.tier) == ("Bash", "hook")
    assert live.state.since_ms == before.state.since_ms
    assert live.state.evidence == "PermissionRequest Bash"
    assert await session.told() == told

    await session.hook("PostToolUse", tool_name="Bash")
    await session.comes_to("working")
    assert await session.told() == [*told, "working"]


async def test_a_cleared_session_ends_and_its_successor_begins_then(
    daemon: Daemon, claude: Agent
) -> None:
    old, new = Session(daemon, claude), Session(daemon, claude)
    at_ms = old.say("idle")
    await old.comes_to("idle")
    await old.hook("SessionEnd", reason="clear")
    new.say("idle", at_ms=at_ms)

    live = await new.comes_to("idle")
    ended = await old.comes_to("ended")
    assert ended.state.since_ms is not None
    assert live.state.since_ms is not None
    assert live.state.since_ms >= ended.state.since_ms
    assert await old.told() == ["idle", "ended"]
    assert await new.told() == ["idle"]


async def test_a_session_whose_transcript_lies_in_no_known_root_is_used_and_told_of(
    daemon: Daemon,
) -> None:
    root = daemon.home.folder / ".claude-work"
    session = "11111111-aaaa-4aaa-8aaa-111111111111"
    path = root / "projects" / "-home-u-shop" / f"{session}.jsonl"
    fields = {
        "session_id": session,
        "transcript_path": str(path),
        "cwd": "/home/u/shop",
        "hook_event_name": "PermissionRequest",
        "tool_name": "Bash",
    }
    await jarvisctl(daemon.home, "hook", "claude", stdin=json.dumps(fields).encode())

    needed = await jarvisctl(daemon.home, "next")
    assert b"approval (Bash)" in needed.stdout
    assert b"shop" in needed.stdout
    remedy = "add it to agents.claude.roots"
    status = (await jarvisctl(daemon.home, "hooks", "status")).stdout.decode()
    assert "1 since the daemon was started" in status
    assert f"transcripts in {root} are not read: {remedy}" in status
    doctor = (await jarvisctl(daemon.home, "doctor")).stdout.decode()
    assert f"hooks come from sessions in {root}" in doctor
    assert "agents.claude.roots" in doctor


async def test_nothing_is_missing_where_the_transcript_is_read(daemon: Daemon) -> None:
    link = daemon.home.folder / "link"
    link.symlink_to(daemon.home.projects.parent)
    for root in (daemon.home.projects.parent, link):
        path = root / "projects" / "-home-u-shop" / "5e55.jsonl"
        fields = {"session_id": "5e55", "hook_event_name": "Stop"} | {
            "transcript_path": str(path)
        }
        await jarvisctl(
            daemon.home, "hook", "claude", stdin=json.dumps(fields).encode()
        )

    status = await jarvisctl(daemon.home, "hooks", "status")
    assert b", 2 since the daemon was started" in status.stdout
    assert b"not read" not in status.stdout


THREAD = "01a22f9f-ca5e-7f63-9eca-83fba649aa99"
ALLOWED = """
import ctypes, os, signal
drop = ctypes.CDLL(None).prctl  # what root may do the daemon under test may not look at
[drop(24, each, 0, 0, 0) for each in range(64)]
def run(*_):
    if os.fork() == 0:
        os.execve({sleep!r}, ["sleep", "600"], {marks!r})
signal.signal(signal.SIGUSR1, run)
"""


async def test_an_approved_command_of_codex_is_work_while_it_runs(
    daemon: Daemon,
) -> None:
    """Its process is marked with the call; no record or hook tells before its end."""
    marks = {"CODEX_THREAD_ID": THREAD, "CODEX_TOOL_CALL_ID": "call_1"}
    code = ALLOWED.format(sleep=shutil.which("sleep"), marks=marks)

    async def hook(event: str, **fields: str) -> None:
        payload = {"session_id": THREAD, "hook_event_name": event, **fields}
        given = {"agent": "codex", "payload": payload, "pid": codex.pid}
        await daemon.ask("hook", Done, **given)

    async def state() -> str | None:
        listed = await daemon.ask("states.list", StatesListResult, agent="codex")
        return listed.sessions[0].state.state if listed.sessions else None

    async def is_work() -> bool:
        return await state() == "working"

    with agent("codex", code=code) as codex:
        await hook("UserPromptSubmit")
        await hook("PreToolUse", tool_name="Bash", tool_use_id="call_1")
        await hook("PermissionRequest", tool_name="Bash")
        assert await state() == "waiting_approval"
        codex.kill(signal.SIGUSR1)
        try:
            await eventually(is_work)
        finally:
            for pid in children_of(codex.pid):
                os.kill(pid, signal.SIGKILL)


async def test_a_need_that_came_while_the_daemon_was_away_is_notified(
    daemon: Daemon, claude: Agent
) -> None:
    session = Session(daemon, claude)
    session.say("busy")
    await session.prompt()
    await session.comes_to("working")
    async with notified(daemon) as lines:
        await daemon.kill()
        session.say("waiting", "permission prompt")
        await daemon.start()
        notice = await next_notice(lines)

    assert (notice["session_id"], notice["state"]) == (session.id, "waiting_approval")


@pytest.mark.parametrize("written", [True, False], ids=["read", "no transcript"])
async def test_a_need_that_came_while_nobody_notified_outlives_a_restart(
    daemon: Daemon, written: bool
) -> None:
    async with notified(daemon):
        pass

    session, done = Session(daemon), Session(daemon)
    if written:
        await session.prompt()

    for each in (session, done):
        await each.hook("PermissionRequest", tool_name="Bash")
        await each.comes_to("waiting_approval")

    await done.hook("PostToolUse", tool_name="Bash")
    await done.comes_to("working")
    await daemon.sync()
    await daemon.restart()
    async with notified(daemon) as lines:
        notice = await next_notice(lines)

    assert notice["session_id"] == session.id


@asynccontextmanager
async def notified(daemon: Daemon) -> AsyncIterator[BufferedByteReceiveStream]:
    """Run `jarvisctl notify`, which follows the daemon, and give what it prints."""

    async def follows() -> bool:
        health = await daemon.ask("health", HealthResult)
        return health.subscriptions > 0

    command = ("notify", "--json", "--by", "bell")
    async with await started(daemon.home, *command) as process:
        assert process.stdout is not None
        await eventually(follows)
        yield BufferedByteReceiveStream(process.stdout)
        process.terminate()


async def next_notice(lines: BufferedByteReceiveStream) -> dict[str, str]:
    with anyio.fail_after(LIMIT_S):
        told = json.loads(await lines.receive_until(b"\n", 1 << 16))

    notice: dict[str, str] = told["notice"]
    return notice


async def test_the_registry_beside_a_transcript_that_is_not_read_is_believed(
    daemon: Daemon, claude: Agent
) -> None:
    root = daemon.home.folder / ".claude-work"
    session = Session(daemon, claude, root)
    session.say("busy")
    path = root / "projects" / "-home-u-shop" / f"{session.id}.jsonl"
    named = {"transcript_path": str(path)}
    await session.hook("UserPromptSubmit", **named)
    await session.hook("PermissionRequest", tool_name="Bash", **named)
    await session.comes_to("waiting_approval")

    session.say("busy")
    await session.comes_to("working")
    claude.kill()
    await session.comes_to("crashed")
