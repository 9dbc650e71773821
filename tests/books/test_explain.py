"""What a line counted for, told by reading the real files again."""

from pathlib import Path

from tests.books.reporting import desk, reasons
from tests.books.rig import append, running, transcript
from tests.ledger import test_ledger_claude as claude
from tests.ledger.books import line

LINES = [
    claude.prompt(second=0),
    claude.reply("m1", second=1, inp=5, out=1, read=10),
    claude.reply("m1", second=2, inp=5, out=1, read=10, blocks=[claude.call("t1")]),
    claude.reply("m1", second=3, inp=5, out=7, read=10),
    claude.reply("m1", second=4, inp=5, out=2, read=10),
    claude.result("t1", second=5, error=True),
    b'{"type":"assistant"',
    claude.reply("m2", second=6, model="<synthetic>", inp=0, out=0),
    line(type="summary", summary="Mend it"),
]


async def test_each_line_is_told_what_it_counted_for(tmp_path: Path) -> None:
    append(transcript(tmp_path), *LINES)
    async with running(tmp_path) as daemon:
        await daemon.sync()
        told = await desk(daemon).explain("s1", all=True)

    assert [each.verdict for each in told.lines] == [
        "counted",
        "counted",
        "counted",
        "merged",
        "duplicate",
        "merged",
        "malformed",
        "dropped",
        "nothing",
    ]
    assert reasons(told.lines)[3] == "a later copy of a response: 6 output more"
    assert reasons(told.lines)[5] == "result of Bash: error"
    assert told.tokens == told.booked
    assert told.tokens.total == 22


async def test_the_searches_of_a_side_call_are_told(tmp_path: Path) -> None:
    found = line(
        type="user",
        timestamp=claude.stamp(2),
        message={"content": [{"type": "tool_result", "tool_use_id": "t1"}]},
        toolUseResult={"query": "x", "searchCount": 2},
    )
    search = claude.call("t1", "WebSearch", query="x")
    append(transcript(tmp_path), claude.reply("m1", inp=5, blocks=[search]), found)
    async with running(tmp_path) as daemon:
        await daemon.sync()
        told = await desk(daemon).explain("s1", all=True)

    assert reasons(told.lines)[1] == (
        "2 web searches: response of claude-opus-4-7; result of WebSearch: ok"
    )


async def test_lines_that_mean_nothing_are_left_out_unless_asked_for(
    tmp_path: Path,
) -> None:
    append(transcript(tmp_path), *LINES)
    async with running(tmp_path) as daemon:
        await daemon.sync()

        assert "nothing" not in await desk(daemon).verdicts("s1")


async def test_the_history_of_a_fork_is_counted_elsewhere(tmp_path: Path) -> None:
    history = LINES[:4]
    append(transcript(tmp_path, "s1"), *history)
    own = claude.reply("m9", second=90, inp=1, out=1)
    later = claude.prompt("Again", second=80, key="p9")
    append(transcript(tmp_path, "s2"), later, *history, own)
    async with running(tmp_path) as daemon:
        await daemon.sync()
        told = await desk(daemon).explain("s2")

    assert [each.verdict for each in told.lines] == [
        "counted",
        *["elsewhere"] * 4,
        "counted",
    ]
    assert reasons(told.lines)[1].startswith("counted in session s1: prompt")
    assert told.tokens == told.booked
    assert told.tokens.total == 2


async def test_calls_are_told_where_they_count_though_ids_come_again(
    tmp_path: Path,
) -> None:
    def lines(name: str, second: int) -> list[bytes]:
        called = [claude.call("call_0")]
        return [
            claude.reply(f"m-{name}", second=second, inp=1, out=1, blocks=called),
            claude.result("call_0", second=second + 1, error=True),
        ]

    append(transcript(tmp_path, "s1"), *lines("s1", 1))
    append(transcript(tmp_path, "s2"), *lines("s2", 20))
    append(transcript(tmp_path, "s3"), *lines("s1", 1), *lines("s3", 40))
    async with running(tmp_path) as daemon:
        await daemon.sync()
        other = await desk(daemon).explain("s2")
        fork = await desk(daemon).explain("s3")

    assert [each.verdict for each in other.lines] == ["counted", "merged"]
    assert reasons(other.lines)[1] == "result of Bash: error"
    told = ["elsewhere", "elsewhere", "counted", "merged"]
    assert [each.verdict for each in fork.lines] == told
    assert reasons(fork.lines)[1].startswith("counted in session s1: result of Bash")


async def test_pages_give_all_lines_once(tmp_path: Path) -> None:
    append(transcript(tmp_path), *LINES)
    async with running(tmp_path) as daemon:
        await daemon.sync()
        asked = desk(daemon)
        whole = await asked.explain("s1", all=True)
        pages = []
        after: int | None = 0
        while after is not None:
            page = await asked.explain("s1", all=True, after=after, limit=4)
            pages += page.lines
            after = page.next

    assert pages == whole.lines


async def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    append(transcript(tmp_path), *LINES)
    async with running(tmp_path) as daemon:
        await daemon.sync()
        transcript(tmp_path).unlink()
        told = await desk(daemon).explain("s1")

    assert told.lines == []
    assert told.blocks[0].error is not None
    assert told.booked.total == 22


async def test_nothing_of_a_lines_content_is_told(tmp_path: Path) -> None:
    append(transcript(tmp_path), claude.prompt("hunter2"), b"hunter2", *LINES)
    async with running(tmp_path) as daemon:
        await daemon.sync()
        told = await desk(daemon).explain("s1", all=True)

    assert "hunter2" not in repr(told)
