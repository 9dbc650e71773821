"""The two files: as the status is, seldom written, private, and gone on a clean exit."""

import json
import os
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
from structlog.testing import capture_logs

from jarvisd.core.block import Block
from jarvisd.core.block_registry import BlockChanged, Blocks
from jarvisd.core.publisher import Publisher
from jarvisd.overview.rendered_files import HEARTBEAT_S, Renderer
from jarvisd.overview.sessions import Sessions
from jarvisd.overview.status import MAX_KEPT_S, StatusBoard
from tests.rpc.fakes import FakeDaemon, block
from tests.support import FakeClock


class CountingBlocks(Blocks):
    """Knows how many pictures were made of it."""

    pictures = 0

    def live(self, now_ms: int) -> list[Block]:
        self.pictures += 1
        return super().live(now_ms)


@dataclass
class Rendering:
    folder: Path
    clock: FakeClock
    blocks: CountingBlocks
    daemon: FakeDaemon
    board: StatusBoard

    @property
    def line(self) -> str:
        return (self.folder / "line").read_text()

    @property
    def lines(self) -> int:
        found: int = json.loads((self.folder / "status.json").read_bytes())[
            "line_count"
        ]
        return found

    @property
    def status(self) -> Path:
        return self.folder / "status.json"

    def begin(self) -> None:
        """Let there be a live block."""
        made = block()
        self.blocks.add(made, self.clock.unix_ms())
        self.grow(made)

    def grow(self, made: Block) -> None:
        made.add_line(b"x" * 40)
        made.seen_at(self.clock.unix_ms())
        self.blocks.changed(made, self.clock.unix_ms())


def files_in(folder: Path) -> dict[str, int]:
    return {each.name: stat.S_IMODE(each.stat().st_mode) for each in folder.iterdir()}


@asynccontextmanager
async def rendering(folder: Path) -> AsyncIterator[Rendering]:
    clock, daemon, publisher = FakeClock(), FakeDaemon(), Publisher()
    sessions = Sessions(publish=publisher.publish)
    sessions.blocks = blocks = CountingBlocks(publish=publisher.publish)
    board = StatusBoard(sessions, clock, daemon)
    renderer = Renderer(board, sessions.states, clock, folder)
    publisher.connect({BlockChanged: (renderer.wake,)})
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(renderer.run)
        await clock.advance(1)
        yield Rendering(folder, clock, blocks, daemon, board)
        tasks.cancel_scope.cancel()


async def test_the_files_are_there_from_the_start_and_gone_at_the_end(
    tmp_path: Path,
) -> None:
    async with rendering(tmp_path) as files:
        assert files.line == "idle\n"
        assert json.loads(files.status.read_text())["blocks"] == 0
        assert set(files_in(tmp_path)) == {"line", "tmux", "need", "status.json"}

    assert files_in(tmp_path) == {}


async def test_the_files_are_private(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        async with rendering(tmp_path):
            modes = set(files_in(tmp_path).values())
    finally:
        os.umask(before)

    assert modes == {0o600}


async def test_a_change_shows_at_once_and_then_four_times_a_second(
    tmp_path: Path,
) -> None:
    async with rendering(tmp_path) as files:
        made = block()
        files.blocks.add(made, files.clock.unix_ms())
        seen = set()
        for _ in range(100):  # a second of a change every 10 ms
            files.grow(made)
            await files.clock.advance(0.01)
            seen.add(files.lines)

        assert 4 <= len(seen) <= 5
        await files.clock.advance(0.25)
        assert files.lines == 100
        assert files.line == "claude 1 live\n"


async def test_nothing_is_written_while_nothing_changes(tmp_path: Path) -> None:
    async with rendering(tmp_path) as files:
        files.begin()
        await files.clock.advance(1)
        before = files.status.stat()
        os.utime(files.status, (1, 1))
        os.utime(tmp_path / "line", (1, 1))
        await files.clock.advance(HEARTBEAT_S)
        after = files.status.stat()

        assert after.st_ino == before.st_ino
        assert after.st_mtime > 1  # but touched, and so is the other
        assert (tmp_path / "line").stat().st_mtime > 1


async def test_a_block_that_grows_quiet_shows_without_any_change(
    tmp_path: Path,
) -> None:
    async with rendering(tmp_path) as files:
        files.begin()
        await files.clock.advance(1)
        assert files.line.startswith("claude 1 live")

        await files.clock.advance(300 + 2 * HEARTBEAT_S)
        assert files.line.startswith("idle")


async def test_a_block_that_grew_quiet_when_somebody_asked_shows_as_well(
    tmp_path: Path,
) -> None:
    async with rendering(tmp_path) as files:
        files.begin()
        await files.clock.advance(301)
        assert files.board.result().live == 0

        await files.clock.advance(HEARTBEAT_S)
        assert files.line.startswith("idle")


async def test_no_picture_is_made_while_it_would_be_the_same(tmp_path: Path) -> None:
    async with rendering(tmp_path) as files:
        files.begin()
        await files.clock.advance(1)
        before = files.blocks.pictures
        await files.clock.advance(MAX_KEPT_S - HEARTBEAT_S)
        assert files.blocks.pictures == before

        await files.clock.advance(2 * HEARTBEAT_S)  # for what nobody has thought of
        assert files.blocks.pictures == before + 1


async def test_trouble_that_no_change_tells_of_shows_at_the_next_heartbeat(
    tmp_path: Path,
) -> None:
    async with rendering(tmp_path) as files:
        files.daemon.degraded = True
        await files.clock.advance(HEARTBEAT_S + 1)
        assert files.line.endswith("degraded\n")


async def test_files_that_somebody_removed_come_back(tmp_path: Path) -> None:
    async with rendering(tmp_path) as files:
        files.status.unlink()
        await files.clock.advance(2 * HEARTBEAT_S)
        assert files.status.exists()


async def test_a_folder_that_is_gone_is_said_once_and_hurts_nothing(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    with capture_logs() as logs:
        async with rendering(folder) as files:
            for each in folder.iterdir():
                each.unlink()

            folder.rmdir()
            await files.clock.advance(3 * HEARTBEAT_S)
            folder.mkdir()
            await files.clock.advance(HEARTBEAT_S)
            assert files.line.startswith("idle")

    assert [each["event"] for each in logs] == ["render.failed"]
