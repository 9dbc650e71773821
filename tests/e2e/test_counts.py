"""What is counted: lines, characters, the estimate, and what is in neither yet."""

import anyio
import pytest

from jarvisd.core.origin import BlockView, Life
from jarvisd.overview.health_wire import HealthResult
from jarvisd.overview.wire import BlocksTailResult, StatusResult
from tests.e2e.home import append, append_bytes, record
from tests.e2e.rig import Daemon

MB = 1_000_000


def figures(block: BlockView) -> tuple[int, int, int]:
    """Return what most tests ask for: lines, estimate, bytes of the last line."""
    return block.line_count, block.token_estimate, block.partial_bytes


@pytest.mark.parametrize(
    ("content", "lines", "tokens"),
    [
        pytest.param(record(100) + "\n", 1, 25, id="one line of 100 characters"),
        pytest.param(
            "".join(f"{record(each)}\n" for each in (40, 80, 120)),
            3,
            60,
            id="40 80 120",
        ),
        pytest.param("ok\n" * 1000, 1000, 500, id="short lines add up"),
        pytest.param("abc\nabc\nabc\n", 3, 2, id="the floor of the total, 9"),
        pytest.param("abcde\nabcdef\nabcdefg\n", 3, 4, id="the floor of the total, 18"),
        pytest.param("ok\n" * 1000 + "abc\n", 1001, 500, id="2003 characters"),
        pytest.param("ok\n" * 1000 + "abc\nd\n", 1002, 501, id="2004 characters"),
        pytest.param("é" * 8 + "\n", 1, 2, id="characters, not bytes"),
        pytest.param("你好世界\n", 1, 1, id="three bytes a character"),
        pytest.param("😀" * 4 + "\n", 1, 1, id="four bytes a character"),
        pytest.param("abcd\r\n", 1, 1, id="CRLF is no content"),
        pytest.param("abcd\n\n \n\t\r\n\nabcd\n", 2, 2, id="blank lines are none"),
        pytest.param(
            "abcd\n\u00a0\n \u3000\t\u2009\r\n\u2028\x85\nabcd\n\u3000x\n",
            3,
            2,
            id="nor are lines of the white space of Unicode",
        ),
        pytest.param("\ufeffabcd\n", 1, 1, id="a byte order mark is no content"),
        pytest.param(
            "ab\u2028cd\x0b\x0c\x85ef\n", 1, 2, id="only a newline ends a line"
        ),
        pytest.param("ab\rcdef\n", 1, 1, id="a lone CR ends no line"),
    ],
)
async def test_a_file_has_so_many_lines_and_tokens(
    daemon: Daemon, content: str, lines: int, tokens: int
) -> None:
    path = daemon.home.transcript()
    append_bytes(path, content.encode())

    assert figures(await daemon.block_at(path)) == (lines, tokens, 0)


async def test_an_empty_file_is_known_and_has_no_start(daemon: Daemon) -> None:
    path = daemon.home.transcript()
    path.touch()

    block = await daemon.block_at(path)

    assert figures(block) == (0, 0, 0)
    assert block.start_ts_ms is None
    assert block.last_activity_ms is None


async def test_the_first_line_starts_the_block_for_ever(daemon: Daemon) -> None:
    path = daemon.home.transcript()
    append(path, record())
    before = await daemon.block_at(path)

    append(path, record())
    after = await daemon.block_at(path)

    assert before.start_ts_ms
    assert after.start_ts_ms == before.start_ts_ms
    assert after.last_activity_ms is not None
    assert after.last_activity_ms >= before.start_ts_ms
    assert after.life is Life.LIVE


async def test_a_line_in_two_pieces_is_one_line(daemon: Daemon) -> None:
    path = daemon.home.transcript()
    append_bytes(path, b"ab")
    assert figures(await daemon.block_at(path)) == (0, 0, 2)

    append_bytes(path, b"cd\n")
    assert figures(await daemon.block_at(path)) == (1, 1, 0)


async def test_a_line_that_comes_byte_by_byte_appears_when_complete(
    daemon: Daemon,
) -> None:
    path = daemon.home.transcript()
    for byte in "héllo é\r\n".encode():
        assert not path.exists() or (await daemon.block_at(path)).line_count == 0
        append_bytes(path, bytes([byte]))

    assert figures(await daemon.block_at(path)) == (1, 1, 0)
    assert (await daemon.block_at(path)).char_count == 7


async def test_a_whole_record_without_its_end_is_no_line_yet(daemon: Daemon) -> None:
    path = daemon.home.transcript()
    append(path, record())
    append_bytes(path, b'{"a":1')
    assert (await daemon.block_at(path)).line_count == 1

    append_bytes(path, b"2}")
    assert (await daemon.block_at(path)).line_count == 1

    append_bytes(path, b"\n")
    assert figures(await daemon.block_at(path)) == (2, 12, 0)


async def test_blocks_that_grow_together_are_counted_apart(daemon: Daemon) -> None:
    paths = [daemon.home.transcript() for _ in range(5)]
    for turn in range(20):
        for number, path in enumerate(paths, start=1):
            append(path, *[record(40)] * number)

        if turn % 7 == 0:
            await daemon.sync()

    found = [await daemon.block_at(path) for path in paths]
    assert [each.line_count for each in found] == [20, 40, 60, 80, 100]
    assert [each.token_estimate for each in found] == [200, 400, 600, 800, 1000]


async def test_a_line_of_five_megabytes_is_counted_while_others_are_answered(
    daemon: Daemon,
) -> None:
    path = daemon.home.transcript()
    append(path, record(5 * MB))
    async with daemon.connected() as client, anyio.create_task_group() as tasks:
        tasks.start_soon(daemon.sync)
        with anyio.fail_after(1):
            await client.ask("status", StatusResult)

    block = await daemon.block_at(path)
    assert (block.line_count, block.char_count) == (1, 5 * MB)
    assert block.oversize_count == 0
    health = await daemon.ask("health", HealthResult)
    assert health.rss_bytes < 160 * MB


async def test_the_tail_gives_exactly_the_last_lines(daemon: Daemon) -> None:
    path = daemon.home.transcript()
    append(path, *(f'{{"n":{number}}}' for number in range(50)))
    append_bytes(path, b'\n\xc2\xa0\r\n{"n":50}\r\n{"n":51}\n{"unfinished')
    block = await daemon.block_at(path)

    tail = await daemon.ask(
        "blocks.tail", BlocksTailResult, block_id=block.block_id, lines=3
    )

    assert block.line_count == 52
    assert tail.lines == ['{"n":49}', '{"n":50}', '{"n":51}']
    assert tail.first_line == 49


async def test_a_session_of_codex_is_counted_as_well(daemon: Daemon) -> None:
    path = daemon.home.rollout()
    append(path, record(40), record(40))

    block = await daemon.block_at(path)

    assert block.agent == "codex"
    assert figures(block) == (2, 20, 0)


async def test_a_session_is_known_by_its_name(daemon: Daemon) -> None:
    path = daemon.home.transcript()
    append(path, record())

    block = await daemon.block_at(path)

    assert block.session_id == path.stem
    assert block.agent == "claude"
    assert block.bytes_read == path.stat().st_size
