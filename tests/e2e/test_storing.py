"""When counts are stored: at once, then at most once a second, and at every end."""

from pathlib import Path

import anyio

from jarvisd.core.origin import BlockId, BlockView
from jarvisd.overview.wire import StatusResult
from tests.e2e.client import Client
from tests.e2e.home import Home, append, record, write_steadily
from tests.e2e.rig import Daemon, running_daemon
from tests.support import eventually


async def block_id_of(client: Client, path: Path) -> BlockId:
    """Return the id of the block that *path* feeds, as soon as there is one."""

    async def is_known() -> bool:
        return await client.block_at(path) is not None

    await eventually(is_known)
    block = await client.block_at(path)
    assert block is not None
    return block.block_id


async def test_a_first_line_is_stored_at_once(daemon: Daemon) -> None:
    path = daemon.home.transcript()
    async with daemon.connected() as client:
        append(path, record())
        block_id = await block_id_of(client, path)

        await eventually(lambda: daemon.home.stored_lines(block_id) == 1)


async def test_the_last_lines_of_a_burst_are_stored_without_another_line(
    daemon: Daemon,
) -> None:
    path = daemon.home.transcript()
    async with daemon.connected() as client:
        await write_steadily(path, record(), lines=10, seconds=0.9)
        block_id = await block_id_of(client, path)

        await eventually(lambda: daemon.home.stored_lines(block_id) == 10)


async def test_a_steady_stream_is_stored_once_a_second_and_to_its_end(
    home: Home,
) -> None:
    path = home.transcript()
    async with running_daemon(home) as daemon, daemon.connected() as client:
        before, start = await client.sync(), anyio.current_time()
        await write_steadily(path, record(8), lines=5000, seconds=5)
        block_id = await block_id_of(client, path)
        await eventually(lambda: home.stored_lines(block_id) == 5000)
        writes = (await client.ask("status", StatusResult)).revision - before

        assert 5 <= writes <= 2 + (anyio.current_time() - start)
        block = await client.ask("blocks.get", BlockView, block_id=block_id)
        assert (block.line_count, block.token_estimate) == (5000, 10_000)


async def test_a_quiet_daemon_stores_nothing(home: Home) -> None:
    append(home.transcript(), record())
    async with running_daemon(home) as daemon:
        first = await daemon.sync()
        await daemon.sync()
        await daemon.sync()

        assert await daemon.sync() == first
