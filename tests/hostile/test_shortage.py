"""No descriptor is left: accepting pauses, reading goes on, and all recovers by itself."""

import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import anyio
import pytest

from jarvisd.protocol.methods import StatusResult
from tests.e2e.home import Home, append, record
from tests.e2e.rig import Daemon, running_daemon

FILES = 200
FEW = 40
"""Descriptors for a daemon that has about twenty of its own."""


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

            with anyio.fail_after(3):
                assert await daemon.ask("status", StatusResult) is not None

        assert "api.accept_paused" in daemon.log()
        assert len(daemon.log().splitlines()) < 100


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
