"""Which calls of tools are one: their ids are the provider's, and come again elsewhere."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jarvisd.core.feature import SessionKey
from jarvisd.core.origin import SessionId
from jarvisd.ledger import fold
from jarvisd.ledger.model import CallRow
from jarvisd.ledger.session_totals import Session, restored
from tests.ledger import test_ledger_codex as codex
from tests.ledger.books import Block, Books, block, line, read_all, take_steps
from tests.ledger.test_ledger_claude import call, reply, result

CALLS = ("call_0", "call_1", "call_2")


def history(session: str, *, second: float = 0) -> list[bytes]:
    """Return three responses that call a tool each, by ids that begin with each session."""
    lines = []
    for number, call_id in enumerate(CALLS):
        at = second + 10 * number
        lines += [
            reply(f"m-{session}-{number}", second=at, blocks=[call(call_id)], out=1),
            result(call_id, second=at + 1, error=number == 1),
        ]

    return lines


def copied(text: bytes, session: str) -> bytes:
    """Return a line as /branch copies it out of *session*."""
    return line(**json.loads(text), forkedFrom={"sessionId": session})


def tools(books: Books) -> dict[str, tuple[int, int]]:
    """Return how many calls each session has, and how many of them failed."""
    return {
        each.session_id: (each.tool_calls, each.tool_errors)
        for each in books.ledger.sessions()
    }


def stored(books: Books) -> dict[SessionKey, Session]:
    """Return the sessions as they are stored, whatever the order of what is in them."""
    return {key: restored(row) for key, row in books.store.sessions.items()}


def test_calls_of_three_sessions_with_the_same_ids_are_nine() -> None:
    files = [
        block(history(name, second=at), session=name)
        for name, at in (("a", 0), ("b", 100), ("c", 200))
    ]

    assert tools(read_all(*files)) == dict.fromkeys("abc", (3, 1))


def test_calls_with_one_id_in_one_session_are_told_apart_by_their_responses() -> None:
    lines = [
        reply("m1", blocks=[call("t")], out=1),
        result("t", second=2),
        reply("m2", second=3, blocks=[call("t")], out=1),
        result("t", second=9, error=True),
    ]
    books = read_all(block(lines))

    rows = [row for row in books.store.rows.values() if isinstance(row, CallRow)]
    assert tools(books) == {"s1": (2, 1)}
    assert sorted(row.duration_ms or 0 for row in rows) == [1_000, 6_000]


def test_a_result_that_is_written_twice_is_of_the_same_call() -> None:
    lines = [reply("m1", blocks=[call("t")], out=1), *[result("t", error=True)] * 2]
    books = read_all(block(lines))

    rows = [row for row in books.store.rows.values() if isinstance(row, CallRow)]
    assert (tools(books), len(rows)) == ({"s1": (1, 1)}, 1)


def test_a_call_without_an_id_of_its_message_is_known_by_its_line_in_a_fork() -> None:
    said = reply(None, key="u1", blocks=[call("t")], out=1)
    copy = line(
        **json.loads(said) | {"uuid": "u2"},
        forkedFrom={"sessionId": "a", "messageUuid": "u1"},
    )

    books = read_all(block([said], session="a"), block([copy], session="b"))

    assert tools(books) == {"a": (1, 0), "b": (0, 0)}


def test_calls_of_two_codex_threads_with_the_same_ids_are_two() -> None:
    def rollout(thread: str) -> Block:
        called = codex.envelope("response_item", **CODEX_CALL)
        return codex.rollout(codex.meta(thread), called, thread=thread)

    books = read_all(rollout(codex.PARENT), rollout(codex.CHILD))

    assert tools(books) == {codex.PARENT: (1, 0), codex.CHILD: (1, 0)}


CODEX_CALL: dict[str, Any] = {
    "type": "function_call",
    "call_id": "call_0",
    "name": "shell",
}

FILES = (
    block(history("a"), session="a"),
    block(
        [
            *(copied(each, "a") for each in history("a")),
            *history("b", second=100),
        ],
        session="b",
    ),
    block(history("c", second=50), session="c"),
    # As `--fork-session` copies in a terminal: nothing tells that it is a copy.
    block([*history("a"), *history("d", second=300)], session="d"),
    block(history("e", second=60), session="a/agent-1", parent="a"),
)
EXPECTED = read_all(*FILES)

steps = st.lists(
    st.tuples(
        st.sampled_from(["read", "read", "flush", "hurry", "fail", "restart", "look"]),
        st.sampled_from(range(len(FILES))),
        st.integers(1, 3),
    ),
    max_size=40,
)


def test_copies_in_forks_count_once() -> None:
    assert tools(EXPECTED) == {
        "a": (3, 1),
        "b": (3, 1),
        "c": (3, 1),
        "d": (3, 1),
        "a/agent-1": (3, 1),
    }


@given(
    order=st.permutations(FILES), steps=steps, window=st.sampled_from([0, 1, 2, 4_096])
)
@settings(max_examples=100, deadline=None)
def test_calls_are_the_same_in_any_order_and_any_pieces(
    order: list[Block], steps: list[tuple[str, int, int]], window: int
) -> None:
    books = Books(window=window)
    take_steps(books, FILES, steps)
    for file in order:
        books.read(file)

    books.flush()

    assert books.store.rows == EXPECTED.store.rows
    assert stored(books) == stored(EXPECTED)


def read_before(patch: pytest.MonkeyPatch, *files: Block) -> Books:
    """Return books in which a parser read *files* that knew a call by its id alone."""
    with patch.context() as before:
        before.setattr(
            fold,
            "_call_name",
            lambda line, call_id, _: (line.agent, call_id or line.name),
        )
        return read_all(*files)


def read_again(books: Books, *files: Block) -> None:
    """Read *files* from their starts with today's parser, as far as they are there."""
    books.begin_anew(version=2)
    for file in files:
        books.read(file)
        session_id = file.origin.session_id
        assert session_id is not None
        books.ledger.replace_older(file.origin.agent, session_id, 2)
        books.flush()


def test_calls_that_were_read_before_are_counted_anew_without_a_moment_of_both(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = FILES[:3]
    books = read_before(monkeypatch, *files)
    assert tools(books) == {"a": (3, 1), "b": (0, 0), "c": (0, 0)}

    read_again(books, *files)

    assert tools(books) == {"a": (3, 1), "b": (3, 1), "c": (3, 1)}
    assert len(books.store.rows) == len(read_all(*files).store.rows)


def test_a_call_is_never_counted_under_both_of_its_keys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = FILES[0]
    books = read_before(monkeypatch, file)
    books.begin_anew(version=2)
    for _ in file.lines:
        books.read(file, 1)
        assert books.session("a").tool_calls == 3
        books.flush()
        assert books.session("a").tool_calls == 3
        assert stored(books)["claude", SessionId("a")].tool_calls == 3


def test_copies_of_calls_whose_log_is_gone_count_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    books = read_before(monkeypatch, FILES[0], FILES[1])

    read_again(books, FILES[1])

    assert sum(count for count, _ in tools(books).values()) == 6


def test_calls_whose_log_is_gone_stay_when_others_had_their_ids(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    books = read_before(monkeypatch, FILES[0], FILES[2])

    read_again(books, FILES[2])

    assert tools(books) == {"a": (3, 1), "c": (3, 1)}
