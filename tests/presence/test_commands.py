"""Commands of real processes that begin while a dialog is open."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jarvisd.agents.codex.presence import EVIDENCE
from jarvisd.base.clock import SystemClock
from jarvisd.core.origin import SessionId
from jarvisd.core.signal import CommandSeen
from jarvisd.presence.bindings import Bindings
from jarvisd.presence.exits import ExitWatcher
from jarvisd.presence.hosts import Hosts
from jarvisd.presence.lock_holders import LockHolders
from jarvisd.presence.new_commands import NewCommands
from jarvisd.presence.processes import commands_of
from jarvisd.presence.search import Programs
from tests.agents.found import AGENTS
from tests.presence.rig import Agent, Heard, Home, agent
from tests.presence.test_writers import OTHER, THREAD, holding
from tests.support import eventually

ASKING = ("codex", SessionId(THREAD))
STARTS = """
import os, subprocess, threading, time
def run(**more):
    null = subprocess.DEVNULL
    return subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, stdout=null, **more)
def until(name):
    while not os.path.exists({folder!r} + name): time.sleep(0.01)
def start():
    until("/go")
    command = run(start_new_session=True)
    until("/end")
    command.communicate()
before = run(start_new_session=True), run()
threading.Thread(target=start, daemon=True).start()
"""
"""It runs a command for long, has a server, and runs one more between two files."""


def starting(folder: Path, *locks: Path) -> str:
    """Return code that holds *locks*, and runs a command when *folder* says so."""
    return holding(*locks) + STARTS.format(folder=str(folder))


@contextmanager
def following(
    home: Home,
    heard: Heard,
    *,
    at_work: frozenset[str] = frozenset(),
    is_hidden: bool = True,
) -> Iterator[NewCommands]:
    clock, exits = SystemClock(), ExitWatcher(lambda _: None)
    bindings = Bindings(heard.report, exits, clock)
    writers = LockHolders(
        bindings, Hosts(bindings, exits, clock), clock, Programs(AGENTS).role_of
    )
    assert EVIDENCE.locks is not None
    with exits.open():
        writers.scan({str(home.locks): ("codex", EVIDENCE.locks)})
        yield NewCommands(
            writers,
            heard.report,
            clock,
            with_dialog=lambda: [ASKING],
            may_run_commands=lambda key: key[1] in at_work,
            is_hidden=lambda _: is_hidden,
        )


def seen(commands: NewCommands, heard: Heard) -> list[CommandSeen]:
    commands.scan()
    return [each for each in heard.signals if isinstance(each, CommandSeen)]


async def test_a_command_that_begins_is_seen_and_its_end_is(
    home: Home, heard: Heard, tmp_path: Path
) -> None:
    code = starting(tmp_path, home.lock(THREAD))
    with agent("codex", code=code) as codex, following(home, heard) as commands:
        assert seen(commands, heard) == [], "what ran before is no sign"
        assert commands.due_at < float("inf")

        (tmp_path / "go").touch()
        await eventually(lambda: len(seen(commands, heard)) == 1)
        (tmp_path / "end").touch()
        await eventually(lambda: len(seen(commands, heard)) == 2)

    began, ended = seen(commands, heard)
    assert (began.session_id, began.pid, began.ended_ms) == (THREAD, codex.pid, None)
    assert ended.since_ms == began.since_ms <= (ended.ended_ms or 0)


async def test_where_another_thread_of_the_process_is_at_work_none_is_seen(
    home: Home, heard: Heard, tmp_path: Path
) -> None:
    code = starting(tmp_path, home.lock(THREAD), home.lock(OTHER))
    with (
        agent("codex", "app-server", "--managed-daemon", code=code) as codex,
        following(home, heard, at_work=frozenset({OTHER})) as commands,
    ):
        assert seen(commands, heard) == []
        (tmp_path / "go").touch()
        await eventually(lambda: commands_run(codex) == 2)
        assert seen(commands, heard) == []


async def test_where_marks_can_be_read_nobody_is_followed(
    home: Home, heard: Heard, tmp_path: Path
) -> None:
    code = starting(tmp_path, home.lock(THREAD))
    with (
        agent("codex", code=code),
        following(home, heard, is_hidden=False) as commands,
    ):
        assert seen(commands, heard) == []
        assert commands.due_at == float("inf")


def commands_run(codex: Agent) -> int:
    return len(commands_of(codex.pid))
