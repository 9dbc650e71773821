"""Nothing is lost and nothing counted twice, however the daemon ends."""

import random
import shutil
from pathlib import Path

import anyio
import pytest

from jarvisd.core.origin import Life
from jarvisd.overview.health_wire import HealthResult
from tests.e2e.home import Home, append, append_bytes, record, write_steadily
from tests.e2e.rig import Daemon, running_daemon
from tests.support import eventually


async def test_the_end_by_sigterm_within_a_second_stores_the_last_line(
    home: Home,
) -> None:
    path = home.transcript()
    async with running_daemon(home) as daemon:
        await write_steadily(path, record(), lines=300, seconds=0.3)
        block = await daemon.block_at(path)
        append(path, record())
        await eventually(lambda: daemon.shows(path, lines=301))

        before = anyio.current_time()
        assert await daemon.terminate() == 0
        assert anyio.current_time() - before < 2
        assert home.stored_lines(block.block_id) == 301
        assert not home.socket.exists()


async def test_sigkill_in_the_middle_of_writing_leaves_exact_totals(home: Home) -> None:
    paths = [home.transcript() for _ in range(4)]
    moments = random.Random(7)
    async with running_daemon(home) as daemon:
        async with anyio.create_task_group() as tasks:
            for path in paths:
                tasks.start_soon(write_torn, path, 400, 2.5)

            for _ in range(3):
                await anyio.sleep(moments.uniform(0.1, 0.4))
                await daemon.restart()

        found = [await daemon.block_at(path) for path in paths]
        assert [each.line_count for each in found] == [400] * 4
        assert [each.char_count for each in found] == [400 * 40] * 4
        assert [each.malformed_count for each in found] == [0] * 4


async def test_sigkill_while_history_is_read_leaves_exact_totals(home: Home) -> None:
    paths = [home.transcript() for _ in range(3)]
    for path in paths:
        append(path, *[record(400)] * 20_000)

    async with running_daemon(home) as daemon:
        for _ in range(2):
            await eventually(lambda: backfill_has_begun(daemon))
            await daemon.restart()

        found = [await daemon.block_at(path) for path in paths]
        assert [each.line_count for each in found] == [20_000] * 3
        assert [each.bytes_read for each in found] == [401 * 20_000] * 3


async def test_an_unfinished_line_is_counted_once_when_completed_after_a_kill(
    home: Home,
) -> None:
    path = home.transcript()
    append_bytes(path, b'{}\n{"type":"user"')
    async with running_daemon(home) as daemon:
        before = await daemon.block_at(path)
        await daemon.restart()
        between = await daemon.block_at(path)
        append_bytes(path, b"}\n")
        after = await daemon.block_at(path)

    assert [each.line_count for each in (before, between, after)] == [1, 1, 2]
    assert [each.partial_bytes for each in (before, between, after)] == [14, 14, 0]
    assert after.char_count == 2 + 15


async def test_lines_of_the_time_without_a_daemon_are_counted(home: Home) -> None:
    path, later = home.transcript(), home.transcript()
    append(path, *[record()] * 10)
    async with running_daemon(home) as daemon:
        await daemon.sync()
        await daemon.terminate()
        append(path, *[record()] * 5)
        append(later, record())
        await daemon.start()

        assert (await daemon.block_at(path)).line_count == 15
        assert (await daemon.block_at(later)).line_count == 1


async def test_what_is_unchanged_is_the_same_after_a_restart(home: Home) -> None:
    path = home.transcript()
    append(path, *[record()] * 10)
    async with running_daemon(home) as daemon:
        before = await daemon.block_at(path)
        await daemon.terminate()
        await daemon.start()
        after = await daemon.block_at(path)

    assert after.revision == before.revision
    assert after.bytes_read == before.bytes_read
    assert after.start_ts_ms == before.start_ts_ms
    assert after.last_activity_ms == before.last_activity_ms


async def test_a_removed_file_ends_its_block_with_its_last_line(home: Home) -> None:
    path = home.transcript()
    async with running_daemon(home) as daemon:
        await daemon.sync()
        append_bytes(path, b'{"n":1}\n{"n":2}')
        assert (await daemon.block_at(path)).line_count == 1
        path.unlink()
        ended = await daemon.block_at(path)
        await daemon.restart()
        again = await daemon.block_at(path)

    assert (ended.line_count, ended.life) == (2, Life.ENDED)
    assert (again.line_count, again.life) == (2, Life.ENDED)


async def test_a_lost_database_is_built_again_with_the_same_ids(home: Home) -> None:
    path = home.transcript()
    append(path, *[record()] * 10)
    async with running_daemon(home) as daemon:
        before = await daemon.block_at(path)
        await daemon.terminate()
        shutil.rmtree(home.state)
        await daemon.start()
        after = await daemon.block_at(path)

    assert after.block_id == before.block_id
    assert after.line_count == before.line_count


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(b"this is no database at all, whoever wrote it", id="garbage"),
        pytest.param(b"", id="empty"),
    ],
)
async def test_a_damaged_database_is_put_aside_and_built_again(
    home: Home, damage: bytes
) -> None:
    path = home.transcript()
    append(path, *[record()] * 10)
    database = home.state / "jarvisd.db"
    async with running_daemon(home) as daemon:
        await daemon.sync()
        await daemon.kill()
        database.write_bytes(damage)
        for each in ("jarvisd.db-wal", "jarvisd.db-shm"):
            (home.state / each).unlink(missing_ok=True)

        await daemon.start()

        assert (await daemon.block_at(path)).line_count == 10
        if damage:
            kept = list(home.state.glob("jarvisd.db.corrupt-*"))
            assert [each.read_bytes() for each in kept] == [damage]


async def test_a_database_deleted_while_in_use_is_written_anew(home: Home) -> None:
    path = home.transcript()
    append(path, *[record()] * 10)
    async with running_daemon(home) as daemon:
        block = await daemon.block_at(path)
        for each in home.state.glob("jarvisd.db*"):
            each.unlink()

        append(path, record())
        assert (await daemon.block_at(path)).line_count == 11
        await eventually(lambda: home.stored_lines(block.block_id) == 11)


async def backfill_has_begun(daemon: Daemon) -> bool:
    """Say whether some history is read, or all of it already."""
    health = await daemon.ask("health", HealthResult)
    return health.backfill.bytes_done > 0 or health.backfill.files_total == 0


async def write_torn(path: Path, lines: int, seconds: float) -> None:
    """Append lines of 40 characters in pieces of 37 bytes."""
    data = f"{record(40)}\n".encode() * lines
    pieces = [data[at : at + 37] for at in range(0, len(data), 37)]
    for piece in pieces:
        append_bytes(path, piece)
        await anyio.sleep(seconds / len(pieces))
