"""Files that do not only grow: renamed, replaced, cut, removed, copied."""

import os
import shutil
from pathlib import Path

from jarvisd.model.block import Life
from jarvisd.protocol.methods import BlocksTailResult, SourcesListResult
from tests.e2e.home import append, append_bytes, numbered, record
from tests.e2e.rig import Daemon


async def test_a_file_replaced_by_a_shorter_one_is_counted_from_its_start(
    daemon: Daemon,
) -> None:
    path = daemon.home.transcript()
    append(path, *numbered(10, word="old"))
    block = await daemon.block_at(path)

    replace(path, b'{"new":1}\n{"new":2}\n{"new":3}\n')

    assert (await daemon.block_at(path)).line_count == 13
    tail = await daemon.ask(
        "blocks.tail", BlocksTailResult, block_id=block.block_id, lines=5
    )
    assert tail.lines == ['{"new":1}', '{"new":2}', '{"new":3}']


async def test_a_copy_written_aside_and_renamed_goes_on_where_it_was(
    daemon: Daemon,
) -> None:
    path = daemon.home.transcript()
    append(path, *[record()] * 10)
    before = await daemon.block_at(path)

    replace(path, path.read_bytes() + record().encode() + b"\n")

    after = await daemon.block_at(path)
    assert after.line_count == 11
    assert after.block_id == before.block_id


async def test_a_file_cut_to_nothing_and_written_beyond_its_old_end_is_new(
    daemon: Daemon,
) -> None:
    path = daemon.home.transcript()
    append(path, *numbered(10, word="old"))
    await daemon.sync()

    path.write_text("".join(f'{{"new":{number}}}\n' for number in range(30)))

    assert (await daemon.block_at(path)).line_count == 40


async def test_a_file_cut_and_not_written_keeps_its_counts(daemon: Daemon) -> None:
    path = daemon.home.transcript()
    append(path, *[record()] * 10)
    await daemon.sync()

    os.truncate(path, 0)

    block = await daemon.block_at(path)
    assert (block.line_count, block.partial_bytes) == (10, 0)


async def test_the_hole_of_a_writer_that_kept_its_offset_is_skipped(
    daemon: Daemon,
) -> None:
    path = daemon.home.transcript()
    append(path, *[record()] * 10)
    await daemon.sync()

    os.truncate(path, 0)
    with path.open("r+b") as file:
        file.seek(64_000_000)
        file.write(b"abcd\n")

    block = await daemon.block_at(path)
    assert block.line_count == 11
    assert block.char_count == 404


async def test_a_removed_file_that_comes_back_is_read_from_its_start(
    daemon: Daemon,
) -> None:
    path = daemon.home.transcript()
    append(path, *numbered(10, word="old"))
    await daemon.sync()
    path.unlink()
    assert (await daemon.block_at(path)).life is Life.ENDED

    append(path, '{"new":1}', '{"new":2}')

    back = await daemon.block_at(path)
    assert (back.line_count, back.life) == (12, Life.LIVE)


async def test_a_file_removed_with_unread_lines_is_read_to_its_end(
    daemon: Daemon,
) -> None:
    path = daemon.home.transcript()
    append(path, record())
    await daemon.sync()

    append(path, *[record()] * 1000)
    path.unlink()

    block = await daemon.block_at(path)
    assert block.life is Life.ENDED
    assert block.line_count in {1001, 1}  # it was still open, or it was not
    assert f"{path} (deleted)" not in daemon.open_files()


async def test_a_moved_file_keeps_its_block_and_its_position(daemon: Daemon) -> None:
    path, other = daemon.home.transcript("one"), daemon.home.transcript("two")
    append(path, *[record()] * 10)
    before = await daemon.block_at(path)

    path.rename(other)
    append(other, record())

    after = await daemon.block_at(other)
    assert after.block_id == before.block_id
    assert after.line_count == 11
    assert after.session_id == other.stem


async def test_an_archived_rollout_keeps_its_block(daemon: Daemon) -> None:
    path = daemon.home.rollout()
    append(path, *[record()] * 10)
    before = await daemon.block_at(path)
    archive = daemon.home.folder / ".codex" / "archived_sessions"
    archive.mkdir(exist_ok=True)

    path.rename(archive / path.name)

    after = await daemon.block_at(archive / path.name)
    assert (after.block_id, after.line_count) == (before.block_id, 10)


async def test_a_forked_session_has_counts_of_its_own(daemon: Daemon) -> None:
    path, fork = daemon.home.transcript(), daemon.home.transcript()
    append(path, *[record()] * 200)
    await daemon.sync()

    shutil.copy2(path, fork)
    append(fork, record())

    assert (await daemon.block_at(path)).line_count == 200
    assert (await daemon.block_at(fork)).line_count == 201


async def test_a_second_name_of_a_file_is_not_a_second_block(daemon: Daemon) -> None:
    path, other = daemon.home.transcript(), daemon.home.transcript()
    append(path, record())
    await daemon.sync()

    other.hardlink_to(path)
    append(other, record())

    assert (await daemon.block_at(path)).line_count == 2
    async with daemon.connected() as client:
        await client.sync()
        assert await client.block_at(other) is None


async def test_a_log_that_is_rotated_is_counted_to_its_end(daemon: Daemon) -> None:
    path = daemon.home.transcript()
    append(path, *numbered(10, word="old"))
    await daemon.sync()

    append(path, *numbered(1, start=10, word="old"))
    path.rename(path.with_suffix(".jsonl.1"))
    append(path, '{"new":1}')

    assert (await daemon.block_at(path)).line_count == 12


async def test_a_new_file_under_the_name_of_a_moved_one_is_a_block_of_its_own(
    daemon: Daemon,
) -> None:
    path, other = daemon.home.transcript(), daemon.home.transcript()
    append(path, *numbered(10, word="old"))
    await daemon.sync()
    path.rename(other)
    await daemon.sync()

    append(path, '{"new":1}')

    assert (await daemon.block_at(other)).line_count == 10
    assert (await daemon.block_at(path)).line_count == 1


async def test_an_unfinished_line_of_a_moved_file_is_counted_once(
    daemon: Daemon,
) -> None:
    path, other = daemon.home.transcript(), daemon.home.transcript()
    append_bytes(path, f'{record()}\n{{"n":'.encode())
    await daemon.sync()

    path.rename(other)
    await daemon.sync()
    append_bytes(other, b"2}\n")

    block = await daemon.block_at(other)
    assert (block.line_count, block.char_count) == (2, 47)


async def test_an_unfinished_line_that_is_cut_off_is_forgotten(daemon: Daemon) -> None:
    path = daemon.home.transcript()
    append_bytes(path, f'{record()}\n{{"torn":"'.encode())
    await daemon.sync()

    os.truncate(path, 41)
    assert (await daemon.block_at(path)).partial_bytes == 0
    append(path, '{"n":2}', '{"n":3}')

    block = await daemon.block_at(path)
    assert (block.line_count, block.malformed_count) == (3, 0)


async def test_old_and_odd_times_of_files_do_not_matter(daemon: Daemon) -> None:
    path = daemon.home.transcript()
    append(path, record())
    os.utime(path, (0, 0))
    assert (await daemon.block_at(path)).line_count == 1

    append(path, record())
    os.utime(path, (0, 0))
    assert (await daemon.block_at(path)).line_count == 2


async def test_sources_tell_how_far_each_file_is_read(daemon: Daemon) -> None:
    path = daemon.home.transcript()
    append_bytes(path, f'{record()}\n{{"half'.encode())
    await daemon.sync()

    answer = await daemon.ask("sources.list", SourcesListResult)

    source = next(each for each in answer.sources if each.path == str(path))
    assert (source.offset, source.size, source.partial_bytes) == (41, 47, 6)


def replace(path: Path, data: bytes) -> None:
    """Write *data* aside and rename it to *path*."""
    aside = path.with_suffix(".tmp")
    aside.write_bytes(data)
    aside.rename(path)
