"""Files that writers treat in every odd way, seen through the daemon's answers."""

import gzip
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import pytest

from jarvisd.core.discovery.history import MAX_FOLLOWED
from jarvisd.core.origin import Life
from jarvisd.core.sources.jsonlines.leaving import SILENT_S
from jarvisd.overview.health_wire import HealthResult
from jarvisd.overview.wire import (
    BlocksListResult,
    ConfigReloadResult,
    SourcesListResult,
)
from tests.e2e.home import Home, append, append_bytes, numbered, record
from tests.e2e.rig import Daemon, running_daemon
from tests.support import PATIENCE_S, eventually

MB = 1_000_000


async def test_a_writer_that_keeps_a_renamed_file_open_is_heard(daemon: Daemon) -> None:
    path = daemon.home.transcript()
    append(path, *numbered(10))
    await daemon.sync()

    rotated = path.with_suffix(".jsonl.1")
    with path.open("a") as writer:
        path.rename(rotated)
        append(path, *numbered(5, start=100))
        assert (await daemon.block_at(path)).line_count == 15
        for number in range(3):
            print(f'{{"late":{number}}}', file=writer, flush=True)
            append(path, *numbered(1, start=200 + number))
            assert (await daemon.block_at(path)).line_count == 17 + 2 * number


async def test_three_renames_at_once_with_a_writer_on_each_lose_no_line(
    daemon: Daemon,
) -> None:
    path = daemon.home.transcript()
    append(path, *numbered(10))
    await daemon.sync()
    writers = []
    for number in (1, 2, 3):
        writers.append(path.open("a"))
        path.rename(path.with_suffix(f".jsonl.{number}"))
        append(path, *numbered(10, start=100 * number))
        expected = 10 + 10 * number
        await eventually(lambda n=expected: daemon.shows(path, lines=n))

    for number, writer in enumerate(writers):
        with writer:
            print(f'{{"late":{number}}}', file=writer)

    assert (await daemon.block_at(path)).line_count == 43


async def test_a_writer_may_be_silent_for_long_after_its_file_left_the_tree(
    daemon: Daemon,
) -> None:
    path, outside = daemon.home.transcript(), daemon.home.folder / "left"
    append(path, *numbered(10))
    await daemon.sync()
    with path.open("a") as writer:
        path.rename(outside)
        await daemon.sync()
        await anyio.sleep(SILENT_S + 1)  # nothing happens, and that is the point
        await daemon.sync()
        print('{"late":1}', file=writer, flush=True)
        assert (await daemon.block_at(path)).line_count == 11

    outside.unlink()
    await eventually(lambda: f"{outside} (deleted)" not in daemon.open_files())


async def test_a_rotation_while_no_daemon_runs_loses_no_line(home: Home) -> None:
    path = home.transcript()
    append(path, *numbered(10))
    async with running_daemon(home) as daemon:
        await daemon.sync()
        await daemon.kill()
        append(path, *numbered(5, start=10))
        path.rename(path.with_suffix(".jsonl.1"))
        append(path, *numbered(3, start=100))
        await daemon.start()

        assert (await daemon.block_at(path)).line_count == 18


async def test_files_that_grew_and_were_renamed_while_no_daemon_ran_are_read(
    home: Home,
) -> None:
    # Several, because the order in which a folder lists its names differs.
    paths = [home.transcript() for _ in range(8)]
    for number, path in enumerate(paths):
        append(path, *numbered(10, start=100 * number))

    async with running_daemon(home) as daemon:
        await daemon.sync()
        await daemon.terminate()
        for number, path in enumerate(paths):
            append(path, *numbered(5, start=100 * number + 10))
            path.rename(home.transcript())
            append(path, *numbered(3, start=100 * number + 50))

        await daemon.start()
        await daemon.sync()
        sources = (await daemon.ask("sources.list", SourcesListResult)).sources
        blocks = (await daemon.ask("blocks.list", BlocksListResult)).blocks

        assert [each.path for each in sources if each.offset < each.size] == []
        assert sum(each.line_count for each in blocks) == 8 * 18


async def test_what_is_left_of_a_file_that_was_cut_is_not_counted_again(
    daemon: Daemon,
) -> None:
    path = daemon.home.transcript()
    append(path, *numbered(1000))
    await daemon.sync()

    os.truncate(path, path.stat().st_size // 2)
    assert (await daemon.block_at(path)).line_count == 1000
    cut = path.read_bytes()
    path.write_bytes(cut[: cut.rfind(b"\n") + 1] + b'{"other":"end"}\n')

    assert (await daemon.block_at(path)).line_count == 1001


async def test_a_file_that_was_cut_while_no_daemon_ran_is_read_from_its_start(
    home: Home,
) -> None:
    path = home.transcript()
    append(path, *numbered(10))
    async with running_daemon(home) as daemon:
        await daemon.sync()
        await daemon.terminate()
        path.write_text('{"other":1}\n')
        await daemon.start()

        assert (await daemon.block_at(path)).line_count == 11
        assert "block.restarted" in daemon.log()


async def test_a_file_renamed_over_another_is_counted_once(daemon: Daemon) -> None:
    path, other = daemon.home.transcript(), daemon.home.transcript()
    append(path, *numbered(10))
    append(other, *numbered(7, start=100))
    await daemon.sync()

    append(path, *numbered(1, start=50))
    path.rename(other)
    append(other, *numbered(2, start=60))

    await daemon.sync()
    append(other, *numbered(1, start=70))

    async with daemon.connected() as client:
        await client.sync()
        both = [await client.block_at(path), await client.block_at(other)]
    assert sum(each.line_count for each in both if each) == 10 + 7 + 1 + 2 + 1


async def test_the_first_name_of_a_hard_link_may_go(daemon: Daemon) -> None:
    path, other = daemon.home.transcript(), daemon.home.transcript()
    append(path, *numbered(5))
    await daemon.sync()
    other.hardlink_to(path)
    await daemon.sync()

    path.unlink()
    append(other, *numbered(5, start=5))

    assert (await daemon.block_at(other)).line_count == 10


async def test_a_copy_with_all_times_is_not_counted_again(daemon: Daemon) -> None:
    path = daemon.home.transcript("original")
    append(path, *numbered(10))
    await daemon.sync()

    backup = daemon.home.transcript("backup", session=path.stem)
    shutil.copy2(path, backup)
    assert (await daemon.block_at(backup)).line_count == 0

    append(backup, *numbered(2, start=10))
    assert (await daemon.block_at(backup)).line_count == 2
    assert (await daemon.block_at(path)).line_count == 10


async def test_a_file_moved_out_and_back_goes_on(daemon: Daemon) -> None:
    path, outside = daemon.home.transcript(), daemon.home.folder / "outside"
    append(path, *numbered(10))
    before = await daemon.block_at(path)

    path.rename(outside)
    append(outside, *numbered(2, start=10))
    assert (await daemon.block_at(path)).line_count == 12
    outside.rename(path)
    append(path, *numbered(1, start=12))

    after = await daemon.block_at(path)
    assert (after.line_count, after.block_id) == (13, before.block_id)


async def test_a_reused_inode_is_another_file(daemon: Daemon) -> None:
    path = daemon.home.transcript()
    for number in range(20):
        append(path, *numbered(10, start=100 * number))
        inode = path.stat().st_ino
        await daemon.sync()
        path.unlink()
        await daemon.sync()
        append(path, *numbered(3, start=100 * number + 50))
        block = await daemon.block_at(path)
        assert block.line_count == 13 * (number + 1)
        if path.stat().st_ino == inode:
            return

        path.unlink()
        await daemon.sync()

    pytest.skip("this file system does not reuse inodes")


async def test_a_link_that_is_switched_is_never_followed(daemon: Daemon) -> None:
    targets = [daemon.home.folder / name for name in ("one", "two")]
    path, good = daemon.home.transcript(), daemon.home.transcript()
    for target in targets:
        append(target, *numbered(3))
        path.unlink(missing_ok=True)
        path.symlink_to(target)
        append(good, *numbered(1))
        await daemon.sync()

    async with daemon.connected() as client:
        assert await client.block_at(path) is None
    assert (await daemon.block_at(good)).line_count == 2
    assert "symbolic link" in str(await error_of(daemon, path))


async def test_a_file_that_becomes_a_link_is_read_to_its_end_and_told(
    daemon: Daemon,
) -> None:
    path, target = daemon.home.transcript(), daemon.home.folder / "three"
    append(path, *numbered(3))
    append(target, *numbered(3, start=100))
    await daemon.sync()

    append(path, *numbered(2, start=3))
    path.unlink()
    path.symlink_to(target)

    await daemon.sync()
    assert (await daemon.block_at(path)).line_count == 5
    assert "symbolic link" in str(await error_of(daemon, path))


async def test_what_lived_before_the_daemon_is_kept_open_like_what_came_later(
    home: Home,
) -> None:
    path = home.transcript()
    append(path, *numbered(3))
    async with running_daemon(home) as daemon:
        await daemon.sync()

        append(path, *numbered(2, start=3))
        path.unlink()

        assert (await daemon.block_at(path)).line_count == 5


async def test_of_many_new_files_that_lay_there_only_some_are_kept_open(
    home: Home,
) -> None:
    for _ in range(MAX_FOLLOWED + 20):
        append(home.transcript(), *numbered(1))

    async with running_daemon(home) as daemon:
        await daemon.sync()
        opened = [each for each in daemon.open_files() if each.endswith(".jsonl")]

        assert len(opened) == MAX_FOLLOWED


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
async def test_the_same_files_on_another_device_go_on(home: Home) -> None:
    path = home.transcript()
    append(path, *numbered(10))
    async with running_daemon(home) as daemon:
        before = await daemon.block_at(path)
        device = path.stat().st_dev
        with mounted_copy(home.projects):
            assert path.stat().st_dev != device
            append(path, *numbered(1, start=10))
            after = await daemon.block_at(path)
            assert (after.line_count, after.block_id) == (11, before.block_id)

        append(path, *numbered(2, start=10))
        assert (await daemon.block_at(path)).line_count == 12


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(gzip.compress(b"{}\n" * 99), "gzip", id="gzip"),
        pytest.param(("{}\n" * 99).encode("utf-16"), "UTF-16", id="UTF-16"),
        pytest.param(bytes(range(256)) * 20, "binary", id="binary"),
    ],
)
async def test_what_is_no_text_is_told_with_a_reason(
    daemon: Daemon, content: bytes, reason: str
) -> None:
    path, good = daemon.home.transcript(), daemon.home.transcript()
    append_bytes(path, content)
    append(good, *numbered(2))

    block = await daemon.block_at(path)

    assert (block.life, block.line_count) == (Life.FAILED, 0)
    assert reason in str(await error_of(daemon, path))
    assert (await daemon.block_at(good)).line_count == 2
    for _ in range(5):
        await daemon.sync()
    logged = [each for each in daemon.log().splitlines() if block.block_id in each]
    assert len(logged) == 1


async def test_a_line_that_comes_byte_by_byte_is_counted_when_it_ends(
    daemon: Daemon,
) -> None:
    path = daemon.home.transcript()
    append(path, record())
    await daemon.sync()
    line = b'{"slow":"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"}\r\n'
    for number in range(len(line)):
        append_bytes(path, line[number : number + 1])
        if number % 5 == 0:
            assert (await daemon.block_at(path)).line_count == 1
        await anyio.sleep(0.005)

    block = await daemon.block_at(path)
    assert (block.line_count, block.malformed_count) == (2, 0)
    assert block.char_count == len(record()) + len('{"slow":"ä€😀"}')


async def test_a_writer_faster_than_the_reader_is_told_of_and_caught_up_with(
    home: Home,
) -> None:
    path, lines = home.transcript(), 100_000
    append(path, *numbered(1))
    async with running_daemon(home) as daemon:
        await daemon.sync()
        before = daemon.resident_bytes()
        append(
            path, *[f'{{"n":{number},"x":"{"x" * 500}"}}' for number in range(lines)]
        )
        async with daemon.connected() as client:
            behind: set[bool] = set()
            with anyio.fail_after(PATIENCE_S):
                while behind != {True, False}:
                    source = (
                        await client.ask("sources.list", SourcesListResult)
                    ).sources[0]
                    behind.add(source.offset < source.size == path.stat().st_size)

        assert (await daemon.block_at(path)).line_count == lines + 1
        assert daemon.resident_bytes() - before < 32 * MB


async def test_a_hole_of_a_gigabyte_is_passed_in_seconds(home: Home) -> None:
    path = home.transcript()
    append(path, *numbered(10))
    async with running_daemon(home) as daemon:
        await daemon.sync()
        before = daemon.resident_bytes()
        with path.open("r+b") as file:
            file.truncate(0)
            file.seek(1000 * MB)
            file.write(b'{"n":100}\n')

        with anyio.fail_after(PATIENCE_S):
            assert (await daemon.block_at(path)).line_count == 11
        assert daemon.resident_bytes() - before < 32 * MB


async def test_files_that_go_at_once_are_counted_whole_or_told_of(
    daemon: Daemon,
) -> None:
    async with daemon.connected() as client:
        before = (await client.ask("health", HealthResult)).watch.missed_files
        paths = [daemon.home.transcript("fleeting") for _ in range(30)]
        for number, path in enumerate(paths):
            append(path, *numbered(4, start=10 * number))
            await anyio.sleep(0.01)  # so that some are noticed, and some of these read
            path.unlink()

        await client.sync()
        found = [await client.block_at(path) for path in paths]
        missed = (await client.ask("health", HealthResult)).watch.missed_files - before

    counts = [0 if block is None else block.line_count for block in found]
    assert set(counts) <= {0, 4}
    empty = sum(block is not None and not block.line_count for block in found)
    assert empty == missed


async def test_a_file_that_is_excluded_later_is_not_read_any_more(home: Home) -> None:
    secret, public = home.transcript("secret"), home.transcript("open")
    append(secret, *numbered(1))
    append(public, *numbered(1))
    async with running_daemon(home) as daemon:
        await daemon.sync()
        home.configure('exclude = ["*/-home-me-secret"]\n')
        await daemon.ask("config.reload", ConfigReloadResult)
        append(secret, *numbered(5, start=1))
        append(public, *numbered(5, start=1))
        assert (await daemon.block_at(public)).line_count == 6
        assert (await daemon.block_at(secret)).line_count == 1

        home.configure("")
        await daemon.ask("config.reload", ConfigReloadResult)
        assert (await daemon.block_at(secret)).line_count == 6


async def error_of(daemon: Daemon, path: Path) -> str | None:
    """Return what sources.list says is wrong with *path*."""
    answer = await daemon.ask("sources.list", SourcesListResult, problems=True)
    found = [each.error for each in answer.sources if each.path == str(path)]
    return found[0] if found else None


@contextmanager
def mounted_copy(folder: Path) -> Iterator[None]:
    """Put another file system with the same files in the place of *folder*."""
    with_copy = folder.with_name("copy")
    shutil.copytree(folder, with_copy, copy_function=shutil.copy2)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], check=True)
    try:
        shutil.copytree(with_copy, folder, dirs_exist_ok=True)
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
