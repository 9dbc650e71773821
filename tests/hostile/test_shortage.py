"""No descriptor is left: accepting pauses, reading goes on, and all recovers by itself."""

import resource
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import anyio
import pytest

from jarvisd.overview.wire import StatusResult
from tests.e2e.home import Home, append, append_bytes, record
from tests.e2e.rig import Daemon, running_daemon
from tests.support import PATIENCE_S

FILES = 200
FEW = 40
"""Descriptors for a daemon that has about twenty of its own."""


MEMORY_BYTES = 128_000_000
"""What MemoryMax might be; it holds for all that a process may write into."""

BACKLOG_LINES = 25_000
"""Of 2 kB, in each of four files: more than the memory there is."""


@contextmanager
def allowed(daemon: Daemon, descriptors: int) -> Iterator[None]:
    """Let *daemon* have only so many descriptors, those it holds included."""
    before = resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE)
    few = (descriptors, before[1])
    resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, few)
    try:
        yield
    finally:
        resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, before)


async def test_a_hundred_clients_and_no_descriptor_are_survived(home: Home) -> None:
    async with running_daemon(home) as daemon, daemon.connected() as asking:
        await daemon.sync()
        with allowed(daemon, FEW):
            crowd = [socket.socket(socket.AF_UNIX) for _ in range(100)]
            for each in crowd:
                each.settimeout(0)
                each.connect(str(daemon.socket))

            for _ in range(20):
                assert await asking.ask("status", StatusResult) is not None
            for each in crowd:
                each.close()

            assert await daemon.ask("status", StatusResult) is not None

        assert "api.accept_paused" in daemon.log()
        assert len(daemon.log().splitlines()) < 100


@pytest.mark.skipif(shutil.which("prlimit") is None, reason="prlimit is needed")
async def test_a_backlog_larger_than_memory_is_read_within_little_of_it(
    home: Home,
) -> None:
    paths = [home.transcript() for _ in range(4)]
    for path in paths:
        append_bytes(path, f"{record(2000)}\n".encode() * BACKLOG_LINES)

    little = ("prlimit", f"--data={MEMORY_BYTES}")
    async with running_daemon(home, wrapper=little) as daemon:
        with anyio.fail_after(PATIENCE_S):
            await daemon.sync()

        status = await daemon.ask("status", StatusResult)
        assert status.line_count == len(paths) * BACKLOG_LINES


@pytest.mark.parametrize("descriptors", [FEW, 64])
async def test_files_are_read_with_fewer_descriptors_than_files(
    home: Home, descriptors: int
) -> None:
    paths = [home.transcript() for _ in range(FILES)]
    async with running_daemon(home) as daemon, daemon.connected() as client:
        with allowed(daemon, descriptors):
            for lines in range(1, 4):
                for path in paths:
                    append(path, record())
                await client.sync()

                counts = [each.line_count for each in await client.blocks()]
                assert counts == [lines] * FILES
                assert {each.error for each in await client.blocks()} == {None}
