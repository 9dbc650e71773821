"""Little memory, few descriptors, a machine that sleeps: everything is still counted."""

import shutil
import signal

import pytest

from jarvisd.overview.health_wire import HealthResult
from jarvisd.overview.wire import StatusResult
from tests.e2e.home import Home, append, append_bytes, record
from tests.e2e.rig import Daemon, running_daemon
from tests.support import eventually

MB = 1_000_000


@pytest.mark.skipif(shutil.which("prlimit") is None, reason="prlimit is not here")
async def test_more_files_than_descriptors_are_all_read(home: Home) -> None:
    paths = [home.transcript() for _ in range(300)]
    for path in paths:
        append(path, record())

    few = ("prlimit", "--nofile=64")
    async with running_daemon(home, wrapper=few) as daemon:
        for path in paths:
            append(path, record())

        await daemon.sync()
        async with daemon.connected() as client:
            counts = [each.line_count for each in await client.blocks()]
        assert counts == [2] * 300
        assert len(daemon.open_files()) < 64


async def test_what_happened_while_it_was_stopped_is_found(home: Home) -> None:
    old = home.transcript()
    append(old, record())
    async with running_daemon(home) as daemon:
        await daemon.sync()
        daemon.signal(signal.SIGSTOP)
        new = [home.transcript("later") for _ in range(300)]
        for path in (old, *new):
            append(path, record())

        daemon.signal(signal.SIGCONT)
        await eventually(lambda: counted_lines(daemon, 302))


async def test_a_line_without_end_costs_neither_memory_nor_others_time(
    home: Home,
) -> None:
    path, other = home.transcript(), home.transcript()
    append_bytes(path, b"x" * (100 * MB))
    async with running_daemon(home) as daemon:
        await daemon.sync()
        append(other, record())
        await eventually(lambda: counted_lines(daemon, 1))

        append_bytes(path, b"\n" + record().encode() + b"\n")
        block = await daemon.block_at(path)

        assert (block.line_count, block.oversize_count) == (2, 1)
        assert block.char_count == 100 * MB + 40
        health = await daemon.ask("health", HealthResult)
        assert health.rss_bytes < 160 * MB


async def test_five_thousand_known_files_are_answered_for_at_once(home: Home) -> None:
    for number in range(50):
        folder = home.transcript(f"p{number}").parent
        for session in range(100):
            append(folder / f"{session}.jsonl", record())

    async with running_daemon(home) as daemon:
        await daemon.sync()
        await daemon.terminate()
        await daemon.start()
        status = await daemon.ask("status", StatusResult)

    assert (status.blocks, status.line_count) == (5000, 5000)


async def counted_lines(daemon: Daemon, lines: int) -> bool:
    """Say whether so many lines are known altogether."""
    return (await daemon.ask("status", StatusResult)).line_count == lines
