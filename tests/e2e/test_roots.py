"""Which folders are looked through, when they come, go, and are configured."""

import shutil
from functools import partial
from uuid import uuid4

from jarvisd.overview.wire import ConfigReloadResult, SourcesListResult
from tests.e2e.home import Home, append, record
from tests.e2e.rig import Daemon, running_daemon
from tests.support import eventually, sometimes_soon


async def test_a_root_that_comes_later_is_read(home: Home) -> None:
    shutil.rmtree(home.folder / ".claude")
    shutil.rmtree(home.folder / ".codex")
    async with running_daemon(home) as daemon:
        await daemon.sync()
        path, rollout = home.transcript(), home.rollout()
        append(path, record())
        append(rollout, record())

        await eventually(lambda: daemon.shows(path, lines=1))
        await eventually(lambda: daemon.shows(rollout, lines=1))


async def test_a_root_removed_and_made_again_is_followed_again(home: Home) -> None:
    path = home.transcript()
    append(path, record())
    async with running_daemon(home) as daemon:
        await daemon.sync()
        shutil.rmtree(home.projects)
        await daemon.sync()
        again = home.transcript()
        append(again, record())
        await eventually(lambda: daemon.shows(again, lines=1))

        append(again, record())
        await eventually(lambda: daemon.shows(again, lines=2))
        await sometimes_soon(partial(a_new_folder_shows, daemon))


async def test_a_root_reached_by_two_names_is_read_once(home: Home) -> None:
    real = home.folder / "elsewhere"
    (home.folder / ".claude").rename(real)
    (home.folder / ".claude").symlink_to(real)
    path = real / "projects" / "-demo" / "a.jsonl"
    path.parent.mkdir()
    append(path, record())
    home.configure(f'[agents.claude]\nroots = ["{real}"]\n')

    async with running_daemon(home) as daemon, daemon.connected() as client:
        await client.sync()
        assert [each.line_count for each in await client.blocks()] == [1]
        append(path, record())
        await client.sync()
        assert [each.line_count for each in await client.blocks()] == [2]


async def test_the_roots_that_the_environment_names_are_read(home: Home) -> None:
    folders = [home.folder / name for name in ("one", "two/projects", "codex home")]
    first = folders[0] / "projects" / "-p" / "1.jsonl"
    second = folders[1] / "-p" / "2.jsonl"
    third = folders[2] / "sessions" / "2026" / "11" / "21" / "rollout-x.jsonl"
    for path in (first, second, third):
        path.parent.mkdir(parents=True)
        append(path, record())

    ignored = home.transcript()
    append(ignored, record())
    environ = {
        "CLAUDE_CONFIG_DIR": f"{folders[0]},{folders[1]}",
        "CODEX_HOME": str(folders[2]),
    }
    async with running_daemon(home, environ=environ) as daemon:
        await daemon.sync()
        async with daemon.connected() as client:
            paths = {each.path for each in await client.blocks()}

    assert paths == {str(first), str(second), str(third)}


async def test_an_excluded_folder_is_not_read(home: Home) -> None:
    secret, open_to_all = home.transcript("secret"), home.transcript("open")
    append(secret, record())
    append(open_to_all, record())
    home.configure('exclude = ["*/-home-me-secret"]\n')

    async with running_daemon(home) as daemon, daemon.connected() as client:
        await client.sync()
        assert [each.path for each in await client.blocks()] == [str(open_to_all)]
        append(secret, record())
        await client.sync()
        assert await client.block_at(secret) is None


async def test_an_agent_can_be_turned_off(home: Home) -> None:
    append(home.transcript(), record())
    append(home.rollout(), record())
    home.configure("[agents.codex]\nenabled = false\n")

    async with running_daemon(home) as daemon, daemon.connected() as client:
        await client.sync()
        assert [each.agent for each in await client.blocks()] == ["claude"]


async def test_a_reload_adds_a_root(home: Home) -> None:
    path = home.folder / "more" / "projects" / "-p" / "1.jsonl"
    path.parent.mkdir(parents=True)
    append(path, record())

    async with running_daemon(home) as daemon, daemon.connected() as client:
        await client.sync()
        assert await client.blocks() == []
        home.configure(f'[agents.claude]\nroots = ["{home.folder / "more"}"]\n')
        answer = await client.ask("config.reload", ConfigReloadResult)

        assert answer.changed == ["agents.claude.roots"]
        assert answer.needs_restart == []
        await client.sync()
        assert [each.path for each in await client.blocks()] == [str(path)]
        append(path, record())
        await eventually(lambda: daemon.shows(path, lines=2))


async def test_roots_are_listed_with_what_they_hold(home: Home) -> None:
    append(home.transcript(), record())
    shutil.rmtree(home.folder / ".codex")
    async with running_daemon(home) as daemon:
        await daemon.sync()
        answer = await daemon.ask("sources.list", SourcesListResult)

    roots = {each.path: (each.exists, each.files) for each in answer.roots}
    assert roots[str(home.projects)] == (True, 1)
    assert roots[str(home.sessions)] == (False, 0)


async def a_new_folder_shows(daemon: Daemon) -> None:
    """Make a session in a new folder, and wait until it is noticed."""
    path = daemon.home.projects / f"-{uuid4()}" / "a.jsonl"
    path.parent.mkdir()
    append(path, record())
    await eventually(lambda: daemon.shows(path, lines=1))
