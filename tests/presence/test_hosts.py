"""Sessions whose locks a server holds, and the terminals that they belong to."""

import fcntl
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from tempfile import gettempdir

import pytest

from jarvisd.base.clock import SystemClock
from jarvisd.core.origin import SessionId
from jarvisd.core.process import Process, ProcessLife, ProcessRole, Program
from jarvisd.core.signal import (
    HookCalled,
    ProcessesChecked,
    ProcessFound,
    ProcessGone,
)
from jarvisd.presence.bindings import Bindings
from jarvisd.presence.exits import ExitWatcher
from jarvisd.presence.hosted import HostedSession, match_terminals
from jarvisd.presence.hosts import Hosts
from jarvisd.presence.peers import connected_clients
from tests.presence.rig import Agent, Heard, Home, agent, watching
from tests.presence.test_writers import holding
from tests.sources.test_peers import accepting, connecting
from tests.support import eventually

LOCK = "jarvisd-tests-terminals.lock"
SERVER = ("codex", "app-server", "--listen", "unix://", "--managed-daemon")
TERMINAL = """
import fcntl, os, pty, termios
ours, theirs = pty.openpty()
os.setsid()
fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)
"""
"""It has a terminal of its own, as in a pane."""


def thread(at_ms: int, number: int = 0) -> str:
    """Return the id of a thread that was created at *at_ms*."""
    digits = f"{at_ms:012x}"
    return f"{digits[:8]}-{digits[8:]}-75b1-bce3-{number:012x}"


@pytest.fixture
def new(home: Home) -> str:
    return thread(SystemClock().unix_ms())


@pytest.fixture
def started() -> Iterator[ExitStack]:
    """Hold what the test starts; no other test may have terminals at the same time."""
    with ExitStack() as stack, (Path(gettempdir()) / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield stack


def terminal(started: ExitStack, cwd: Path | None = None, *argv: str) -> Agent:
    return started.enter_context(agent("codex", *argv, code=TERMINAL, cwd=cwd))


def server(started: ExitStack, *locks: Path, code: str = "") -> Agent:
    return started.enter_context(agent(*SERVER, code=code + holding(*locks)))


async def test_a_hosted_thread_is_that_of_the_terminal_and_ends_with_it(
    home: Home, heard: Heard, started: ExitStack, new: str
) -> None:
    async with watching(home, heard) as presence:
        seen = terminal(started)
        server(started, home.lock(new))
        heard.want(new, "codex")
        presence.request_scan()
        found = await heard.next(ProcessFound)
        assert (found.pid, found.is_sure) == (seen.pid, True)

        seen.kill()
        gone = await heard.next(ProcessGone)

    assert (gone.session_id, gone.pid, gone.tidy) == (new, seen.pid, None)
    assert len(heard.all(ProcessFound)) == 1


async def test_a_thread_that_is_not_prompted_yet_is_bound(
    home: Home, heard: Heard, started: ExitStack, new: str
) -> None:
    async with watching(home, heard) as presence:
        first = terminal(started)
        server(started, home.lock(new))
        presence.request_scan()
        found = await heard.next(ProcessFound)

    assert found.pid == first.pid


async def test_folders_tell_two_terminals_apart(
    home: Home, heard: Heard, started: ExitStack, new: str, tmp_path: Path
) -> None:
    async with watching(home, heard) as presence:
        work = tmp_path / "work"
        work.mkdir()
        terminal(started, tmp_path)
        named = terminal(started, tmp_path, "-C", "work")
        server(started, home.lock(new))
        heard.want(new, "codex", cwd=work)
        presence.request_scan()
        found = await heard.next(ProcessFound)

    assert found.pid == named.pid


async def test_who_is_no_client_of_the_server_is_not_meant(
    home: Home, heard: Heard, started: ExitStack, new: str, tmp_path: Path
) -> None:
    path = tmp_path / "socket"
    host = server(started, home.lock(new), code=accepting(path))
    terminal(started, tmp_path)
    client = started.enter_context(agent("codex", code=TERMINAL + connecting(path)))
    await eventually(lambda: connected_clients(host.pid, [client.pid]) == {client.pid})
    heard.want(new, "codex", cwd=tmp_path)
    async with watching(home, heard):
        found = await heard.next(ProcessFound)

    assert found.pid == client.pid


async def test_a_hook_of_a_server_names_no_terminal(
    home: Home, heard: Heard, started: ExitStack, new: str, tmp_path: Path
) -> None:
    both = [terminal(started, tmp_path) for _ in range(2)]
    host = server(started, home.lock(new))
    async with watching(home, heard) as presence:
        presence.record_hook(
            HookCalled(
                agent="codex",
                session_id=SessionId(new),
                event="PreToolUse",
                at_ms=1,
                pid=host.pid,
            )
        )

    assert len(both) == 2
    assert not heard.all(ProcessFound)


async def test_a_thread_whose_terminal_died_is_not_given_to_another_terminal(
    home: Home, heard: Heard, started: ExitStack, new: str
) -> None:
    other = thread(SystemClock().unix_ms(), 1)
    async with watching(home, heard) as presence:
        terminal(started)
        server(started, home.lock(new))
        heard.want(new, "codex")
        presence.request_scan()
        await heard.next(ProcessFound, new)
        killed = terminal(started)
        server(started, home.lock(other))
        heard.want(other, "codex")
        presence.request_scan()
        await heard.next(ProcessFound, other)

        killed.kill()
        await heard.next(ProcessGone, other)
        heard.want("searched for", "codex")  # the other thread is still wanted, too
        presence.request_scan()
        await heard.next(ProcessesChecked, "searched for")

    assert [each.pid for each in heard.all(ProcessFound, other)] == [killed.pid]


async def test_a_server_that_lets_go_of_a_thread_ends_it(
    home: Home, heard: Heard, started: ExitStack, new: str
) -> None:
    async with watching(home, heard) as presence:
        seen = terminal(started)
        server(started, home.lock(new))
        heard.want(new, "codex")
        presence.request_scan()
        await heard.next(ProcessFound)
        home.lock(new).unlink()
        gone = await heard.next(ProcessGone)

    assert (gone.pid, gone.tidy) == (seen.pid, True)


# With processes that are named, as others may run Codex beside the tests


@asynccontextmanager
async def keeping(heard: Heard) -> AsyncIterator[Hosts]:
    clock = SystemClock()
    exits = ExitWatcher(lambda _: None)
    with exits.open():
        yield Hosts(Bindings(heard.report, exits, clock), exits, clock)


async def test_of_two_terminals_neither_is_taken_and_both_have_to_go(
    heard: Heard, started: ExitStack, new: str
) -> None:
    both = [terminal(started) for _ in range(2)]
    agents = [process(each.pid, ticks=each.ticks) for each in both]
    heard.want(new, "codex")
    async with keeping(heard) as hosts:
        hosts.add("lock", hosted(new, 1_000, agents))
        hosts.begin_search()
        hosts.bind_terminals(heard.wanted, agents)
        both[0].kill()
        both[0].process.wait()
        hosts.bind_terminals(heard.wanted, agents[1:])
        assert heard.signals == []

        both[1].kill()
        both[1].process.wait()
        hosts.handle_exit(agents[1].life)
        assert hosts.needs_search
        hosts.bind_terminals(heard.wanted, [])

    (gone,) = heard.all(ProcessGone)
    assert (gone.session_id, gone.tidy) == (new, None)


async def test_a_lock_that_is_taken_during_a_look_waits_for_the_next_one(
    heard: Heard, started: ExitStack, new: str
) -> None:
    both = [terminal(started) for _ in range(2)]
    agents = [process(each.pid, ticks=each.ticks) for each in both]
    session = hosted(new, 1_000, [])
    session.terminals = None
    async with keeping(heard) as hosts:
        hosts.begin_search()
        hosts.add("lock", session)
        # The other terminal started after the scan had passed it.
        hosts.bind_terminals([], agents[:1])
        assert hosts.needs_search
        assert heard.signals == []

        hosts.begin_search()
        hosts.bind_terminals([], agents)

    assert heard.signals == []
    assert session.terminals == agents


async def test_a_thread_whose_terminal_was_gone_before_we_came_has_ended(
    heard: Heard, new: str
) -> None:
    heard.want(new, "codex", last_ms=5_000)
    async with keeping(heard) as hosts:
        hosts.add("lock", hosted(new, 1_000, [], late_ms=LATE))
        hosts.begin_search()
        hosts.bind_terminals(heard.wanted, [])
        hosts.bind_terminals(heard.wanted, [])

    assert [each.at_ms for each in heard.all(ProcessGone)] == [5_000]


async def test_a_thread_that_somebody_went_on_with_has_a_terminal_again(
    heard: Heard, started: ExitStack, new: str
) -> None:
    heard.want(new, "codex", last_ms=5_000)
    async with keeping(heard) as hosts:
        hosts.add("lock", hosted(new, 1_000, [], late_ms=LATE))
        hosts.begin_search()
        hosts.bind_terminals(heard.wanted, [])
        other = terminal(started)
        heard.wanted.clear()
        heard.want(new, "codex")
        hosts.bind_terminals(
            heard.wanted, [process(other.pid, 9_000, ticks=other.ticks)]
        )
        hosts.bind_terminals(heard.wanted, [])

    assert [each.pid for each in heard.all(ProcessFound)] == [other.pid]


# Who can be meant, by time and folder alone


def process(
    pid: int,
    started_ms: int = 0,
    cwd: str | None = "/w",
    *,
    role: ProcessRole = ProcessRole.TALKS,
    ticks: int | None = None,
) -> Process:
    return Process(
        life=ProcessLife(pid, ticks or pid),
        program=Program("codex", role),
        started_ms=started_ms,
        cwd=cwd,
        has_terminal=True,
    )


def hosted(
    name: str,
    locked_ms: int,
    agents: Sequence[Process],
    *,
    is_new: bool = True,
    late_ms: int = 0,
) -> HostedSession:
    session = HostedSession(
        key=("codex", SessionId(name)),
        server=ProcessLife(9, 9),
        locked_ms=locked_ms,
        is_new=is_new,
    )
    session.set_terminals(agents, locked_ms + late_ms)
    return session


LATE = 60_000
A, B = process(1), process(2, 4_000)
FAR, NEAR = process(1), process(2, 3_000, "/v")
UNSEEN = [process(1, 0, None), process(2, 3_000, None)]

CASES = [
    pytest.param([hosted("a", 900, [A])], {"a": 1}, id="the only one"),
    pytest.param(
        [hosted("a", 900, [A]), hosted("b", 4_700, [A, B])],
        {"a": 1, "b": 2},
        id="started one behind the other, in one folder",
    ),
    pytest.param(
        [hosted("a", 900, [A], late_ms=LATE), hosted("b", 4_700, [A, B], late_ms=LATE)],
        {"a": 1, "b": 2},
        id="the same, found at our start",
    ),
    pytest.param(
        [hosted("a", 5_000, [A, B]), hosted("b", 5_100, [A, B])],
        {},
        id="two at once in one folder",
    ),
    pytest.param(
        [hosted("a", 5_000, [FAR, NEAR])], {"a": 1}, id="two at once, by folder"
    ),
    pytest.param(
        [hosted("a", 5_000, UNSEEN)], {}, id="two at once, folders may not be asked"
    ),
    pytest.param(
        [hosted("a", 900, [A]), hosted("b", 90_000, [A])],
        {"a": 1, "b": 1},
        id="a second thread of the only one",
    ),
    pytest.param(
        [
            hosted("a", 900, [A]),
            hosted("b", 4_700, [A, B]),
            hosted("c", 90_000, [A, B]),
        ],
        {"a": 1, "b": 2},
        id="a later thread of one of two",
    ),
    pytest.param(
        [
            hosted("a", 900, [FAR]),
            hosted("b", 3_700, [FAR, NEAR]),
            hosted("c", 90_000, [FAR, NEAR]),
        ],
        {"a": 1, "b": 2, "c": 1},
        id="a later thread of one of two, by folder",
    ),
    pytest.param(
        [
            hosted("a", 900, [FAR]),
            hosted("b", 3_700, [FAR, NEAR]),
            hosted("c", 90_000, [FAR, NEAR], is_new=False),
        ],
        {"a": 1, "b": 2},
        id="one that is opened again may be of another folder",
    ),
    pytest.param(
        [hosted("a", 900, [A], late_ms=LATE), hosted("b", 90_000, [A], late_ms=LATE)],
        {"a": 1},
        id="its terminal may be gone for long",
    ),
    pytest.param(
        [hosted("a", 60_000, [A], late_ms=LATE)], {"a": 1}, id="a slow first thread"
    ),
    pytest.param(
        [hosted("a", 900, [process(1, role=ProcessRole.ONCE), process(2, 9_000)])],
        {},
        id="no terminal, and one of later",
    ),
]


@pytest.mark.parametrize(("sessions", "expected"), CASES)
def test_who_can_be_meant(
    sessions: list[HostedSession], expected: dict[str, int]
) -> None:
    folders: dict[tuple[str, SessionId], str | None]
    folders = {each.key: "/w" for each in sessions}
    found = match_terminals(sessions, folders, set())
    assert {key[1]: each.life.pid for key, each in found.items()} == expected


def test_who_holds_a_lock_of_its_own_is_not_meant() -> None:
    sessions = [hosted("a", 5_000, [A, B])]
    assert match_terminals(sessions, {}, {A.life})["codex", SessionId("a")] is B
