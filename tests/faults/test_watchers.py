"""Watchers that fail, each in its way: the scan finds all, and health tells."""

import os
import shutil
import signal
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest

from jarvisd.overview.health_wire import HealthResult
from jarvisd.overview.wire import SourcesListResult
from tests.e2e.home import Home, append, record
from tests.e2e.rig import Daemon, running_daemon
from tests.faults.kernel import (
    mounted_through_fuse,
    needs_fuse,
    needs_limits,
    needs_queue,
    set_limit,
    short_queue,
    with_limit,
)
from tests.support import eventually

ODD = os.fsdecode(b"caf\xe9")


@pytest.mark.parametrize("odd", [f"-home-me-demo/{ODD}.jsonl", f"{ODD}/odd.jsonl"])
async def test_a_name_that_is_not_utf8_leaves_everything_else_watched(
    home: Home, odd: str
) -> None:
    async with running_daemon(home) as daemon:
        path = await followed(daemon)
        for number in range(3):
            bad = home.projects / odd
            bad.parent.mkdir(exist_ok=True)
            append(bad, record())
            later = home.transcript(f"made-after-{number}")
            append(later, record())
            append(path, record())
            await eventually(partial(daemon.shows, path, lines=2 + number))
            await eventually(partial(daemon.shows, later, lines=1))
            health = await daemon.ask("health", HealthResult)
            assert (health.watch.trees, health.problems) == ("inotify", [])

        await daemon.sync()
        name = odd.removeprefix("-home-me-demo/").removesuffix("/odd.jsonl")
        assert await told(daemon, name.replace(ODD, "caf\ufffd"))


@needs_limits
async def test_without_inotify_all_is_found_by_looking(home: Home) -> None:
    limit = "max_inotify_instances"
    async with running_daemon(home, outside=with_limit(limit, 0)) as daemon:
        path = home.transcript()
        append(path, record())
        await eventually(lambda: daemon.shows(path, lines=1))
        append(path, record())
        await eventually(lambda: daemon.shows(path, lines=2))

        health = await daemon.ask("health", HealthResult)
        assert (health.watch.live, health.watch.trees) == ("scan", "scan")
        assert {each.kind for each in health.problems} == {
            "live_watch_failed",
            "tree_watch_failed",
        }
        assert any("max_user_instances" in each.message for each in health.problems)

        set_limit(daemon, limit, 8)
        await eventually(lambda: is_well(daemon))
        append(path, record())
        await eventually(lambda: daemon.shows(path, lines=3))


@needs_limits
async def test_folders_beyond_the_limit_of_watches_are_found_by_looking(
    home: Home,
) -> None:
    limit = "max_inotify_watches"
    async with running_daemon(home, outside=with_limit(limit, 20)) as daemon:
        await daemon.sync()
        paths = [home.transcript(f"project-{each}") for each in range(40)]
        for path in paths:
            append(path, record())

        await eventually(lambda: all_show(daemon, paths, lines=1))
        for path in paths:
            append(path, record())

        await eventually(lambda: all_show(daemon, paths, lines=2))
        await eventually(lambda: has_problem(daemon, "live_watch_failed"))
        health = await daemon.ask("health", HealthResult)
        assert health.status == "degraded"
        assert any("max_user_watches" in each.message for each in health.problems)

        set_limit(daemon, limit, 1000)
        await eventually(
            lambda: has_problem(daemon, "live_watch_failed", is_there=False)
        )


@needs_fuse
async def test_a_file_system_without_events_is_looked_through(home: Home) -> None:
    below = home.folder / "below"
    below.mkdir()
    with mounted_through_fuse(below, home.projects):
        async with running_daemon(home) as daemon:
            await daemon.sync()

            async def one_more_is_missed() -> bool:
                # A scan that comes before the hint would be due has nothing to miss.
                name = f"-home-me-unseen/{uuid4()}.jsonl"
                path, hidden = home.projects / name, below / name
                hidden.parent.mkdir(exist_ok=True)
                append(hidden, record())
                await eventually(lambda: daemon.shows(path, lines=1))
                append(hidden, record())
                await eventually(lambda: daemon.shows(path, lines=2))
                return await has_problem(daemon, "hints_lost")

            await eventually(one_more_is_missed)
            assert (await daemon.ask("health", HealthResult)).status == "ok"


@needs_queue
async def test_a_queue_that_overflows_while_we_are_stopped_loses_no_file(
    home: Home,
) -> None:
    async with AsyncExitStack() as stack:
        with short_queue(events=64):
            daemon = await stack.enter_async_context(running_daemon(home))
            path = await followed(daemon)

        daemon.signal(signal.SIGSTOP)
        paths = [home.transcript() for _ in range(3000)]
        for each in (path, *paths):
            append(each, record())

        daemon.signal(signal.SIGCONT)
        await eventually(lambda: all_show(daemon, paths, lines=1))
        assert await daemon.shows(path, lines=2)
        assert await has_problem(daemon, "hints_lost")
        health = await daemon.ask("health", HealthResult)
        assert health.status == "ok"


async def test_a_root_that_is_removed_and_made_again_is_watched_again(
    home: Home,
) -> None:
    async with running_daemon(home) as daemon:
        await followed(daemon)
        for number in range(3):
            shutil.rmtree(home.projects)
            await eventually(lambda: root_exists(daemon, is_there=False))
            path = home.transcript(f"again-{number}")
            append(path, record())
            await eventually(partial(daemon.shows, path, lines=1))
            append(path, record())
            await eventually(partial(daemon.shows, path, lines=2))

        assert await is_well(daemon)


async def followed(daemon: Daemon) -> Path:
    """Return a transcript of one line that the daemon is watching."""
    path = daemon.home.transcript()
    append(path, record())
    await eventually(lambda: daemon.shows(path, lines=1))
    return path


async def all_show(daemon: Daemon, paths: list[Path], *, lines: int) -> bool:
    """Whether so many lines of each are known, without asking for a look."""
    async with daemon.connected() as client:
        counts = {each.path: each.line_count for each in await client.blocks()}
        return all(counts.get(str(path)) == lines for path in paths)


async def has_problem(daemon: Daemon, kind: str, *, is_there: bool = True) -> bool:
    """Whether health tells of such a problem."""
    health = await daemon.ask("health", HealthResult)
    return (kind in {each.kind for each in health.problems}) is is_there


async def is_well(daemon: Daemon) -> bool:
    """Whether both watchers work again."""
    health = await daemon.ask("health", HealthResult)
    return health.status == "ok" and health.watch.trees == "inotify"


async def root_exists(daemon: Daemon, *, is_there: bool) -> bool:
    """Whether sources.list shows the root of the projects, or shows it gone."""
    answer = await daemon.ask("sources.list", SourcesListResult)
    roots = {each.path: each.exists for each in answer.roots}
    return roots[str(daemon.home.projects)] is is_there


async def told(daemon: Daemon, name: str) -> str | None:
    """Return what sources.list says is wrong with the file *name*."""
    answer = await daemon.ask("sources.list", SourcesListResult, problems=True)
    found = [each for each in answer.sources if each.path.endswith(name)]
    return found[0].error if found else None
