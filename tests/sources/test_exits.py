"""The ends of real processes."""

import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from jarvisd.core.process import ProcessLife
from jarvisd.presence import exits
from jarvisd.presence.exits import ExitWatcher
from jarvisd.presence.processes import life_of
from tests.presence.rig import Agent, agent, agents
from tests.support import eventually, sometimes_soon


@asynccontextmanager
async def watching(
    gone: list[ProcessLife], *, limit: int | None = None
) -> AsyncIterator[ExitWatcher]:
    """Note in *gone* whose end is told."""
    found = ExitWatcher(gone.append, limit=limit)
    with found.open():
        async with anyio.create_task_group() as group:
            group.start_soon(found.run)
            yield found
            group.cancel_scope.cancel()


def life(of: Agent) -> ProcessLife:
    found = life_of(of.pid)
    assert found is not None
    return found


def inherited() -> bytes:
    """Return what a child of ours has open that nobody closes for it."""
    command = [sys.executable, "-c", "import os; print(os.listdir('/proc/self/fd'))"]
    return subprocess.check_output(command, close_fds=False)


def descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.mark.parametrize("limit", [8, 0], ids=["pidfd", "looking"])
async def test_an_end_is_told_once(limit: int) -> None:
    gone: list[ProcessLife] = []
    async with watching(gone, limit=limit) as found:
        with agent() as one, agent() as other:
            for each in (one, other, one):
                found.watch(life(each))

            assert found.polled == (0 if limit else 2)
            one_life = life(one)
            one.kill()
            await eventually(lambda: gone == [one_life])
            found.unwatch(life(other))
            other.kill()

        assert len(found) == 0

    assert gone == [one_life]


async def test_with_a_descriptor_an_end_is_told_at_once() -> None:
    gone: list[ProcessLife] = []
    async with watching(gone) as found:

        async def end_one() -> None:
            with agent() as one:
                ended = life(one)
                found.watch(ended)
                one.kill()
                await eventually(lambda: ended in gone)

        await sometimes_soon(end_one)


@pytest.mark.parametrize("limit", [8, 0], ids=["pidfd", "looking"])
async def test_one_that_has_ended_already_is_told_of(limit: int) -> None:
    gone: list[ProcessLife] = []
    async with watching(gone, limit=limit) as found:
        with agent() as one:
            ended = life(one)

        found.watch(ended)
        await eventually(lambda: gone == [ended])


async def test_another_process_with_the_same_number_is_not_watched() -> None:
    gone: list[ProcessLife] = []
    async with watching(gone) as found:
        with agent() as one:
            before = ProcessLife(one.pid, life(one).ticks - 1)
            found.watch(before)
            await eventually(lambda: gone == [before])


async def test_descriptors_are_bounded_and_given_back() -> None:
    before = descriptors()
    gone: list[ProcessLife] = []
    with agents(12) as running:
        piped = descriptors()
        async with watching(gone, limit=5) as found:
            for each in running:
                found.watch(life(each))

            assert descriptors() == piped + 5
            assert found.polled == 7

        assert descriptors() == piped

    assert descriptors() == before
    assert gone == []


async def test_no_descriptor_leaks_into_children() -> None:
    async with watching([]) as found:
        with agent() as one:
            none = inherited()
            found.watch(life(one))
            assert inherited() == none


async def test_a_kernel_that_does_not_allow_it_is_looked_past(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(pid: int) -> int:
        raise PermissionError

    monkeypatch.setattr(exits, "_OPEN", refused)
    gone: list[ProcessLife] = []
    async with watching(gone) as found:
        with agent() as one:
            found.watch(life(one))
            assert found.polled == 1
            one.kill()
            await eventually(lambda: bool(gone))
