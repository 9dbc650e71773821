"""A file that goes before it is read is told of, and never half counted."""

from pathlib import Path

from tests.books.rig import Daemon, append, running, transcript
from tests.ledger import test_ledger_claude as claude


def see(daemon: Daemon, path: Path) -> None:
    """Let the daemon hear of *path*, which is gone again before it is read."""
    append(path, claude.prompt(second=0))
    daemon.reader.live_hint(str(path))


def lines_by_name(daemon: Daemon) -> dict[str, int]:
    blocks = [each for each in daemon.blocks if each.origin.path is not None]
    return {Path(str(each.origin.path)).stem: each.line_count for each in blocks}


async def test_a_file_that_goes_before_it_is_read_is_told_of_once(
    tmp_path: Path,
) -> None:
    path = transcript(tmp_path, "gone")
    async with running(tmp_path) as daemon:
        see(daemon, path)
        path.unlink()
        for _ in range(3):
            await daemon.sync()

        assert lines_by_name(daemon) == {"gone": 0}
        assert daemon.reader.slice_reader.missed_files == 1


async def test_a_file_that_gets_the_inode_of_a_missed_one_is_another(
    tmp_path: Path,
) -> None:
    first, second = transcript(tmp_path, "first"), transcript(tmp_path, "second")
    outside = tmp_path / "outside"
    async with running(tmp_path) as daemon:
        see(daemon, first)
        first.rename(outside)
        await daemon.sync()

        outside.write_bytes(claude.prompt(second=9, key="another") + b"\n")
        outside.rename(second)
        await daemon.sync()

        assert lines_by_name(daemon) == {"first": 0, "second": 1}
        assert daemon.reader.slice_reader.missed_files == 1


async def test_a_file_that_is_renamed_before_it_is_read_is_not_missed(
    tmp_path: Path,
) -> None:
    first, second = transcript(tmp_path, "first"), transcript(tmp_path, "second")
    async with running(tmp_path) as daemon:
        see(daemon, first)
        first.rename(second)
        daemon.reader.live_hint(str(second))
        await daemon.sync()

        assert lines_by_name(daemon) == {"second": 1}
        assert daemon.reader.slice_reader.missed_files == 0
