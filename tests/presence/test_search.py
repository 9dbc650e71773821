"""Processes found by looking: hooks, open transcripts, and folders."""

import os
from pathlib import Path

import anyio
import pytest

from jarvisd.core.origin import SessionId
from jarvisd.core.process import RESUMED_MS, Process, ProcessLife, ProcessRole, Program
from jarvisd.core.signal import (
    HookCalled,
    ProcessesChecked,
    ProcessFound,
    ProcessGone,
)
from jarvisd.presence.guesses import (
    earliest_starts,
    may_have_written,
    unambiguous_pairs,
)
from jarvisd.presence.wanted import WantedSession
from tests.presence.rig import Heard, Home, agent, agents, watching
from tests.support import eventually

THREAD = "01a1fbed-862a-75b1-bce3-2029626f135b"

WITH_A_CHILD = """
import subprocess
child = subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE)
with open({path!r}, "w") as file:
    file.write(str(child.pid))
"""
"""The child ends when its parent does."""


def hook(pid: int | None, session: str = "s1") -> HookCalled:
    return HookCalled(
        agent="claude",
        session_id=SessionId(session),
        event="PreToolUse",
        at_ms=1,
        pid=pid,
    )


async def test_an_open_transcript_belongs_to_its_writer(
    home: Home, heard: Heard
) -> None:
    path = home.folder / "rollout.jsonl"
    heard.want(THREAD, "codex", paths=[path])
    reads = f"file = open({str(path)!r})"
    with (
        agent("codex", code=f"file = open({str(path)!r}, 'a')") as codex,
        agent("codex", code=reads),
    ):
        async with watching(home, heard):
            found = await heard.next(ProcessFound)
            assert (found.pid, found.how, found.is_sure) == (
                codex.pid,
                "open transcript",
                True,
            )
            codex.kill()
            gone = await heard.next(ProcessGone)

    assert gone.tidy is None
    assert len(heard.all(ProcessFound)) == 1


@pytest.mark.parametrize(
    ("name", "log", "file", "text"),
    [
        ("copilot", "s1/events.jsonl", "s1/inuse.{pid}.lock", ""),
        ("qwen", "chats/s1.jsonl", "chats/s1.runtime.json", '{{"pid": {pid}}}'),
    ],
)
async def test_a_file_beside_the_transcript_names_its_process(
    home: Home, heard: Heard, name: str, log: str, file: str, text: str
) -> None:
    path = home.folder / log
    path.parent.mkdir(parents=True)
    heard.want("s1", name, paths=[path])
    with agent(name) as other, agent(name) as owner:
        marker = home.folder / file.format(pid=owner.pid)
        marker.write_text(text.format(pid=owner.pid))
        async with watching(home, heard):
            found = await heard.next(ProcessFound)
            assert (found.pid, found.is_sure) == (owner.pid, True)
            assert found.pid != other.pid

            marker.unlink()
            owner.kill()
            gone = await heard.next(ProcessGone)

    assert gone.tidy is True


async def test_a_lock_beside_the_transcript_is_held_by_its_process(
    home: Home, heard: Heard
) -> None:
    path = home.folder / "s1/conversation.jsonl"
    path.parent.mkdir()
    lock = path.with_name(".lock")
    lock.write_text("1")
    heard.want("s1", "gptme", paths=[path])
    take = f"import fcntl; file = open({str(lock)!r}, 'a'); fcntl.flock(file, 2)"
    with agent("gptme"), agent("gptme", code=take) as owner:
        async with watching(home, heard):
            found = await heard.next(ProcessFound)
            assert (found.pid, found.is_sure) == (owner.pid, True)

            owner.kill()
            gone = await heard.next(ProcessGone)

    assert gone.tidy is None


async def test_a_file_that_is_older_than_its_process_names_none(
    home: Home, heard: Heard
) -> None:
    path = home.folder / "s1/events.jsonl"
    path.parent.mkdir()
    heard.want("s1", "copilot", paths=[path])
    with agent("copilot") as later, agent("copilot"):
        marker = path.with_name(f"inuse.{later.pid}.lock")
        marker.write_text("")
        os.utime(marker, (1_700_000_000, 1_700_000_000))
        async with watching(home, heard):
            await heard.next(ProcessesChecked)

    assert heard.all(ProcessFound) == []


async def test_a_hook_names_its_agent_or_a_shell_of_it(
    home: Home, heard: Heard
) -> None:
    path = home.folder / "child.pid"
    with agent("claude", code=WITH_A_CHILD.format(path=str(path))) as claude:
        child = int(path.read_text())
        async with watching(home, heard) as presence:
            presence.record_hook(hook(None))
            presence.record_hook(hook(child, "s1/agent-a1"))
            presence.record_hook(hook(child))

    found = heard.all(ProcessFound)
    assert [(each.session_id, each.pid, each.how) for each in found] == [
        ("s1", claude.pid, "hook")
    ]


async def test_a_hook_that_names_no_agent_names_nobody(
    home: Home, heard: Heard
) -> None:
    with agent("cat") as other:
        async with watching(home, heard) as presence:
            presence.record_hook(hook(other.pid))
            presence.record_hook(hook(2**22 + 1))

    assert heard.signals == []


async def test_the_only_process_of_a_folder_is_a_guess(
    home: Home, heard: Heard, tmp_path: Path
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    with agent("claude", cwd=work) as claude:
        heard.want("s1", cwd=work)
        async with watching(home, heard):
            found = await heard.next(ProcessFound)
            assert (found.pid, found.how, found.is_sure) == (
                claude.pid,
                "folder and start time",
                False,
            )
            home.register(claude, "s2")
            await heard.next(ProcessFound, "s2")

    assert [each.tidy for each in heard.all(ProcessGone, "s1")] == [None]


async def test_a_session_whose_process_died_is_not_guessed_to_be_another_ones(
    home: Home, heard: Heard, tmp_path: Path
) -> None:
    heard.want("s1", "claude", cwd=tmp_path)
    with agent(cwd=tmp_path) as killed, agent(cwd=tmp_path):
        async with watching(home, heard) as presence:
            presence.record_hook(hook(killed.pid))
            await heard.next(ProcessFound, "s1")
            killed.kill()
            await heard.next(ProcessGone, "s1")
            heard.want("searched for")
            presence.request_scan()
            await heard.next(ProcessesChecked, "searched for")

    assert [each.pid for each in heard.all(ProcessFound)] == [killed.pid]


async def test_a_session_with_lines_after_the_end_is_searched_for_again(
    home: Home, heard: Heard, tmp_path: Path
) -> None:
    heard.want("s1", "claude", cwd=tmp_path)
    with agent(cwd=tmp_path) as killed, agent(cwd=tmp_path) as other:
        async with watching(home, heard) as presence:
            presence.record_hook(hook(killed.pid))
            await heard.next(ProcessFound, "s1")
            killed.kill()
            gone = await heard.next(ProcessGone, "s1")
            heard.wanted.clear()
            heard.want("s1", cwd=tmp_path, last_ms=gone.at_ms + RESUMED_MS + 1)
            presence.request_scan()
            await eventually(lambda: len(heard.all(ProcessFound)) == 2)

    assert [each.pid for each in heard.all(ProcessFound)] == [killed.pid, other.pid]


async def test_a_session_whose_guess_was_wrong_is_searched_for_again(
    home: Home, heard: Heard, tmp_path: Path
) -> None:
    heard.want("s1", "claude", cwd=tmp_path)
    with agent(cwd=tmp_path) as taken:
        async with watching(home, heard) as presence:
            await heard.next(ProcessFound, "s1")
            presence.record_hook(hook(taken.pid, "s2"))
            await heard.next(ProcessGone, "s1")
            with agent(cwd=tmp_path) as other:
                heard.want("s3")  # so that all processes are looked at now
                presence.request_scan()
                await eventually(lambda: len(heard.all(ProcessFound, "s1")) == 2)

    assert heard.all(ProcessFound, "s1")[-1].pid == other.pid


async def test_a_guess_becomes_sure(home: Home, heard: Heard, tmp_path: Path) -> None:
    with agent("claude", cwd=tmp_path) as claude:
        heard.want("s1", cwd=tmp_path)
        async with watching(home, heard):
            await heard.next(ProcessFound)
            home.register(claude)
            await eventually(lambda: heard.all(ProcessFound)[-1].is_sure)

    assert len(heard.all(ProcessFound)) == 2


async def test_a_process_among_hundreds_is_found(
    home: Home, heard: Heard, tmp_path: Path
) -> None:
    with agents(100), agent("claude", cwd=tmp_path) as claude:
        heard.want("s1", cwd=tmp_path)
        async with watching(home, heard):
            found = await heard.next(ProcessFound)

    assert found.pid == claude.pid


async def test_a_session_that_comes_later_is_searched_for(
    home: Home, heard: Heard, tmp_path: Path
) -> None:
    async with watching(home, heard) as presence:
        with agent("claude", cwd=tmp_path):
            heard.want("s1", cwd=tmp_path)
            presence.request_scan()
            await heard.next(ProcessFound)


async def test_a_session_is_searched_for_at_once_when_its_folder_is_known(
    home: Home, heard: Heard, tmp_path: Path
) -> None:
    heard.want("s1")
    with agents(150), agent("claude", cwd=tmp_path) as claude:
        # The search among so many processes is followed by a long pause.
        async with watching(home, heard) as presence:
            await heard.next(ProcessesChecked)
            heard.wanted = []
            heard.want("s1", cwd=tmp_path)
            presence.request_scan()
            with anyio.fail_after(5):
                found = await heard.next(ProcessFound)

    assert found.pid == claude.pid


async def test_it_is_told_whether_any_process_can_be_at_work(
    home: Home, heard: Heard
) -> None:
    heard.want("old", last_ms=1_000)
    heard.want("new")
    heard.want("other", "a chat program", last_ms=1_000)
    with agent("claude"):
        async with watching(home, heard):
            await eventually(lambda: len(heard.all(ProcessesChecked)) == 3)

    found = {each.session_id: each.can_own for each in heard.all(ProcessesChecked)}
    assert found == {"old": False, "new": True, "other": True}


async def test_a_session_of_a_container_that_shares_the_home_may_have_a_process(
    home: Home, heard: Heard
) -> None:
    heard.want("s1")
    with agent("claude") as elsewhere:
        home.register(elsewhere, "s1", pidDomain="linux:x:pid:[1]", procStart="1")
        elsewhere.kill()
        async with watching(home, heard):
            told = await heard.next(ProcessesChecked)

    assert told.can_own


def session(
    name: str, cwd: str | None = "/w", last_ms: int | None = 9_000
) -> WantedSession:
    return WantedSession(
        agent="claude", session_id=SessionId(name), cwd=cwd, last_ms=last_ms
    )


def process(
    pid: int,
    cwd: str | None = "/w",
    *,
    started_ms: int = 5_000,
    agent: str = "claude",
    role: ProcessRole = ProcessRole.TALKS,
) -> Process:
    return Process(
        life=ProcessLife(pid, pid),
        program=Program(agent, role),
        started_ms=started_ms,
        cwd=cwd,
    )


@pytest.mark.parametrize(
    ("sessions", "processes", "expected"),
    [
        pytest.param([session("a")], [process(1)], [("a", 1)], id="only one each"),
        pytest.param([session("a")], [process(1, "/w/")], [("a", 1)], id="slash"),
        pytest.param([session("a")], [process(1), process(2)], [], id="two processes"),
        pytest.param([session("a"), session("b")], [process(1)], [], id="two sessions"),
        pytest.param(
            [session("a"), session("b", "/v")],
            [process(1), process(2, "/v")],
            [("a", 1), ("b", 2)],
            id="folders tell them apart",
        ),
        pytest.param(
            [session("a", last_ms=1_000)], [process(1)], [], id="silent since before it"
        ),
        pytest.param([session("a", last_ms=None)], [process(1)], [], id="no line yet"),
        pytest.param([session("a", None)], [process(1, None)], [], id="no folders"),
        pytest.param(
            [session("a")], [process(1, agent="codex")], [], id="another agent"
        ),
        pytest.param(
            [session("a")],
            [process(1, role=ProcessRole.SERVES)],
            [],
            id="a server of many",
        ),
    ],
)
def test_guesses(
    sessions: list[WantedSession],
    processes: list[Process],
    expected: list[tuple[str, int]],
) -> None:
    pairs = unambiguous_pairs(sessions, processes)
    assert [(each.session_id, found.life.pid) for each, found in pairs] == expected


@pytest.mark.parametrize(
    ("processes", "expected"),
    [
        pytest.param([], False, id="no process"),
        pytest.param([process(1, "/elsewhere")], True, id="whatever its folder"),
        pytest.param([process(1, role=ProcessRole.SERVES)], True, id="a server"),
        pytest.param([process(1, started_ms=20_000)], False, id="it came later"),
        pytest.param(
            [process(1, started_ms=20_000), process(2)], True, id="one was there"
        ),
        pytest.param([process(1, agent="codex")], False, id="another agent"),
    ],
)
def test_who_may_be_at_work(processes: list[Process], expected: bool) -> None:
    assert may_have_written(earliest_starts(processes), session("a")) is expected
