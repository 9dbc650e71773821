"""Who needs somebody, through the real daemon: from a hook to the list, the bell, the report."""

import json
from collections.abc import AsyncIterator
from uuid import uuid4

import anyio
import pytest
from anyio.streams.buffered import BufferedByteReceiveStream

from jarvisd.base.errors import EXIT_NO_SUCH_BLOCK
from jarvisd.base.wire_types import Done
from jarvisd.cli import wall_clock
from jarvisd.overview.wire import StatusResult
from jarvisd.presence.wire import StatusLineResult
from jarvisd.reports.attention_wire import ReportAttentionResult
from jarvisd.state.wire import StatesHistoryResult, StatesListResult
from tests.e2e.commands import LIMIT_S, jarvisctl, started
from tests.e2e.home import Home, append
from tests.e2e.rig import Daemon, running_daemon
from tests.support import eventually


@pytest.fixture
async def daemon(home: Home) -> AsyncIterator[Daemon]:
    async with running_daemon(home) as running:
        yield running


async def a_session(daemon: Daemon) -> str:
    session = str(uuid4())
    prompt = {
        "type": "user",
        "uuid": str(uuid4()),
        "sessionId": session,
        "timestamp": wall_clock.iso(wall_clock.unix_ms()),
        "cwd": "/home/me/demo",
        "message": {"role": "user", "content": "make it so"},
    }
    append(daemon.home.transcript(session=session), json.dumps(prompt))
    await daemon.sync()
    return session


def said(session: str, text: str) -> dict[str, object]:
    """Return the line of an agent that ended its turn with *text*."""
    return {
        "type": "assistant",
        "sessionId": session,
        "timestamp": wall_clock.iso(wall_clock.unix_ms()),
        "message": {
            "id": "m1",
            "model": "claude-opus-4-8",
            "content": [{"type": "text", "text": text}],
            "stop_reason": "end_turn",
        },
    }


async def hook(daemon: Daemon, session: str, event: str, **fields: str) -> None:
    payload = {"session_id": session, "hook_event_name": event, **fields}
    await daemon.ask("hook", Done, agent="claude", payload=payload)


async def needs(daemon: Daemon) -> list[tuple[str, str]]:
    shown = await jarvisctl(daemon.home, "next", "--json")
    return [
        (each["session_id"], each["state"]["state"])
        for each in json.loads(shown.stdout)["sessions"]
    ]


async def test_an_approval_is_listed_while_it_waits(daemon: Daemon) -> None:
    session = await a_session(daemon)
    await hook(daemon, session, "PermissionRequest", tool_name="Bash")

    async def waits() -> bool:
        return await needs(daemon) == [(session, "waiting_approval")]

    await eventually(waits)
    shown = await jarvisctl(daemon.home, "next")
    checked = await jarvisctl(daemon.home, "next", "--check")
    line = await jarvisctl(daemon.home, "line", "--width", "90")
    assert b"approval (Bash)" in shown.stdout
    assert b"(hook)" in shown.stdout
    assert checked.returncode == 1
    assert line.stdout.startswith(b"1 needs you")

    await hook(daemon, session, "PostToolUse", tool_name="Bash")

    async def goes_on() -> bool:
        return await needs(daemon) == []

    await eventually(goes_on)


async def test_a_guess_is_listed_and_counted_nowhere(daemon: Daemon) -> None:
    session = await a_session(daemon)
    ending = json.dumps(said(session, "Shall I go on?"))
    append(daemon.home.transcript(session=session), ending)
    await daemon.sync()

    async def asks() -> bool:
        return await needs(daemon) == [(session, "waiting_answer")]

    await eventually(asks)
    shown = await jarvisctl(daemon.home, "next", "--check")
    line = await jarvisctl(daemon.home, "line", "--width", "90")
    status = await daemon.ask("status", StatusResult)
    payload = {"session_id": str(uuid4()), "model": {"id": "x"}}
    other = await daemon.ask("statusline", StatusLineResult, payload=payload)
    assert b"answer?" in shown.stdout
    assert b"nobody needs you" in shown.stderr
    assert shown.returncode == 0
    assert b"need" not in line.stdout
    assert (status.need, status.states) == (0, {"waiting_answer": 1})
    assert other.text == ""


async def test_a_session_of_which_only_hooks_tell_is_counted_and_listed(
    daemon: Daemon,
) -> None:
    session = str(uuid4())
    await hook(daemon, session, "PermissionRequest", tool_name="Bash", cwd="/home/me/x")

    shown = await jarvisctl(daemon.home, "next", "--check", "--project", "x")
    elsewhere = await jarvisctl(daemon.home, "next", "--check", "--project", "y")
    status = await daemon.ask("status", StatusResult)
    assert await needs(daemon) == [(session, "waiting_approval")]
    assert b"approval (Bash)" in shown.stdout
    assert (shown.returncode, elsewhere.returncode) == (1, EXIT_NO_SUCH_BLOCK)
    assert status.need == 1


async def test_a_need_is_told_once_over_a_restart_of_the_daemon(daemon: Daemon) -> None:
    first, second = await a_session(daemon), await a_session(daemon)
    async with await started(daemon.home, "notify", "--json", "--by", "bell") as told:
        assert told.stdout is not None
        lines = BufferedByteReceiveStream(told.stdout)
        await _followed(daemon)
        await hook(daemon, first, "PermissionRequest", tool_name="Bash")
        assert (await _next(lines))["session_id"] == first

        await daemon.terminate()
        await daemon.start()
        await _followed(daemon)
        await hook(daemon, second, "PermissionRequest", tool_name="Edit")
        notice = await _next(lines)
        told.terminate()

    assert (notice["session_id"], notice["tool"]) == (second, "Edit")


@pytest.mark.parametrize(
    "options",
    [(), ("--agent", "claude"), ("--project", "demo"), ("--project", "/home/me/demo")],
    ids=" ".join,
)
async def test_a_need_is_told_before_there_is_a_transcript(
    daemon: Daemon, options: tuple[str, ...]
) -> None:
    notify = ("notify", "--json", "--by", "bell", *options)
    async with await started(daemon.home, *notify) as told:
        assert told.stdout is not None
        lines = BufferedByteReceiveStream(told.stdout)
        await _followed(daemon)
        for tool in ("Edit", "Bash"):
            session = str(uuid4())
            await hook(daemon, session, "SessionStart", cwd="/home/me/demo")
            await hook(daemon, session, "PermissionRequest", tool_name=tool)
            notice = await _next(lines)
            assert (notice["session_id"], notice["tool"]) == (session, tool)

        told.terminate()


async def test_a_need_is_told_before_the_transcript_names_its_folder(
    daemon: Daemon,
) -> None:
    notify = ("notify", "--json", "--by", "bell", "--project", "demo")
    session = str(uuid4())
    prompt = {
        "type": "user",
        "uuid": str(uuid4()),
        "sessionId": session,
        "timestamp": wall_clock.iso(wall_clock.unix_ms()),
        "message": {"role": "user", "content": "make it so"},
    }
    append(daemon.home.transcript("x", session), json.dumps(prompt))
    await daemon.sync()
    async with await started(daemon.home, *notify) as told:
        assert told.stdout is not None
        lines = BufferedByteReceiveStream(told.stdout)
        await _followed(daemon)
        await hook(
            daemon, session, "PermissionRequest", tool_name="Bash", cwd="/home/me/demo"
        )
        assert (await _next(lines))["session_id"] == session
        told.terminate()


async def test_a_filter_leaves_out_what_is_of_another_project(daemon: Daemon) -> None:
    notify = ("notify", "--json", "--by", "bell", "--project", "demo")
    async with await started(daemon.home, *notify) as told:
        assert told.stdout is not None
        lines = BufferedByteReceiveStream(told.stdout)
        await _followed(daemon)
        other, session = str(uuid4()), str(uuid4())
        await hook(
            daemon, other, "PermissionRequest", tool_name="Edit", cwd="/home/me/x"
        )
        await hook(
            daemon, session, "PermissionRequest", tool_name="Edit", cwd="/home/me/demo"
        )
        assert (await _next(lines))["session_id"] == session
        told.terminate()


async def test_a_need_that_came_while_nobody_notified_is_told(daemon: Daemon) -> None:
    notify = ("notify", "--json", "--by", "bell")
    async with await started(daemon.home, *notify) as told:
        await _followed(daemon)
        told.terminate()

    session, done = str(uuid4()), str(uuid4())
    await hook(daemon, done, "PermissionRequest", tool_name="Bash")
    await hook(daemon, done, "PostToolUse", tool_name="Bash")
    await hook(daemon, session, "PermissionRequest", tool_name="Bash")
    async with await started(daemon.home, *notify) as told:
        assert told.stdout is not None
        lines = BufferedByteReceiveStream(told.stdout)
        assert (await _next(lines))["session_id"] == session
        told.terminate()


async def test_the_report_counts_the_wait(daemon: Daemon) -> None:
    session = await a_session(daemon)
    await hook(daemon, session, "PermissionRequest", tool_name="Bash")
    await hook(daemon, session, "PostToolUse", tool_name="Bash")

    async def is_counted() -> bool:
        found = await daemon.ask("report.attention", ReportAttentionResult)
        return found.approvals.count == 1

    await eventually(is_counted)
    shown = await jarvisctl(daemon.home, "report", "attention")
    for_programs = await jarvisctl(daemon.home, "report", "attention", "--json")
    assert b"WAITED" in shown.stdout
    assert b"approvals: 1, half within" in shown.stdout
    assert json.loads(for_programs.stdout)["approvals"]["count"] == 1


async def test_the_report_counts_no_guess(daemon: Daemon) -> None:
    session = await a_session(daemon)
    path = daemon.home.transcript("x", session)
    append(path, json.dumps(said(session, "Shall I go on?")))
    await daemon.sync()

    async def asks() -> bool:
        return await needs(daemon) == [(session, "waiting_answer")]

    await eventually(asks)
    prompt = {
        "type": "user",
        "uuid": str(uuid4()),
        "sessionId": session,
        "timestamp": wall_clock.iso(wall_clock.unix_ms()),
        "message": {"role": "user", "content": "yes"},
    }
    append(path, json.dumps(prompt))
    await daemon.sync()

    async def goes_on() -> bool:
        return await needs(daemon) == []

    await eventually(goes_on)
    found = await daemon.ask("report.attention", ReportAttentionResult)
    assert found.answers.count == 0
    assert found.usage.waiting_ms == 0
    assert "waiting_answer" not in found.states
    assert found.states["unknown"] > 0


async def _followed(daemon: Daemon) -> None:
    """Wait until somebody follows the states."""

    async def is_there() -> bool:
        health = await jarvisctl(daemon.home, "health", "--json")
        subscriptions: int = json.loads(health.stdout)["health"]["subscriptions"]
        return subscriptions > 0

    await eventually(is_there)


async def _next(lines: BufferedByteReceiveStream) -> dict[str, str]:
    with anyio.fail_after(LIMIT_S):
        told = json.loads(await lines.receive_until(b"\n", 1 << 16))

    notice: dict[str, str] = told["notice"]
    return notice


async def test_a_session_is_at_work_still_when_the_daemon_is_started_anew(
    home: Home,
) -> None:
    async with running_daemon(home) as first:
        session = await a_session(first)

        async def shown() -> list[tuple[str, str]]:
            told = await jarvisctl(home, "ps", "--json")
            return [
                (each["session_id"], each["state"])
                for each in json.loads(told.stdout)["blocks"]
            ]

        async def works() -> bool:
            return await shown() == [(session, "working")]

        await eventually(works)

    async with running_daemon(home) as second:
        await second.sync()

        assert await shown() == [(session, "working")]


async def test_a_first_start_on_old_logs_needs_nobody(home: Home) -> None:
    """Nobody is at work on any of them: their processes are long gone."""
    hours_ago_ms = wall_clock.unix_ms() - 3 * 3_600_000
    asked, cut_off = str(uuid4()), str(uuid4())
    append(
        home.transcript(session=asked), *_left(asked, "AskUserQuestion", hours_ago_ms)
    )
    append(home.transcript(session=cut_off), *_left(cut_off, "Bash", hours_ago_ms))
    async with running_daemon(home) as daemon:
        await daemon.sync()

        async def all_told() -> bool:
            told = await daemon.ask("states.list", StatesListResult, over=True)
            states = {each.state.state for each in told.sessions}
            return len(told.sessions) == 2 and "unknown" not in states

        await eventually(all_told)
        told = await daemon.ask("states.list", StatesListResult, over=True)
        history = await daemon.ask("states.history", StatesHistoryResult)
        status = await daemon.ask("status", StatusResult)

    assert {each.state.state for each in told.sessions} == {"ended"}
    assert history.transitions == []
    assert status.need == 0


def _left(session: str, tool: str, at_ms: int) -> list[str]:
    """Return a transcript that ends with an open call of *tool*."""
    block = {"type": "tool_use", "id": "t1", "name": tool, "input": {}}
    message = {"id": "m1", "model": "x", "content": [block], "stop_reason": "tool_use"}
    said = [{"type": "user", "message": {"role": "user", "content": "go"}}]
    said.append({"type": "assistant", "message": message})
    usual = {
        "sessionId": session,
        "timestamp": wall_clock.iso(at_ms),
        "cwd": "/home/me/x",
    }
    return [json.dumps({**usual, **each}) for each in said]
