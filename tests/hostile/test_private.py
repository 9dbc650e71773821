"""What the daemon makes is its user's alone, and what it opens goes nowhere else."""

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import anyio
import pytest

from jarvisd.overview.wire import SourcesListResult
from tests.e2e.client import RpcError
from tests.e2e.commands import command
from tests.e2e.home import Home, append, record
from tests.e2e.rig import running_daemon
from tests.support import PATIENCE_S

SECRET = "the secret of somebody else"
LIST_OPEN = "import os; print(*os.listdir('/proc/self/fd'))"
UMASKS = [0o000, 0o022, 0o077, 0o777]


class Descriptor(NamedTuple):
    """A file that a process has open, and how."""

    number: int
    leads_to: str
    flags: int


def descriptors(pid: int) -> list[Descriptor]:
    """Return everything that process *pid* has open and does not close meanwhile."""
    found = []
    for each in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            info = Path(f"/proc/{pid}/fdinfo/{each.name}").read_text()
            flags = int(info.split("flags:")[1].split()[0], 8)
            found.append(Descriptor(int(each.name), str(each.readlink()), flags))

    return found


def contents(paths: list[Path]) -> list[bytes]:
    """Return what the files hold."""
    return [path.read_bytes() for path in paths]


def made(home: Home) -> Iterator[Path]:
    """Give everything that lies in the daemon's own folders, and the folders."""
    for folder in (home.state, home.socket.parent):
        yield folder
        yield from folder.rglob("*")


@pytest.mark.parametrize("umask", UMASKS, ids=oct)
async def test_all_that_is_made_is_for_its_owner_alone_by_any_umask(
    home: Home, umask: int
) -> None:
    wrapper = ("sh", "-c", f'umask {umask:04o}; exec "$@"', "sh")
    append(home.transcript(), record())
    async with running_daemon(home, wrapper=wrapper) as daemon:
        await daemon.sync()
        found = {each: each.lstat() for each in made(home)}

    names = {each.name for each in found}
    assert names >= {"rpc.sock", "lock", "line", "status.json", "jarvisd.db"}
    for path, status in found.items():
        if stat.S_ISLNK(status.st_mode):
            continue  # a link has no mode of its own

        wanted = 0o700 if stat.S_ISDIR(status.st_mode) else 0o600
        assert (path, stat.S_IMODE(status.st_mode)) == (path, wanted)
        assert status.st_uid == os.geteuid()


async def test_a_command_that_is_run_inherits_no_descriptor_of_ours(home: Home) -> None:
    async with running_daemon(home):
        run = command("run", "--", sys.executable, "-c", LIST_OPEN)
        done = await anyio.run_process(run, env=home.environ())

    # Its three streams, and the one that lists the folder.
    assert sorted(map(int, done.stdout.split())) == [0, 1, 2, 3]


async def test_whatever_the_daemon_opens_is_closed_for_its_children(home: Home) -> None:
    # As a shell leaks one that was opened without care.
    wrapper = ("sh", "-c", 'exec 9</etc/passwd; exec "$@"', "sh")
    async with running_daemon(home, wrapper=wrapper) as daemon:
        inherited = {0, 1, 2, 9}
        kept = [
            each for each in descriptors(daemon.pid) if each.number not in inherited
        ]

    assert len(kept) > 5
    assert [each for each in kept if not each.flags & os.O_CLOEXEC] == []


async def test_a_link_out_of_the_tree_is_never_read(home: Home) -> None:
    secret = home.folder / "secret.jsonl"
    secret.write_text(f"{SECRET}\n")
    (home.transcript().parent / "link.jsonl").symlink_to(secret)
    (home.projects / "-linked").symlink_to(home.folder)
    async with running_daemon(home) as daemon, daemon.connected() as client:
        await client.sync()

        assert await client.blocks() == []
        assert str(secret) not in daemon.open_files()


async def test_a_transcript_that_becomes_a_link_is_not_followed(home: Home) -> None:
    secret = home.folder / "secret.jsonl"
    secret.write_text(f"{SECRET}\n" * 10)
    path = home.transcript()
    append(path, record())
    async with running_daemon(home) as daemon, daemon.connected() as client:
        block = await daemon.block_at(path)
        path.unlink()
        path.symlink_to(secret)
        await client.sync()

        after = await client.blocks()
        assert [each.char_count for each in after] == [block.char_count]
        with pytest.raises(RpcError) as refusal:
            await client.ask("blocks.tail", dict[str, object], block_id=block.block_id)
        assert refusal.value.kind == "source_unreadable"
        assert SECRET not in str(refusal.value)


async def test_a_transcript_that_becomes_a_pipe_holds_nobody_up(home: Home) -> None:
    path = home.transcript()
    append(path, record())
    async with running_daemon(home) as daemon, daemon.connected() as client:
        block = await daemon.block_at(path)
        path.unlink()
        os.mkfifo(path)

        with anyio.fail_after(PATIENCE_S):
            await client.sync()
            sources = await client.ask("sources.list", SourcesListResult)
            with pytest.raises(RpcError):
                await client.ask(
                    "blocks.tail", dict[str, object], block_id=block.block_id
                )

        assert "is not a regular file" in {each.error for each in sources.sources}


async def test_the_daemon_opens_no_file_of_an_agent_for_writing(home: Home) -> None:
    paths = [home.transcript(), home.rollout()]
    agents = (str(home.projects), str(home.sessions))
    async with running_daemon(home) as daemon:
        await daemon.sync()  # what comes now is no history, which is closed once read
        for path in paths:
            append(path, record())
        before = contents(paths)

        await daemon.sync()
        opened = [
            each for each in descriptors(daemon.pid) if each.leads_to.startswith(agents)
        ]

    assert opened
    assert {each.flags & os.O_ACCMODE for each in opened} == {os.O_RDONLY}
    assert contents(paths) == before
