"""Codex' terminals and the server that holds the locks of their threads."""

import json
from collections.abc import AsyncIterator
from contextlib import ExitStack
from datetime import UTC, datetime

import pytest

from jarvisd.base.clock import SystemClock
from jarvisd.base.session_words import State
from jarvisd.core.process import Terminal
from jarvisd.overview.model import SessionView
from jarvisd.presence.processes import terminal_of
from tests.e2e.commands import jarvisctl
from tests.e2e.home import Home, append
from tests.e2e.rig import Daemon, running_daemon
from tests.presence.rig import Agent, agent
from tests.presence.test_hosts import SERVER, TERMINAL, started, thread

__all__ = ["started"]
from tests.presence.test_writers import holding
from tests.support import eventually

WORK = "/home/me/demo"
LOCKS = ".codex/thread-writer-locks"


@pytest.fixture
async def daemon(home: Home) -> AsyncIterator[Daemon]:
    """Yield a daemon of the test's own: its Codex is nobody else's."""
    (home.folder / LOCKS).mkdir(parents=True)
    async with running_daemon(home) as running:
        yield running


async def opened(daemon: Daemon, started: ExitStack) -> tuple[Agent, str]:
    """Start a terminal, and a server that has opened a thread for it."""
    terminal = started.enter_context(agent("codex", code=TERMINAL))
    session = thread(SystemClock().unix_ms())
    lock = daemon.home.folder / LOCKS / f"{session}.lock"
    started.enter_context(agent(*SERVER, code=holding(lock)))
    path = daemon.home.rollout()
    path = path.with_name(f"rollout-2026-11-21T02-27-13-{session}.jsonl")
    append(path, *_lines(session))
    await daemon.sync()
    await eventually(lambda: _runs_in(daemon, session, terminal.pid))
    return terminal, session


def _lines(session: str) -> list[str]:
    at = datetime.fromtimestamp(SystemClock().unix_ms() / 1000, UTC).isoformat()
    meta = {"id": session, "cwd": WORK, "originator": "codex-tui", "source": "vscode"}
    call = {"type": "function_call", "name": "exec_command", "call_id": "c1"}
    return [
        json.dumps({"timestamp": at, "type": kind, "payload": payload})
        for kind, payload in (
            ("session_meta", meta),
            ("event_msg", {"type": "task_started", "turn_id": "t1"}),
            ("response_item", call),
        )
    ]


async def _view(daemon: Daemon, session: str) -> SessionView:
    return await daemon.ask("sessions.get", SessionView, session_id=session)


async def _runs_in(daemon: Daemon, session: str, pid: int) -> bool:
    state = (await _view(daemon, session)).state
    return state is not None and state.pid == pid


async def test_jump_goes_to_the_terminal_and_the_session_ends_with_it(
    daemon: Daemon, started: ExitStack
) -> None:
    first, one = await opened(daemon, started)
    second, two = await opened(daemon, started)

    for terminal, session in ((first, one), (second, two)):
        place: Terminal = terminal_of(terminal.pid)
        told = await jarvisctl(daemon.home, "jump", "--dry-run", session)
        assert f"{place.tty}, process {terminal.pid}" in told.stdout.decode()

    second.kill()

    async def has_crashed() -> bool:
        state = (await _view(daemon, two)).state
        return state is not None and state.state is State.CRASHED

    await eventually(has_crashed)
    assert await _runs_in(daemon, one, first.pid), "its server lives on, for others"
