"""The segment, the popup and the jump, in a real tmux with the real daemon."""

import json
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import anyio
import pytest

from jarvisd.base.wire_types import Done
from jarvisd.cli.packaged import packaged
from jarvisd.state.wire import StatesListResult
from tests.e2e.commands import jarvisctl
from tests.e2e.home import Home, append
from tests.e2e.multiplexer import Desk, desk
from tests.e2e.rig import Daemon, running_daemon
from tests.support import eventually

FILE = packaged("share") / "jarvisd.tmux"


@pytest.fixture
async def daemon(home: Home) -> AsyncIterator[Daemon]:
    """Yield a daemon of the test's own: nobody else's agents need anybody."""
    async with running_daemon(home) as running:
        yield running


@pytest.fixture
def person(daemon: Daemon, tmp_path: Path) -> Iterator[Desk]:
    """Yield a person whose tmux finds `jarvisctl`."""
    program = tmp_path / "jarvisctl"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m jarvisd.cli.main "$@"\n')
    program.chmod(0o755)
    # A program of an agent's name that does nothing, and that for ever.
    (tmp_path / "claude").symlink_to(shutil.which("cat") or "/bin/cat")
    environ = daemon.home.environ()
    environ["PATH"] = f"{tmp_path}:{environ['PATH']}"
    with desk(daemon.home.runtime, environ) as made:
        yield made


async def an_agent_asks(daemon: Daemon, person: Desk) -> str:
    """Let an agent in a window of its own ask for leave; return its pane."""
    shape = ("-P", "-F", "#{pane_id} #{pane_pid}")
    listed = person.inner.ask("new-window", "-d", *shape, "-n", "agent", "exec claude")
    pane, pid = listed.split()
    session = str(uuid4())
    path = daemon.home.transcript(session=session)
    append(path, _prompt(session))
    await daemon.sync()
    payload = {
        "session_id": session,
        "hook_event_name": "PermissionRequest",
        "tool_name": "Bash",
    }
    await daemon.ask("hook", Done, agent="claude", payload=payload, pid=int(pid))

    async def is_known() -> bool:
        found = await daemon.ask("states.list", StatesListResult, need=True)
        return [each.state.pid for each in found.sessions] == [int(pid)]

    await eventually(is_known)
    return pane


def _prompt(session: str) -> str:
    return json.dumps(
        {
            "type": "user",
            "uuid": str(uuid4()),
            "sessionId": session,
            "timestamp": "2026-11-21T02:27:13.000Z",
            "cwd": "/home/me/demo",
            "message": {"role": "user", "content": "make it so"},
        }
    )


async def test_the_segment_the_popup_and_the_way_there(
    daemon: Daemon, person: Desk
) -> None:
    pane = await an_agent_asks(daemon, person)
    person.inner.ask("set", "-g", "status-interval", "1")
    person.inner.ask("set", "-g", "status-right", "mine")
    person.inner.ask("set", "-g", "@jarvisd-key", "P")

    person.inner.ask("source-file", str(FILE))
    person.inner.ask("source-file", str(FILE))
    await person.sees("1 needs you")
    assert person.shown.count("needs you") == 1
    assert "mine" in person.shown

    person.press("C-b", "P")
    await person.sees("approval (Bash)")
    person.press("Enter")
    await person.is_at(pane)


async def test_the_window_of_who_needs_somebody_is_marked(
    daemon: Daemon, person: Desk
) -> None:
    await an_agent_asks(daemon, person)
    person.inner.ask("set", "-g", "status-interval", "1")
    person.inner.ask("source-file", str(FILE))
    person.inner.ask("source-file", str(FILE))

    await person.sees("!1:agent")
    assert "!!" not in person.shown
    listed = person.inner.ask("list-windows", "-a", "-F", "#W=#{@jarvisd-need}")
    assert [each for each in listed.splitlines() if each.endswith("=1")] == ["agent=1"]

    await daemon.terminate()

    async def is_unmarked() -> bool:
        return "!" not in person.shown

    await eventually(is_unmarked)


async def test_jump_goes_to_who_needs_somebody(daemon: Daemon, person: Desk) -> None:
    pane = await an_agent_asks(daemon, person)
    told = await jarvisctl(daemon.home, "jump", "--dry-run")
    person.inner.ask("new-window", "-n", "elsewhere", "jarvisctl jump; cat")

    await person.is_at(pane)
    assert told.returncode == 0


async def test_a_segment_of_a_daemon_that_is_gone_is_empty(
    daemon: Daemon, person: Desk
) -> None:
    await an_agent_asks(daemon, person)
    person.inner.ask("set", "-g", "status-interval", "1")
    person.inner.ask("source-file", str(FILE))
    await person.sees("1 needs you")

    await daemon.terminate()

    async def is_empty() -> bool:
        return "needs you" not in person.shown

    await eventually(is_empty)


async def test_the_command_tells_where_the_file_lies(daemon: Daemon) -> None:
    told = await jarvisctl(daemon.home, "tmux")
    printed = await jarvisctl(daemon.home, "tmux", "--print")

    assert await anyio.Path(told.stdout.decode().strip()).read_bytes() == (
        printed.stdout
    )
