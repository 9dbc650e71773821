"""Claude Code's accounts, by the cases of its format (CC) and of the reference (S001)."""

from typing import Any

import pytest

from jarvisd.base.usage import Tokens
from jarvisd.ledger.model import CallRow, ResponseRow
from tests.ledger.books import Block, Books, block, line, read_all


def stamp(second: float) -> str:
    minutes, seconds = divmod(second + 600, 60)
    return f"2026-11-21T02:{int(minutes):02}:{seconds:06.3f}Z"


def reply(
    message: str | None = "m1",
    *,
    second: float = 1,
    blocks: list[dict[str, Any]] | None = None,
    model: str | None = "claude-opus-4-7",
    request: str | None = "r1",
    key: str | None = None,
    **usage: Any,
) -> bytes:
    """Return one line of a reply; usage by the provider's names, shortened."""
    fields: dict[str, Any] = {
        "type": "assistant",
        "timestamp": stamp(second),
        "message": {
            "id": message,
            "model": model,
            "content": blocks or [],
            "usage": {_USAGE.get(name, name): value for name, value in usage.items()},
        },
    }
    if request is not None:
        fields["requestId"] = request

    if key is not None:
        fields["uuid"] = key

    return line(**fields)


_USAGE = {
    "inp": "input_tokens",
    "out": "output_tokens",
    "read": "cache_read_input_tokens",
    "flat": "cache_creation_input_tokens",
    "split": "cache_creation",
}


def split(five: int = 0, hour: int = 0) -> dict[str, int]:
    return {"ephemeral_5m_input_tokens": five, "ephemeral_1h_input_tokens": hour}


def call(call_id: str, name: str = "Bash", **given: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": call_id, "name": name, "input": given}


def prompt(
    text: str = "Go", *, second: float = 0, key: str = "p1", **more: Any
) -> bytes:
    return line(
        type="user",
        uuid=key,
        timestamp=stamp(second),
        message={"content": text},
        **more,
    )


def result(call_id: str, *, second: float = 2, error: bool = False) -> bytes:
    return line(
        type="user",
        uuid=f"u-{call_id}",
        timestamp=stamp(second),
        message={
            "content": [
                {"type": "tool_result", "tool_use_id": call_id, "is_error": error}
            ]
        },
    )


def tokens_of(*lines: bytes) -> Tokens:
    return read_all(block(lines)).tokens()


MERGES = [
    pytest.param(
        [reply(flat=30, split=split())],
        Tokens(cache_write_5m=30),
        id="CC-003 an empty split",
    ),
    pytest.param(
        [reply(flat=100_000, read=0), reply(flat=100_000, split=split(hour=100_000))],
        Tokens(cache_write_1h=100_000),
        id="CC-005 the split comes later",
    ),
    pytest.param(
        [reply(inp=10, out=out, read=0) for out in (31, 31, 300)],
        Tokens(input=10, output=300),
        id="CC-006 a stream",
    ),
    pytest.param(
        [reply(inp=100, out=500, read=0), reply(inp=10, out=100, read=0)],
        Tokens(input=100, output=500),
        id="CC-008 the greater first",
    ),
    pytest.param(
        [
            reply(inp=100, out=50, read=0),
            reply(inp=100, out=50, read=0),
            reply("m2", inp=200, out=100, read=0),
        ],
        Tokens(input=300, output=150),
        id="CC-009 two messages",
    ),
    pytest.param(
        [reply(out=25, request=None), reply(out=250, request=None)],
        Tokens(output=250),
        id="CC-011 without a request id",
    ),
    pytest.param(
        [reply(inp=10), reply(inp=50)], Tokens(input=50), id="CC-017 no cache keys"
    ),
    pytest.param(
        [reply(inp=50), reply(inp=30, read=0)],
        Tokens(input=30),
        id="CC-018 cache keys tell the true input",
    ),
    pytest.param(
        [reply(read=9), reply(inp=30)],
        Tokens(input=30, cache_read=9),
        id="cache keys without input do not zero it",
    ),
    pytest.param(
        [reply(inp=2, out=1, read=15_030, flat=8_655)] * 2
        + [
            reply(inp=2, out=512, read=15_030, flat=8_655),
            reply("m2", inp=5, out=7, read=0, flat=0),
        ],
        Tokens(7, 15_030, 8_655, 0, 519),
        id="T8",
    ),
    pytest.param(
        [
            reply(inp=5, out=1, read=15_476, flat=2_728),
            reply(inp=5, out=152, read=15_476, flat=2_728),
        ],
        Tokens(5, 15_476, 2_728, 0, 152),
        id="CC-032 real",
    ),
    pytest.param(
        [reply(flat=100, split=split(hour=150))],
        Tokens(cache_write_1h=100),
        id="no more for an hour than in all",
    ),
    pytest.param(
        [
            reply(flat=100, split=split(five=100)),
            reply(flat=100, split=split(hour=100)),
        ],
        Tokens(cache_write_1h=100),
        id="splits that contradict are still one sum",
    ),
    pytest.param(
        [reply("m1", out=5, request="r1"), reply("m1", out=5, request="r2")],
        Tokens(output=5),
        id="peers C: replayed under another request",
    ),
    pytest.param(
        [reply(inp=0, out=0, model="<synthetic>")], Tokens(), id="CC-024 synthetic"
    ),
]


@pytest.mark.parametrize(("lines", "tokens"), MERGES)
def test_copies_are_merged(lines: list[bytes], tokens: Tokens) -> None:
    assert tokens_of(*lines) == tokens


@pytest.mark.parametrize(("lines", "tokens"), MERGES)
def test_the_order_of_copies_does_not_matter(
    lines: list[bytes], tokens: Tokens
) -> None:
    assert tokens_of(*reversed(lines)) == tokens


def test_lines_without_any_id_are_each_a_response() -> None:
    """CC-014."""
    same = reply(None, request=None, out=5)

    assert tokens_of(same, same) == Tokens(output=10)


def test_lines_without_a_message_id_are_known_by_their_own() -> None:
    same = reply(None, request=None, key="u1", out=5)

    assert tokens_of(same, same) == Tokens(output=5)


def test_the_model_is_that_of_any_copy() -> None:
    """CC-015."""
    books = read_all(block([reply(model=None, out=100), reply(out=100)]))

    assert books.session().models == {"claude-opus-4-7": 1}


def test_a_response_in_a_main_and_a_subagents_file_is_the_mains() -> None:
    """CC-020, whichever is read first."""
    main = block([prompt(), reply(out=5)])
    sub = block([reply(out=5)], session="s1/agent-a", parent="s1")

    for files in ((main, sub), (sub, main)):
        books = read_all(*files)
        assert books.session().tokens.output == 5
        assert books.session("s1/agent-a").tokens.output == 0


def test_a_fork_does_not_get_its_history_again() -> None:
    """CC-021, S001-17: the older transcript keeps it."""
    old = block([prompt(second=0), reply(second=1, out=5)], session="z-old")
    fork = block(
        [
            line(type="queue-operation", timestamp=stamp(9)),
            prompt(second=0),
            reply(second=1, out=5),
            reply("m2", second=10, out=7),
        ],
        session="a-fork",
    )

    for files in ((old, fork), (fork, old)):
        books = read_all(*files)
        assert books.session("z-old").tokens.output == 5
        assert books.session("a-fork").tokens.output == 7
        assert [books.session(each).prompts for each in ("z-old", "a-fork")] == [1, 0]


def test_advice_is_counted_once_a_piece() -> None:
    """CC-023."""
    advised = reply(
        out=7,
        iterations=[{"type": "advisor_message", "model": "x", "output_tokens": 3}],
    )
    books = read_all(block([advised, advised]))

    assert books.session().messages == 2
    assert books.tokens() == Tokens(output=10)


def test_an_unknown_model_has_no_price_and_says_so() -> None:
    books = read_all(block([reply(model=None, out=5), reply("m2", out=7)]))

    assert (books.session().cost_micros, books.session().unpriced) == (7, 1)


def test_a_stream_on_standard_output_counts_like_a_transcript() -> None:
    """CC-038: and what the end says again adds nothing."""
    usage = {"input_tokens": 200, "cache_read_input_tokens": 20}
    lines = [
        line(type="system", subtype="init", session_id="s1"),
        line(
            type="stream_event",
            event={
                "type": "message_start",
                "message": {
                    "id": "m1",
                    "model": "x",
                    "usage": {**usage, "cache_creation_input_tokens": 5},
                },
            },
        ),
        line(
            type="stream_event",
            event={"type": "message_delta", "usage": {"output_tokens": 80}},
        ),
        line(type="result", usage={**usage, "output_tokens": 80}),
    ]

    assert tokens_of(*lines) == Tokens(200, 20, 5, 0, 80)


def test_a_synthetic_stream_leaves_nothing_behind() -> None:
    """CC-039."""
    synthetic = {"id": "m1", "model": "<synthetic>", "usage": {"output_tokens": 1}}
    lines = [
        line(
            type="stream_event", event={"type": "message_start", "message": synthetic}
        ),
        line(
            type="stream_event",
            event={"type": "message_delta", "usage": {"output_tokens": 80}},
        ),
    ]

    assert tokens_of(*lines) == Tokens()


def test_the_context_is_that_of_the_newest_reply() -> None:
    """CC-041, CC-042: it shrinks at a compaction, what was spent does not."""
    lines = [
        reply("m1", second=1, inp=200_000, read=0),
        reply("m2", second=2, inp=2_000, read=100, flat=50),
    ]
    session = read_all(block(lines)).session()

    assert session.context is not None
    assert session.context[1] == 2_150
    assert session.tokens.input == 202_000


def test_a_prompt_that_is_too_long_shows_a_long_window() -> None:
    """CC-044."""
    assert read_all(block([reply(inp=250_000)])).session().window_tokens == 1_000_000
    assert read_all(block([reply(inp=2_000)])).session().window_tokens is None


def test_a_subagent_does_not_fill_the_context_of_its_parent() -> None:
    sidechain = line(
        type="assistant",
        isSidechain=True,
        timestamp=stamp(5),
        message={"id": "m2", "usage": {"input_tokens": 9_000}},
    )
    session = read_all(block([reply(inp=10, read=0), sidechain])).session()

    assert session.context is not None
    assert session.context[1] == 10
    assert session.messages == 2


def test_the_mixed_file_has_six_events() -> None:
    """CC-083, S001: read twice, it has as many."""
    lines = [
        prompt("<command-name>/plan</command-name>"),
        reply(
            blocks=[
                call("t1"),
                call("t2", "Skill", skill="s"),
                call("t3", "mcp__lab__echo"),
                call("t4", "Task"),
                call("t5"),
            ],
            out=1,
        ),
        result("t5", error=True),
    ]
    file = block(lines)
    books = read_all(file)
    books.read(block(lines, name="again"))
    books.flush()

    session = books.session()
    assert (session.commands, session.tool_calls, session.skills) == (1, 3, 1)
    assert (session.mcp_calls, session.subagents, session.tool_errors) == (1, 1, 1)
    assert len(session.tools) == 4


def test_an_error_that_comes_late_is_joined_to_its_call() -> None:
    """T9, S001-9: the same row, and no second one."""
    file = block([reply(blocks=[call("t1")]), result("t1", second=4, error=True)])
    books = Books()
    books.read(file, 1)
    books.flush()
    before = books.session().tool_errors
    books.restart()
    books.read(file)
    books.flush()

    rows = [row for row in books.store.rows.values() if isinstance(row, CallRow)]
    assert (before, books.session().tool_errors) == (0, 1)
    assert [row.duration_ms for row in rows] == [3_000]


def test_a_result_without_a_call_counts_as_nothing() -> None:
    session = read_all(block([result("t9", error=True)])).session()

    assert (session.tool_calls, session.tool_errors, session.tools) == (0, 0, {})


def test_a_result_in_another_session_is_of_no_call() -> None:
    """The ids of calls are not unique across sessions, and a result names no response."""
    sub = block([result("t1", error=True)], session="s2")
    books = read_all(sub, block([reply(blocks=[call("t1")])]))

    assert sum(each.tool_errors for each in books.ledger.sessions()) == 0


def test_a_message_of_several_lines_is_one_message() -> None:
    """CC-080."""
    work = {"type": "text", "text": "Working"}
    books = read_all(
        block(
            [
                reply(blocks=[work], out=1),
                reply(blocks=[work, call("t1", "Agent")], out=3),
                reply(blocks=[call("t1", "Agent")], out=3),
            ]
        )
    )

    session = books.session()
    assert session.messages == 1
    assert (session.subagents, session.tokens.output) == (1, 3)


def test_a_compaction_is_its_boundary_and_its_summary() -> None:
    boundary = line(type="system", subtype="compact_boundary", uuid="b1")
    summary = line(
        type="user", isCompactSummary=True, uuid="b2", message={"content": "x"}
    )

    assert read_all(block([boundary, summary])).session().compactions == 1
    assert read_all(block([summary])).session().compactions == 1
    assert read_all(block([boundary, summary, boundary])).session().compactions == 1


@pytest.mark.parametrize(
    ("seconds", "active_s", "wall_s"),
    [
        pytest.param([0, 600], 600, 600, id="S001-21 just not a gap"),
        pytest.param([0, 601], 0, 601, id="S001-21 a gap"),
        pytest.param([0, 300, 1_200, 1_500], 600, 1_500, id="S001-21 two spans"),
        pytest.param([1_500, 0, 1_200, 300], 600, 1_500, id="in any order"),
        pytest.param([5], 0, 0, id="one line"),
        pytest.param([0, 1_200, 600], 1_200, 1_200, id="the last joins both"),
        pytest.param([0, 300, 1_200, 1_500, 2_100], 1_200, 2_100, id="T5"),
    ],
)
def test_active_time_leaves_out_the_gaps(
    seconds: list[int], active_s: int, wall_s: int
) -> None:
    lines = [prompt(second=each, key=f"p{each}") for each in seconds]
    spans = read_all(block(lines)).session().spans

    assert (spans.active_ms, spans.wall_ms) == (active_s * 1000, wall_s * 1000)


def test_a_line_without_a_time_takes_that_of_the_line_before() -> None:
    """S001-23: it is kept, and moves no clock."""
    books = read_all(
        block([prompt(second=0), reply(second=-1).replace(b"2026-", b"?")])
    )

    (row,) = (
        each for each in books.store.rows.values() if isinstance(each, ResponseRow)
    )
    assert row.at_ms == books.session().spans.first_ms
    assert books.session().spans.wall_ms == 0


def test_bookkeeping_alone_is_a_session_without_messages() -> None:
    """S001-5."""
    file = block(
        [
            line(type="system", subtype="informational", timestamp=stamp(0)),
            line(type="summary", summary="T", timestamp=stamp(1)),
        ]
    )
    session = read_all(file).session()

    assert (session.messages, session.prompts, session.model) == (0, 0, None)
    assert session.spans.wall_ms == 1_000
    assert session.title is not None


def test_an_empty_file_is_no_session() -> None:
    """CC-084."""
    assert list(read_all(block([])).ledger.sessions()) == []


@pytest.mark.parametrize(
    ("models", "expected"),
    [
        pytest.param("abba", "a", id="S001-20 the first of equals"),
        pytest.param("abb", "b", id="most"),
    ],
)
def test_the_primary_model_is_that_of_most_messages(models: str, expected: str) -> None:
    lines = [
        reply(f"m{number}", second=number, model=model, out=1)
        for number, model in enumerate(models)
    ]

    assert read_all(block(lines)).session().model == expected


def test_the_better_title_wins_whenever_it_came() -> None:
    titles = [
        line(type="custom-title", customTitle="Mine", timestamp=stamp(0)),
        line(type="ai-title", aiTitle="Machine's", timestamp=stamp(1)),
        line(type="summary", summary="Old", timestamp=stamp(2)),
    ]

    for lines in (titles, titles[::-1]):
        session = read_all(block(lines)).session()
        assert session.title is not None
        assert session.title[2] == "Mine"


def test_a_folder_that_changes_is_followed() -> None:
    """CC-057."""
    lines = [
        prompt(second=0, key="p1", cwd="/a"),
        prompt(second=1, key="p2", cwd="/b"),
        prompt(second=2, key="p3", cwd="/b"),
    ]
    books = read_all(block(lines))

    assert books.session().row().cwd == "/b"
    assert books.session().prompts == 3


def test_a_subagent_in_the_flat_layout_learns_its_parent() -> None:
    """CC-054."""
    file: Block = block(
        [
            line(
                type="assistant",
                isSidechain=True,
                agentId="a7",
                sessionId="s1",
                message={"id": "m1", "usage": {"output_tokens": 5}},
            )
        ],
        session="agent-a7",
    )
    session = read_all(file).session("agent-a7")

    assert (session.parent_session_id, session.tokens.output) == ("s1", 5)
