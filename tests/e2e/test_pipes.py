"""Named pipes of the configuration, written by whoever comes along."""

import os
from pathlib import Path

import anyio

from jarvisd.core.origin import BlockView, Kind, Life
from tests.e2e.home import Home, append_bytes
from tests.e2e.rig import Daemon, running_daemon
from tests.support import eventually


async def test_a_thousand_short_lived_writers_are_one_stream(home: Home) -> None:
    pipe = configured_pipe(home)
    async with running_daemon(home) as daemon:
        await eventually(lambda: has_life(daemon, Life.QUIET))
        before_s = cpu_seconds(daemon)
        await anyio.to_thread.run_sync(write_separately, pipe, 1000)

        await eventually(lambda: has_lines(daemon, 1000))
        assert cpu_seconds(daemon) - before_s < 2  # and no spinning at each end
        block = await the_block(daemon)
        assert (block.kind, block.char_count) == (Kind.FIFO, 10_000)
        assert block.life is Life.LIVE


async def test_the_counts_of_a_pipe_go_on_after_a_restart(home: Home) -> None:
    pipe = configured_pipe(home)
    async with running_daemon(home) as daemon:
        await eventually(lambda: has_life(daemon, Life.QUIET))
        append_bytes(pipe, b"one\ntwo\n")
        await eventually(lambda: has_lines(daemon, 2))
        await daemon.sync()
        await daemon.restart()
        await eventually(lambda: has_lines(daemon, 2))
        append_bytes(pipe, b"three\n")
        await eventually(lambda: has_lines(daemon, 3))


async def test_a_pipe_that_is_missing_is_told_and_read_once_made(home: Home) -> None:
    pipe = configured_pipe(home)
    pipe.unlink()
    async with running_daemon(home) as daemon:
        await eventually(lambda: has_life(daemon, Life.FAILED))
        os.mkfifo(pipe)
        await eventually(lambda: has_life(daemon, Life.QUIET))
        append_bytes(pipe, b"one\n")
        await eventually(lambda: has_lines(daemon, 1))


async def test_a_file_in_the_place_of_a_pipe_is_not_read(home: Home) -> None:
    pipe = configured_pipe(home)
    async with running_daemon(home) as daemon:
        await eventually(lambda: has_life(daemon, Life.QUIET))
        pipe.unlink()
        pipe.write_text("not for you\n")
        await eventually(lambda: has_life(daemon, Life.FAILED))

        assert (await the_block(daemon)).line_count == 0


def configured_pipe(home: Home) -> Path:
    """Make a pipe, and name it in the configuration."""
    pipe = home.folder / "agent.pipe"
    os.mkfifo(pipe, mode=0o600)
    home.configure(f'[[fifos]]\npath = "{pipe}"\nagent = "text"\n')
    return pipe


def write_separately(pipe: Path, lines: int) -> None:
    """Open, write one line and close, so many times."""
    for number in range(lines):
        append_bytes(pipe, b"%09d.\n" % number)


async def the_block(daemon: Daemon) -> BlockView:
    """Return the only block."""
    async with daemon.connected() as client:
        (block,) = await client.blocks()
        return block


async def has_lines(daemon: Daemon, lines: int) -> bool:
    """Say whether the only block has so many lines."""
    return (await the_block(daemon)).line_count == lines


async def has_life(daemon: Daemon, life: Life) -> bool:
    """Say whether the only block is there and in this state."""
    async with daemon.connected() as client:
        return [each.life for each in await client.blocks()] == [life]


def cpu_seconds(daemon: Daemon) -> float:
    """Return the processor time that the daemon has used."""
    fields = Path(f"/proc/{daemon.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
