"""Claude Code's registry: real processes, real files rewritten in place."""

import errno
import json
import os
import shutil
import signal
import statistics
import time

import pytest

from jarvisd.core.discovery import inotify_files
from jarvisd.core.origin import SessionId
from jarvisd.core.presence_evidence import MAX_ENTRY_BYTES
from jarvisd.core.signal import ProcessFound, ProcessGone, RegistryRead
from jarvisd.presence.processes import pid_namespace
from tests.presence.rig import Heard, Home, agent, watching, write_in_place
from tests.support import eventually


async def test_an_entry_says_whose_process_it_is_and_what_it_does(
    home: Home, heard: Heard
) -> None:
    async with watching(home, heard):
        with agent("claude") as claude:
            home.register(claude, status="waiting", waitingFor="permission prompt")
            read = await heard.next(RegistryRead)
            found = heard.all(ProcessFound)

    assert (read.status, read.waiting_for) == ("waiting", "permission prompt")
    assert read.cwd == "/home/dev/work"
    assert [(each.pid, each.how, each.is_sure) for each in found] == [
        (claude.pid, "registry", True)
    ]
    assert not found[0].headless


async def test_every_change_is_told_once(home: Home, heard: Heard) -> None:
    words = ["busy", "waiting", "busy", "idle", "shell"]
    async with watching(home, heard):
        with agent("claude") as claude:
            for word in words:
                home.register(claude, status=word)
                home.register(claude, status=word)
                await heard.said(word)

    # When an entry without a time of its own was read is no change of it.
    assert distinct([each.status for each in heard.all(RegistryRead)]) == words
    assert len(heard.all(ProcessFound)) == 1


async def test_a_half_written_entry_is_read_when_it_is_whole(
    home: Home, heard: Heard
) -> None:
    with agent("claude") as claude:
        path = home.register(claude)
        text = path.read_bytes()
        async with watching(home, heard):
            await heard.said("busy")
            write_in_place(path, b"")
            write_in_place(path, text[:40])
            write_in_place(path, text.replace(b'"busy"', b'"idle"'))
            await heard.said("idle")

    assert heard.all(ProcessGone) == []


async def test_a_restarted_daemon_finds_all_again(home: Home, heard: Heard) -> None:
    with agent("claude") as claude:
        home.register(claude)
        async with watching(home, Heard()):
            pass

        async with watching(home, heard):
            assert [each.pid for each in heard.all(ProcessFound)] == [claude.pid]
            assert [each.status for each in heard.all(RegistryRead)] == ["busy"]


async def test_clear_gives_the_process_another_session(
    home: Home, heard: Heard
) -> None:
    async with watching(home, heard):
        with agent("claude") as claude:
            home.register(claude, "before")
            await heard.next(ProcessFound, "before")
            home.register(claude, "after")
            await heard.next(ProcessFound, "after")

            assert [each.tidy for each in heard.all(ProcessGone, "before")] == [True]
            claude.kill()
            await heard.next(ProcessGone, "after")

    assert len(heard.all(ProcessGone, "before")) == 1


async def test_a_killed_process_leaves_its_entry_behind(
    home: Home, heard: Heard
) -> None:
    async with watching(home, heard):
        with agent("claude") as claude:
            home.register(claude)
            await heard.next(ProcessFound)
            claude.kill(signal.SIGKILL)
            gone = await heard.next(ProcessGone)

    assert (gone.session_id, gone.pid, gone.tidy) == ("s1", claude.pid, False)


async def test_a_process_that_takes_its_entry_with_it_ended_in_order(
    home: Home, heard: Heard
) -> None:
    async with watching(home, heard):
        with agent("claude") as claude:
            path = home.register(claude)
            await heard.next(ProcessFound)
            path.unlink()
            claude.kill(signal.SIGTERM)
            gone = await heard.next(ProcessGone)

    assert gone.tidy is True


async def test_an_entry_that_somebody_took_away_says_nothing_any_more(
    home: Home, heard: Heard
) -> None:
    async with watching(home, heard):
        with agent("claude") as claude:
            home.register(claude).unlink()
            home.register(claude, status="busy")
            await heard.said("busy")
            home.entry(claude.pid).unlink()
            await heard.said(None)

            assert heard.all(ProcessGone) == []


async def test_of_a_process_that_died_unwatched_is_told_if_somebody_asks(
    home: Home, heard: Heard
) -> None:
    with agent("claude") as claude, agent("claude") as other:
        home.register(claude, "asked-for", statusUpdatedAt=1795231362147)
        home.register(other, "forgotten")

    heard.want("asked-for", last_ms=1795231400000)
    async with watching(home, heard) as presence:
        gone = heard.all(ProcessGone)
        presence.request_scan()
        await eventually(lambda: presence.error is None)

    assert [(each.session_id, each.tidy) for each in gone] == [("asked-for", False)]
    assert gone[0].at_ms == 1795231400000
    assert len(heard.signals) == 1


async def test_a_session_that_lives_on_elsewhere_has_not_died(
    home: Home, heard: Heard
) -> None:
    with agent("claude") as killed:
        home.register(killed)

    heard.want("s1")
    with agent("claude") as claude:
        home.register(claude)
        async with watching(home, heard):
            assert [each.pid for each in heard.all(ProcessFound)] == [claude.pid]
            assert heard.all(ProcessGone) == []


REFUSED = [
    pytest.param({"procStart": "1"}, id="another process has the number now"),
    pytest.param({"pidDomain": "linux:x:pid:[1]"}, id="of another namespace"),
    pytest.param({"pid": 1}, id="of another number than its name says"),
    pytest.param({"sessionId": "../\x1b[2J"}, id="no id of a session"),
    pytest.param({"sessionId": ""}, id="no session"),
    pytest.param({"name": "x" * MAX_ENTRY_BYTES}, id="too long"),
    pytest.param({"procStart": None, "updatedAt": 1_000_000_000_000}, id="older"),
]


@pytest.mark.parametrize("fields", REFUSED)
async def test_an_entry_that_cannot_be_checked_says_nothing(
    fields: dict[str, object], home: Home, heard: Heard
) -> None:
    with agent("claude") as claude, agent("claude") as sound:
        home.register(claude, "s1", **fields)
        async with watching(home, heard):
            home.register(sound, "s2")
            await heard.next(ProcessFound, "s2")

    assert {each.session_id for each in heard.signals} == {"s2"}


async def test_an_entry_of_our_own_namespace_is_believed(
    home: Home, heard: Heard
) -> None:
    with agent("claude") as claude:
        home.register(claude, pidDomain=f"linux:0123456789abcdef:{pid_namespace()}")
        async with watching(home, heard):
            await heard.next(ProcessFound)


async def test_without_a_start_the_process_must_be_older_than_its_entry(
    home: Home, heard: Heard
) -> None:
    with agent("claude") as claude:
        home.register(claude, procStart=None, updatedAt=1_900_000_000_000)
        async with watching(home, heard):
            await heard.next(ProcessFound)


@pytest.mark.parametrize("name", ["pid-{}.json", "{}.json.tmp", "0{}.json", "{}.key"])
async def test_other_files_are_no_entries(name: str, home: Home, heard: Heard) -> None:
    with agent("claude") as claude, agent("claude") as sound:
        path = home.register(claude)
        path.rename(home.registry / name.format(claude.pid))
        home.register(sound, "s2")
        async with watching(home, heard):
            await heard.next(ProcessFound)

    assert {each.session_id for each in heard.signals} == {"s2"}


async def test_no_link_and_no_pipe_is_opened(home: Home, heard: Heard) -> None:
    with agent("claude") as linked, agent("claude") as piped, agent("claude") as sound:
        path = home.register(linked)
        path.rename(home.folder / "elsewhere.json")
        path.symlink_to(home.folder / "elsewhere.json")
        os.mkfifo(home.entry(piped.pid))
        async with watching(home, heard):
            home.register(sound, "s2")
            await heard.next(ProcessFound, "s2")

    assert {each.session_id for each in heard.signals} == {"s2"}


async def test_a_folder_that_comes_late_or_is_replaced_is_watched(
    home: Home, heard: Heard
) -> None:
    shutil.rmtree(home.registry)
    heard.want("s2")
    with agent("claude") as first, agent("claude") as second:
        async with watching(home, heard) as presence:
            home.registry.mkdir()
            home.register(first, "s1")
            presence.request_scan()
            await heard.next(ProcessFound, "s1")

            home.registry.rename(home.folder / "moved")
            home.registry.mkdir()
            home.register(second, "s2")
            await heard.next(ProcessFound, "s2")


async def test_without_inotify_changes_are_found_by_looking(
    home: Home, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(**_: object) -> None:
        raise OSError(errno.EMFILE, "no more of them")

    monkeypatch.setattr(inotify_files, "INotify", refused)
    with agent("claude") as claude:
        async with watching(home, heard) as presence:
            assert presence.error is not None
            home.register(claude)
            presence.request_scan()
            await heard.said("busy")
            home.register(claude, status="waiting")
            await heard.said("waiting")
            monkeypatch.undo()
            await eventually(lambda: presence.error is None)


async def test_a_change_is_told_within_50_ms(home: Home, heard: Heard) -> None:
    took: list[float] = []
    with agent("claude") as claude:
        async with watching(home, heard):
            for number in range(21):
                before = time.perf_counter()
                home.register(claude, status=f"step-{number}")
                await heard.said(f"step-{number}")
                took.append(heard.times[-1] - before)

    # The median: other programs have their turn on this machine as well.
    assert statistics.median(took) < 0.05


async def test_hundreds_of_changes_end_with_the_newest(
    home: Home, heard: Heard
) -> None:
    with agent("claude") as claude:
        async with watching(home, heard):
            for number in range(300):
                home.register(claude, status=f"step-{number}")

            await heard.said("step-299")


async def test_two_processes_on_one_session_end_one_by_one(
    home: Home, heard: Heard
) -> None:
    with agent("claude") as first, agent("claude") as second:
        home.register(first)
        home.register(second)
        async with watching(home, heard):
            first.kill()
            gone = await heard.next(ProcessGone)
            assert gone.pid == first.pid
            second.kill()
            await eventually(lambda: len(heard.all(ProcessGone)) == 2)


async def test_a_printing_process_is_headless(home: Home, heard: Heard) -> None:
    with agent("claude", "-p") as claude:
        home.register(claude)
        async with watching(home, heard):
            assert heard.all(ProcessFound)[0].headless


async def test_a_process_that_resumes_is_of_the_session_that_it_resumes(
    home: Home, heard: Heard
) -> None:
    """It names a session of its own for as long as a person chooses an older one."""
    started = {"status": None, "startedAt": 1_795_231_362_202}
    async with watching(home, heard):
        with agent("claude", "--resume") as claude:
            home.register(claude, "s0", **started)
            home.register(claude, "s1", **started, updatedAt=1_795_231_362_500)
            found = await heard.next(ProcessFound)
            claude.kill()
            await heard.next(ProcessGone)

    assert {each.session_id for each in heard.signals} == {"s1"}
    assert found.took_up_ms is None


async def test_a_session_that_a_process_takes_up_begins_then(
    home: Home, heard: Heard
) -> None:
    with agent("claude") as claude:
        home.register(claude, "s1")
        async with watching(home, heard):
            first = await heard.next(ProcessFound, "s1")
            home.register(claude, "s2")
            second = await heard.next(ProcessFound, "s2")

    assert first.took_up_ms is None
    assert second.started_ms == first.started_ms
    assert second.since_ms > first.since_ms


async def test_what_agents_never_wrote_is_survived(home: Home, heard: Heard) -> None:
    async with watching(home, heard):
        with agent("claude") as claude:
            for text in (
                b"[" * 60_000,
                b"\xff\xfe",
                b"null",
                b"[]",
                b"{}",
                b'{"pid":1e99}',
            ):
                write_in_place(home.entry(claude.pid), text)

            fields = json.dumps({"status": 7, "waitingFor": ["x"], "cwd": "y" * 9999})
            home.register(claude, **json.loads(fields))
            read = await heard.next(RegistryRead)

    assert (read.status, read.waiting_for, read.cwd) == (None, None, None)
    assert read.session_id == SessionId("s1")


def distinct(words: list[str | None]) -> list[str | None]:
    """Return *words* without repetitions of the one before."""
    return [
        word
        for before, word in zip([None, *words], words, strict=False)
        if word != before
    ]
