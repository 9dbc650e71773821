"""What real agents wrote, growing as it grew: every line and character is counted."""

import os
from pathlib import Path

import anyio
import pytest

from jarvisd.core.origin import BlockView
from tests.e2e.growth import Piece, count, recorded_pieces, replay
from tests.e2e.home import CODE, Home
from tests.e2e.rig import Daemon, running_daemon

SHARED = Path(os.environ.get("JARVISD_SHARED", CODE.parent / "shared"))
RUNS = sorted(SHARED.glob("corpus/claude/*")) + sorted(SHARED.glob("corpus/codex/*"))

pytestmark = [
    pytest.mark.conformance,
    pytest.mark.skipif(not RUNS, reason=f"no recorded logs in {SHARED}/corpus"),
]


@pytest.fixture(scope="module")
def pieces() -> list[Piece]:
    """Return how all recorded transcripts grew."""
    return recorded_pieces(RUNS)


async def test_logs_that_grow_as_they_grew_are_counted_exactly(
    home: Home, pieces: list[Piece]
) -> None:
    async with running_daemon(home) as daemon:
        await replay(pieces, home.folder, seconds=4)
        await assert_exact(daemon, pieces)


async def test_logs_that_are_all_there_are_counted_exactly(
    home: Home, pieces: list[Piece]
) -> None:
    await replay(pieces, home.folder, seconds=0)
    async with running_daemon(home) as daemon:
        await assert_exact(daemon, pieces)


async def test_logs_are_counted_exactly_whenever_the_daemon_is_killed(
    home: Home, pieces: list[Piece]
) -> None:
    async with running_daemon(home) as daemon:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: replay(pieces, home.folder, seconds=5))
            for pause_s in (0.4, 0.7, 1.1):
                await anyio.sleep(pause_s)
                await daemon.restart()

        await assert_exact(daemon, pieces)


async def assert_exact(daemon: Daemon, pieces: list[Piece]) -> None:
    """Compare each block with what its file holds now, counted independently."""
    await daemon.sync()
    async with daemon.connected() as client:
        blocks = {each.path: each for each in await client.blocks()}

    paths = {daemon.home.folder / piece.path for piece in pieces}
    assert set(blocks) == {str(path) for path in paths}
    for path in paths:
        found, data = blocks[str(path)], path.read_bytes()
        assert figures(found) == count(data), path
        assert found.bytes_read == len(data)
        assert found.partial_bytes == 0


def figures(block: BlockView) -> tuple[int, int, int]:
    """Return what `count` counts, as the daemon has it."""
    return block.line_count, block.char_count, block.malformed_count
