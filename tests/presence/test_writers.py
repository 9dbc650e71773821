"""Codex's locks: real processes that hold them by flock."""

import fcntl
from pathlib import Path

from jarvisd.core.signal import ProcessFound, ProcessGone
from tests.presence.rig import Heard, Home, agent, watching
from tests.support import eventually

THREAD = "01a1fbed-862a-75b1-bce3-2029626f135b"
OTHER = "01a1fbed-862a-75b1-bce3-2029626f135c"

HOLD = """
import fcntl
files = [open(path, "w") for path in {paths!r}]
for file in files: fcntl.flock(file, fcntl.LOCK_EX)
"""


def holding(*paths: Path) -> str:
    """Return code that makes these files and locks them."""
    return HOLD.format(paths=list(map(str, paths)))


async def test_who_holds_the_lock_works_on_the_thread(home: Home, heard: Heard) -> None:
    async with watching(home, heard):
        with agent("codex", code=holding(home.lock(THREAD))) as codex:
            found = await heard.next(ProcessFound)

    assert (found.agent, found.session_id, found.pid) == ("codex", THREAD, codex.pid)
    assert (found.how, found.is_sure, found.headless) == ("lock", True, False)


async def test_a_lock_is_not_taken_by_looking(home: Home, heard: Heard) -> None:
    path = home.lock(THREAD)
    path.touch()
    heard.want(THREAD, "codex")
    async with watching(home, heard) as presence:
        for _ in range(50):
            presence.request_scan()
            with path.open() as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

            await eventually(lambda: True)


async def test_locks_are_found_at_the_start(home: Home, heard: Heard) -> None:
    with agent("codex", "exec", code=holding(home.lock(THREAD))) as codex:
        async with watching(home, heard):
            found = heard.all(ProcessFound)

    assert [(each.pid, each.headless) for each in found] == [(codex.pid, True)]


async def test_a_server_holds_the_locks_of_many_threads(
    home: Home, heard: Heard
) -> None:
    code = holding(home.lock(THREAD), home.lock(OTHER))
    with agent("codex", "app-server", code=code) as codex:
        async with watching(home, heard):
            assert {each.session_id for each in heard.all(ProcessFound)} == {
                THREAD,
                OTHER,
            }
            codex.kill()
            await eventually(lambda: len(heard.all(ProcessGone)) == 2)

    assert {each.tidy for each in heard.all(ProcessGone)} == {False}


async def test_a_file_that_nobody_locks_is_left_from_a_dead_process(
    home: Home, heard: Heard
) -> None:
    home.lock(THREAD).touch()
    (home.locks / ".coordination.lock").touch()
    async with watching(home, heard):
        assert heard.signals == []


async def test_a_killed_writer_leaves_its_file(home: Home, heard: Heard) -> None:
    with agent("codex", code=holding(home.lock(THREAD))) as codex:
        async with watching(home, heard):
            codex.kill()
            gone = await heard.next(ProcessGone)

    assert (gone.pid, gone.tidy) == (codex.pid, False)
    assert home.lock(THREAD) in home.locks.iterdir()


async def test_a_file_removed_before_the_end_is_an_orderly_end(
    home: Home, heard: Heard
) -> None:
    with agent("codex", code=holding(home.lock(THREAD))) as codex:
        async with watching(home, heard):
            home.lock(THREAD).unlink()
            gone = await heard.next(ProcessGone)
            codex.kill()

    assert gone.tidy is True
    assert len(heard.all(ProcessGone)) == 1


async def test_a_stale_file_that_is_locked_again_is_found(
    home: Home, heard: Heard
) -> None:
    home.lock(THREAD).touch()
    heard.want(THREAD, "codex")
    async with watching(home, heard) as presence:
        code = holding(home.lock(THREAD)).replace('"w"', '"r"')
        with agent("codex", code=code):
            presence.request_scan()
            await heard.next(ProcessFound)


async def test_another_process_takes_the_lock_over(home: Home, heard: Heard) -> None:
    heard.want(THREAD, "codex")
    async with watching(home, heard):
        with agent("codex", code=holding(home.lock(THREAD))) as first:
            await heard.next(ProcessFound)

        await heard.next(ProcessGone)
        with agent("codex", code=holding(home.lock(THREAD))) as second:
            await eventually(lambda: len(heard.all(ProcessFound)) == 2)

    found = [each.pid for each in heard.all(ProcessFound)]
    assert found == [first.pid, second.pid]
