"""Linked folders: read where that is safe, and told where not."""

from pathlib import Path

import pytest

from jarvisd.overview.wire import SourcesListResult
from tests.e2e.client import Client
from tests.e2e.commands import jarvisctl
from tests.e2e.home import Home, append, numbered
from tests.e2e.rig import running_daemon
from tests.support import eventually


async def test_a_linked_folder_in_the_home_is_read(home: Home) -> None:
    store = home.folder / "store" / "shop"
    path = made(store / "a.jsonl", 3)
    (home.projects / "-shop").symlink_to(store)
    async with running_daemon(home) as daemon:
        block = await daemon.block_at(path)
        assert (block.session_id, block.line_count) == ("a", 3)

        append(path, *numbered(2, start=3))
        await eventually(lambda: daemon.shows(path, lines=5))
        await daemon.restart()

        assert (await daemon.block_at(path)).line_count == 5
        async with daemon.connected() as client:
            assert len(await client.blocks()) == 1
            assert await troubles(client) == {}


async def test_a_link_that_comes_while_the_daemon_runs_is_followed(home: Home) -> None:
    store = home.folder / "store"
    path = made(store / "a.jsonl", 3)
    async with running_daemon(home) as daemon:
        await daemon.sync()
        (home.projects / "-shop").symlink_to(store)
        assert (await daemon.block_at(path)).line_count == 3

        new = made(store / "b.jsonl", 2)
        await eventually(lambda: daemon.shows(new, lines=2))
        async with daemon.connected() as client:
            await client.sync()
            assert len(await client.blocks()) == 2


async def test_a_link_that_leads_nowhere_costs_nothing_else(home: Home) -> None:
    path = made(home.projects / "-shop" / "a.jsonl", 3)
    for folder in (home.projects, path.parent):
        (folder / "itself").symlink_to("itself")
        (folder / "nothing").symlink_to("no-such-folder")

    async with running_daemon(home) as daemon, daemon.connected() as client:
        assert (await daemon.block_at(path)).line_count == 3
        assert await troubles(client) == {}


async def test_links_in_a_circle_are_read_once(home: Home) -> None:
    store = home.folder / "store"
    path = made(store / "project" / "a.jsonl", 3)
    (store / "project" / "again").symlink_to(store / "project")
    (store / "project" / "up").symlink_to(store)
    for name in ("-one", "-two"):
        (home.projects / name).symlink_to(store / "project")

    (home.projects / "-own").mkdir()
    (home.projects / "-same").symlink_to(home.projects / "-own")
    own = made(home.projects / "-own" / "b.jsonl", 1)
    async with running_daemon(home) as daemon, daemon.connected() as client:
        await client.sync()

        blocks = await client.blocks()
        assert {each.path: each.line_count for each in blocks} == {
            str(path): 3,
            str(own): 1,
        }


async def test_a_link_that_is_not_followed_is_told_with_what_to_do(
    home: Home, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    made(outside / "a.jsonl", 3)
    (home.projects / "-outside").symlink_to(outside)
    (home.projects / "-above").symlink_to(home.folder)
    target = made(home.folder / "store" / "b.jsonl", 1)
    link = home.transcript()
    link.symlink_to(target)
    async with running_daemon(home) as daemon, daemon.connected() as client:
        await client.sync()
        append(outside / "a.jsonl", *numbered(1, start=3))
        append(target, *numbered(1, start=1))
        await client.sync()

        told = await troubles(client)
        assert await client.blocks() == []
        assert told.keys() == {
            str(home.projects / "-outside"),
            str(home.projects / "-above"),
            str(link),
        }
        advice = await printed(home, "doctor")
        assert "outside of your home" in told[str(home.projects / "-outside")]
        assert "name the folder itself as a root" in advice
        assert "put the file itself there" in advice
        assert "make it readable" not in advice


async def test_a_linked_folder_that_is_switched_is_read_no_more(
    home: Home, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside, store = tmp_path_factory.mktemp("outside"), home.folder / "store"
    path = made(store / "a.jsonl", 3)
    secret = made(outside / "a.jsonl", 9)
    link = home.projects / "-shop"
    link.symlink_to(store)
    async with running_daemon(home) as daemon, daemon.connected() as client:
        await client.sync()
        link.unlink()
        link.symlink_to(outside)
        await client.sync()
        append(secret, *numbered(1, start=9))
        append(path, *numbered(1, start=3))
        await client.sync()

        assert [each.line_count for each in await client.blocks()] == [3]
        assert str(secret) not in daemon.open_files()


def made(path: Path, lines: int) -> Path:
    """Return a new transcript of so many *lines*."""
    path.parent.mkdir(parents=True, exist_ok=True)
    append(path, *numbered(lines))
    return path


async def troubles(client: Client) -> dict[str, str]:
    """Return the paths reported as not read, with the reasons."""
    known = await client.ask("sources.list", SourcesListResult, problems=True)
    return {each.path: each.error or "" for each in known.sources}


async def printed(home: Home, *arguments: str) -> str:
    """Return the output of a command, as one line."""
    answer = await jarvisctl(home, *arguments)
    return " ".join(answer.stdout.decode().split())
