"""What `claude -p` prints: its result is the truth, and a transcript counts instead."""

from itertools import permutations
from typing import Any

import pytest

from jarvisd.base.usage import Tokens
from jarvisd.ledger.model import ResponseRow
from tests.agents.found import fresh_reader
from tests.ledger.books import Block, Books, block, line, read_all

SESSION = "7b1f0c52-aaaa-4aaa-8aaa-000000000001"
SONNET, HAIKU = "claude-sonnet-4-5", "claude-haiku-4-5"
TOKENS = Tokens(input=30, cache_read=700, cache_write_5m=400, output=55)


def usage(inp: int, out: int, *, write: int = 0, read: int = 0) -> dict[str, Any]:
    return {
        "input_tokens": inp,
        "cache_creation_input_tokens": write,
        "cache_read_input_tokens": read,
        "output_tokens": out,
    }


def said(
    message: str,
    counts: dict[str, Any],
    *,
    model: str = SONNET,
    tool: str | None = None,
) -> bytes:
    return line(
        type="assistant",
        session_id=SESSION,
        parent_tool_use_id=tool,
        message={"id": message, "model": model, "content": [], "usage": counts},
    )


def result(
    models: dict[str, tuple[int, int, int, int]] | None = None, **fields: Any
) -> bytes:
    """Return a result; each model has input, output, written and read tokens."""
    told = None
    if models is not None:
        told = {
            name: {
                "inputTokens": counts[0],
                "outputTokens": counts[1],
                "cacheCreationInputTokens": counts[2],
                "cacheReadInputTokens": counts[3],
                "costUSD": 0.25,
            }
            for name, counts in models.items()
        }

    return line(
        type="result", subtype="success", session_id=SESSION, modelUsage=told, **fields
    )


START = (
    line(type="system", subtype="init", session_id=SESSION, model=SONNET),
    said("m1", usage(20, 2, write=400)),
    said("m1", usage(20, 2, write=400)),
    said("m2", usage(10, 1, read=700)),
)
WHOLE = (*START, result({SONNET: (30, 55, 400, 700)}))


def printed(*lines: bytes, name: str = "printed") -> Block:
    return block(lines, session=None, name=name)


def transcript(**fields: Any) -> Block:
    def reply(message: str, counts: dict[str, Any]) -> bytes:
        spoken = {"id": message, "model": SONNET, "content": [], "usage": counts}
        return line(
            type="assistant",
            sessionId=SESSION,
            uuid=f"u-{message}",
            timestamp="2026-11-21T02:51:24.939Z",
            message=spoken,
            **fields,
        )

    lines = (
        reply("m1", usage(20, 40, write=400)),
        reply("m2", usage(10, 15, read=700)),
    )
    return block(lines, session=SESSION, name="transcript")


def rows(books: Books) -> list[ResponseRow]:
    found = books.store.rows.values()
    return [each for each in found if isinstance(each, ResponseRow) and each.rank >= 0]


def test_a_result_is_what_was_spent() -> None:
    (row,) = rows(read_all(printed(*WHOLE)))

    assert row.tokens == TOKENS
    assert (row.model, row.stated_micros) == (SONNET, 250_000)


def test_until_a_result_comes_the_messages_count() -> None:
    tokens = read_all(printed(*START)).tokens()

    assert tokens == Tokens(input=30, cache_read=700, cache_write_5m=400, output=3)


@pytest.mark.parametrize("written", [transcript(), transcript(entrypoint="sdk-cli")])
@pytest.mark.parametrize("window", [0, 4_096])
def test_with_a_transcript_it_counts_once(written: Block, window: int) -> None:
    for files in permutations([printed(*WHOLE), written]):
        books = Books(window=window)
        for each in files:
            books.read(each)
            books.flush()

        assert books.tokens() == TOKENS
        assert len(rows(books)) == 2


def test_what_a_person_sees_in_a_terminal_voids_nothing() -> None:
    books = read_all(transcript(entrypoint="cli"))

    assert len(books.store.rows) == 2


def test_each_model_of_a_result_counts_with_subagents_inside() -> None:
    helper = said("s1", usage(7, 1), model=HAIKU, tool="toolu_1")
    told = {SONNET: (30, 55, 400, 700), HAIKU: (9, 12, 0, 0)}
    books = read_all(printed(*START, helper, result(told)))

    assert {each.model: each.tokens for each in rows(books)} == {
        SONNET: TOKENS,
        HAIKU: Tokens(input=9, output=12),
    }


def test_a_model_that_a_result_leaves_out_counts_when_the_next_one_tells_it() -> None:
    """A result comes before what an agent in the background asks for has ended."""
    helper = said("s1", usage(7, 1), model=HAIKU, tool="toolu_1")
    first = result({SONNET: (30, 55, 400, 700)})
    last = result({SONNET: (30, 55, 400, 700), HAIKU: (9, 12, 0, 0)})

    books = read_all(printed(*START, helper, first, last))

    assert {each.model: each.tokens for each in rows(books)} == {
        SONNET: TOKENS,
        HAIKU: Tokens(input=9, output=12),
    }


def test_a_result_without_models_is_all_that_was_spent_with_any() -> None:
    other = said("m3", usage(7, 1), model=HAIKU)

    books = read_all(printed(*START, other, result(usage=usage(37, 60))))

    assert books.tokens() == Tokens(input=37, output=60)


def test_what_a_result_said_stays_where_the_next_one_leaves_it_out() -> None:
    helper = said("s1", usage(7, 1), model=HAIKU, tool="toolu_1")
    first = result({SONNET: (30, 55, 400, 700), HAIKU: (9, 12, 0, 0)})
    last = result({SONNET: (30, 55, 400, 700)})

    books = read_all(printed(*START, helper, first, last))

    assert books.tokens().output == 55 + 12


@pytest.mark.parametrize(
    ("spoken", "told"),
    [(SONNET, f"{SONNET}[1m]"), (f"{SONNET}[1m]", SONNET)],
)
def test_a_name_with_its_window_is_the_same_model(spoken: str, told: str) -> None:
    start = said("m1", usage(20, 2, write=400), model=spoken)

    (row,) = rows(read_all(printed(start, result({told: (30, 55, 400, 700)}))))

    assert row.tokens == TOKENS


def test_what_a_result_says_of_one_model_with_two_windows_is_added() -> None:
    told = {SONNET: (20, 40, 400, 0), f"{SONNET}[1m]": (10, 15, 0, 700)}

    (row,) = rows(read_all(printed(*START, result(told))))

    assert (row.tokens, row.stated_micros) == (TOKENS, 500_000)


def test_messages_of_one_model_with_two_windows_are_added() -> None:
    wide = said("m2", usage(10, 1, read=700), model=f"{SONNET}[1m]")

    (row,) = rows(read_all(printed(*START[:2], wide)))

    assert row.tokens.input == 30


def test_the_greatest_result_of_a_session_counts() -> None:
    """A result tells all of the session, also what was spent before it was resumed."""
    resumed = printed(
        said("m3", usage(11, 1, read=800)),
        result({SONNET: (41, 80, 400, 1_500)}),
        name="resumed",
    )
    right = Tokens(input=41, cache_read=1_500, cache_write_5m=400, output=80)

    for files in permutations([printed(*WHOLE), resumed]):
        assert read_all(*files).tokens() == right

    both = printed(*WHOLE, result({SONNET: (41, 80, 400, 1_500)}))
    assert read_all(both).tokens() == right


def test_a_model_that_the_result_calls_otherwise_counts_once() -> None:
    told = {f"{SONNET}-20250929": (30, 55, 400, 700)}

    assert read_all(printed(*START, result(told))).tokens() == TOKENS


def test_a_result_alone_is_what_was_spent() -> None:
    """As `--output-format json` prints it."""
    alone = printed(result({f"{SONNET}[1m]": (30, 55, 400, 700)}))

    assert read_all(alone).tokens() == TOKENS
    assert read_all(alone, transcript()).tokens() == TOKENS


def test_a_result_of_an_old_version_has_one_sum() -> None:
    whole = printed(*START, result(usage=usage(30, 55, write=400, read=700)))

    assert read_all(whole).tokens() == TOKENS


@pytest.mark.parametrize(
    "strange",
    [
        pytest.param({"modelUsage": [1]}, id="a list"),
        pytest.param({"modelUsage": {SONNET: 7}}, id="a number"),
        pytest.param({"modelUsage": {SONNET: {"inputTokens": -4}}}, id="negative"),
        pytest.param({"usage": "much"}, id="a word"),
    ],
)
def test_a_strange_result_leaves_what_the_messages_told(strange: Any) -> None:
    last = line(type="result", session_id=SESSION, **strange)

    assert read_all(printed(*START, last)).tokens().output == 3


def test_a_restart_in_the_middle_changes_nothing() -> None:
    file = printed(*WHOLE)
    for at in range(1, len(WHOLE)):
        books = Books()
        books.read(file, at)
        books.flush()
        books.restart()
        books.read(file)
        books.flush()

        assert books.tokens() == TOKENS, at


def part(kind: str, **event: Any) -> bytes:
    fields = {"type": kind, **event}
    return line(type="stream_event", session_id=SESSION, event=fields)


STREAMED = (
    part(
        "message_start",
        message={"id": "m1", "model": SONNET, "usage": usage(20, 2, write=400)},
    ),
    part("message_delta", usage=usage(20, 40, write=400)),
    part(
        "message_start",
        message={"id": "m2", "model": SONNET, "usage": usage(10, 1, read=700)},
    ),
    part("message_delta", usage=usage(10, 15, read=700)),
)


@pytest.mark.parametrize("lines", [START, WHOLE, STREAMED])
@pytest.mark.parametrize("is_restarted", [False, True])
def test_sessions_that_are_printed_into_one_pipe_at_a_time_count_each(
    lines: tuple[bytes, ...], is_restarted: bool
) -> None:
    """As of several processes whose standard output is one pipe, killed or not."""
    others = [
        each.replace(SESSION.encode(), b"another")
        .replace(b'"m1"', b'"n1"')
        .replace(b'"m2"', b'"n2"')
        for each in lines
    ]
    mixed = printed(
        *(each for both in zip(lines, others, strict=True) for each in both)
    )
    alone = read_all(printed(*lines)).tokens()
    books = Books()
    for _ in mixed.lines:
        books.read(mixed, 1)
        if is_restarted:
            books.flush()
            books.restart()

    assert books.tokens() == alone + alone


def test_many_sessions_that_are_printed_into_one_pipe_take_little_memory() -> None:
    reader = fresh_reader("claude", printed().origin)
    for number in range(500):
        for each in START:
            text = each.replace(SESSION.encode(), f"session-{number}".encode())
            reader.read(text, offset=0)

    assert len(reader.memory()) < 8_000
