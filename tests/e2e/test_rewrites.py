"""Files that do not only grow: renamed, replaced, cut, removed, copied."""

import json
import os
import shutil
from pathlib import Path

import pytest

from jarvisd.core.origin import Life
from jarvisd.overview.model import SessionView
from jarvisd.overview.wire import BlocksTailResult, SourcesListResult
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


async def test_a_file_that_comes_back_keeps_its_session(daemon: Daemon) -> None:
    path = daemon.home.transcript()
    append(path, response("msg_1", output=100), response("msg_2", output=200))
    before = await daemon.block_at(path)
    content = path.read_bytes()
    path.unlink()
    await daemon.sync()

    path.write_bytes(content)

    after = await daemon.block_at(path)
    assert (after.line_count, after.tokens) == (before.line_count, before.tokens)
    assert await blocks_of(daemon, path) == [after.block_id]


async def test_a_file_that_is_rewritten_is_in_its_session_once(daemon: Daemon) -> None:
    path = daemon.home.transcript()
    append(path, response("msg_1", output=100), response("msg_2", output=200))
    block = await daemon.block_at(path)

    replace(path, f"{response('msg_3', output=300)}\n".encode())

    assert await output_of(daemon, path) == 600
    assert await blocks_of(daemon, path) == [block.block_id]


@pytest.mark.parametrize("output", [500, 9, 12345], ids=["same", "shorter", "longer"])
@pytest.mark.parametrize("aside", [False, True], ids=["in place", "aside"])
async def test_a_line_edited_in_the_middle_counts_for_what_it_says_now(
    daemon: Daemon, output: int, *, aside: bool
) -> None:
    path = daemon.home.transcript()
    outputs = [100, 200, 300]
    append(path, *map(response, ("msg_1", "msg_2", "msg_3"), outputs))
    assert await output_of(daemon, path) == 600

    edited = path.read_text().replace(":200}", f":{output}}}")
    edit(path, edited, aside=aside)

    assert await output_of(daemon, path) == 400 + output
    append(path, response("msg_4", output=1000))
    assert await output_of(daemon, path) == 1400 + output


async def test_a_line_edited_without_a_new_size_is_no_new_line(daemon: Daemon) -> None:
    path = daemon.home.transcript()
    append(path, *map(response, ("msg_1", "msg_2", "msg_3"), (100, 200, 300)))
    await daemon.sync()

    edit(path, path.read_text().replace(":200}", ":500}"))

    assert (await daemon.block_at(path)).line_count == 3


@pytest.mark.parametrize("output", [500, 9, 12345], ids=["same", "shorter", "longer"])
async def test_a_line_edited_while_no_daemon_runs_counts_for_what_it_says_now(
    daemon: Daemon, output: int
) -> None:
    path = daemon.home.transcript()
    append(path, *map(response, ("msg_1", "msg_2", "msg_3"), (100, 200, 300)))
    await daemon.sync()
    await daemon.terminate()

    edit(path, path.read_text().replace(":200}", f":{output}}}"))
    await daemon.start()

    assert await output_of(daemon, path) == 400 + output


@pytest.mark.parametrize("output", [500, 9, 12345], ids=["same", "shorter", "longer"])
@pytest.mark.parametrize("is_taken", [False, True], ids=["moved", "name taken"])
async def test_a_line_edited_before_a_move_with_no_daemon_counts_for_what_it_says_now(
    daemon: Daemon, output: int, *, is_taken: bool
) -> None:
    path = daemon.home.transcript("one")
    other = daemon.home.transcript("two").with_name(path.name)
    append(path, *map(long_response, ("msg_1", "msg_2", "msg_3"), (100, 200, 300)))
    block = await daemon.block_at(path)
    await daemon.terminate()

    edit(path, path.read_text().replace(":200}", f":{output}}}"))
    path.rename(other)
    if is_taken:
        append(path, response("msg_4", output=1000))
    await daemon.start()

    assert (await daemon.block_at(other)).block_id == block.block_id
    assert await output_of(daemon, other) == 400 + output + 1000 * is_taken


async def test_a_new_file_with_the_inode_of_a_removed_one_is_a_block_of_its_own(
    daemon: Daemon,
) -> None:
    path, other = daemon.home.transcript(), daemon.home.transcript()
    append(path, *map(response, ("msg_1", "msg_2"), (100, 200)))
    block = await daemon.block_at(path)
    await daemon.terminate()

    edit(path, f"{response('msg_3', output=300)}\n")  # as if the inode were used again
    path.rename(other)
    await daemon.start()

    assert await output_of(daemon, other) == 300
    assert await blocks_of(daemon, other) != [block.block_id]


async def test_a_line_edited_while_the_file_was_away_counts_for_what_it_says_now(
    daemon: Daemon,
) -> None:
    path = daemon.home.transcript()
    outputs = [100, 200, 300]
    lines = [*map(long_response, ("msg_1", "msg_2", "msg_3"), outputs)]
    append(path, *lines)
    await daemon.sync()

    path.unlink()
    await daemon.sync()
    back = [each.replace(":200}", ":500}") for each in lines]
    append(path, *back, response("msg_4", output=1000))

    assert await output_of(daemon, path) == 1900


@pytest.mark.parametrize("output", [500, 9, 12345], ids=["same", "shorter", "longer"])
async def test_a_line_edited_while_the_file_was_seen_empty_counts_for_what_it_says_now(
    daemon: Daemon, output: int
) -> None:
    path = daemon.home.transcript()
    outputs = [100, 200, 300]
    lines = [*map(long_response, ("msg_1", "msg_2", "msg_3"), outputs)]
    append(path, *lines)
    await daemon.sync()

    os.truncate(path, 0)
    await daemon.sync()
    append(path, *(each.replace(":200}", f":{output}}}") for each in lines))

    assert await output_of(daemon, path) == 400 + output


async def test_what_an_agent_cuts_off_stays_counted(daemon: Daemon) -> None:
    path = daemon.home.transcript()
    append(path, *map(response, ("msg_1", "msg_2", "msg_3"), (100, 200, 300)))
    await daemon.sync()

    kept = path.read_text().splitlines()[:2]
    edit(path, "".join(f"{each}\n" for each in kept))

    assert await output_of(daemon, path) == 600


def long_response(message: str, output: int) -> str:
    """Return such a line that fills what is known of a file's begin and of its end."""
    return response(message, output, text="Done. " * 200)


def response(message: str, output: int, text: str = "Done.") -> str:
    """Return a line in which the agent tells what a response took."""
    usage = {"input_tokens": 10, "output_tokens": output}
    return json.dumps(
        {
            "type": "assistant",
            "uuid": f"u-{message}",
            "timestamp": "2026-11-21T10:00:00.000Z",
            "message": {
                # Of the test and its file, as all else that is kept by its id.
                "id": f"{message}-{os.environ['PYTEST_CURRENT_TEST']}",
                "role": "assistant",
                "model": "claude-opus-4-5",
                "content": [{"type": "text", "text": text}],
                "usage": usage,
            },
        },
        separators=(",", ":"),
    )


def edit(path: Path, text: str, *, aside: bool = False) -> None:
    """Write *text* in place of what *path* holds, at a time of its own."""
    changed_ns = path.stat().st_mtime_ns + 1_000_000_000
    if aside:
        replace(path, text.encode())
    else:
        with path.open("r+") as file:
            file.write(text)
            file.truncate()

    os.utime(path, ns=(changed_ns, changed_ns))


async def output_of(daemon: Daemon, path: Path) -> int:
    """Return the output tokens of the session of *path*, with all that is on disk."""
    tokens = (await daemon.block_at(path)).tokens
    assert tokens is not None
    return tokens.output


async def blocks_of(daemon: Daemon, path: Path) -> list[str]:
    """Return the blocks of the session of *path*."""
    session = await daemon.ask("sessions.get", SessionView, session_id=path.stem)
    return list(session.blocks)
