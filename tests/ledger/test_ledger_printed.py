"""What `codex exec --json` prints, beside the rollout of the same thread or without it."""

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jarvisd.base.usage import Tokens
from jarvisd.ledger.session_totals import summed
from tests.ledger import test_ledger_codex as codex
from tests.ledger.books import Block, Books, block, line, read_all, take_steps
from tests.ledger.test_ledger_codex import THREAD, count, meta, record, rollout
from tests.ledger.test_ledger_properties import assert_same, finished

COUNTED = rollout(
    meta(source="exec"),
    codex.turn("a", model="gpt-5.5"),
    count(100, 100),
    count(250, 150),
)
RECORDED = rollout(
    meta(source="exec"),
    codex.turn("a", model="gpt-5.5"),
    record("r1", 100),
    count(100, 100),
    record("r2", 150),
    count(250, 150),
)


def started(thread: str = THREAD) -> bytes:
    return line(type="thread.started", thread_id=thread)


def completed(total: int) -> bytes:
    return line(type="turn.completed", usage=codex.usage(total))


def printed(*lines: bytes, name: str = "exec", session: str | None = None) -> Block:
    return block(lines, agent="codex", session=session, name=name)


EXEC = printed(started(), line(type="turn.started"), completed(250))


@pytest.mark.parametrize(
    "written",
    [pytest.param(COUNTED, id="totals"), pytest.param(RECORDED, id="records")],
)
def test_a_thread_that_is_printed_and_written_counts_once(written: Block) -> None:
    alone = read_all(written)
    for files in permutations([written, EXEC]):
        books = read_all(*files)

        assert books.store.cells == alone.store.cells
        shown, expected = books.session(THREAD, "codex"), alone.session(THREAD, "codex")
        assert shown.row().tokens == expected.row().tokens == Tokens(input=250)
        assert (shown.messages, shown.unpriced) == (expected.messages, 0)
        assert summed(shown) == summed(expected)


@pytest.mark.parametrize("window", [0, 4_096])
def test_what_was_counted_as_printed_is_taken_away_by_a_rollout_found_later(
    window: int,
) -> None:
    books = Books(window=window)
    books.read(EXEC)
    books.flush()
    assert books.tokens() == Tokens(input=250)
    assert books.session(THREAD, "codex").messages == 1

    books.restart()
    books.read(RECORDED)
    books.flush()

    assert books.tokens() == Tokens(input=250)
    assert books.session(THREAD, "codex").messages == 2
    assert books.store.cells == read_all(RECORDED).store.cells
    open_segments = books.session(THREAD, "codex").open_segments
    (told,) = open_segments.close_newest(summed(books.session(THREAD, "codex")))
    assert (told.turns, told.tokens_in) == (2, 250)


def test_while_keys_are_unknown_the_store_settles_it() -> None:
    books = read_all(EXEC)
    books.restart()
    books.ledger.known.complete = False

    finished(books, [COUNTED])

    assert books.store.cells == read_all(COUNTED).store.cells


def test_a_thread_without_a_rollout_is_counted_as_printed() -> None:
    """CX-001."""
    books = read_all(EXEC)

    assert books.session(THREAD, "codex").tokens == Tokens(input=250)


def test_a_rollout_that_tells_no_usage_leaves_what_was_printed() -> None:
    books = read_all(EXEC, rollout(meta(source="exec"), codex.turn("a")))

    assert books.tokens() == Tokens(input=250)


def test_a_resumed_thread_prints_what_it_spent_in_all() -> None:
    """Its totals go on, whether it is printed into one stream or two."""
    again = printed(started(), completed(400), name="again")
    together = printed(started(), completed(250), started(), completed(400))

    assert read_all(EXEC, again).tokens() == Tokens(input=400)
    assert read_all(again, EXEC).tokens() == Tokens(input=400)
    assert read_all(together, EXEC).tokens() == Tokens(input=400)


def test_threads_that_are_printed_one_after_the_other_are_all_counted() -> None:
    stream = printed(
        *(started("t-a"), completed(100)),
        *(started("t-b"), completed(70)),
        *(started("t-a"), completed(130)),
    )
    written = rollout(meta("t-b"), record("r1", 70, thread="t-b"), thread="t-b")

    assert read_all(stream).tokens() == Tokens(input=200)
    for files in permutations([stream, written]):
        books = read_all(*files)
        assert books.session("t-a", "codex").tokens == Tokens(input=130)
        assert books.session("t-b", "codex").tokens == Tokens(input=70)


FILES = (
    EXEC,
    RECORDED,
    printed(started(), completed(400), started("t-b"), completed(30), name="again"),
    rollout(meta("t-b"), count(10, 10), count(30, 20), thread="t-b"),
    printed(started("t-c"), completed(9), completed(12), name="ephemeral"),
)
steps = st.lists(
    st.tuples(
        st.sampled_from(["read", "read", "read", "flush", "fail", "restart"]),
        st.sampled_from(range(len(FILES))),
        st.integers(1, 4),
    ),
    max_size=40,
)


@given(
    steps=steps,
    order=st.permutations(FILES),
    window=st.sampled_from([0, 1, 4_096]),
)
@settings(max_examples=150, deadline=None)
def test_it_is_the_same_in_any_order_and_over_restarts(
    steps: list[tuple[str, int, int]], order: list[Block], window: int
) -> None:
    books = Books(window=window)
    take_steps(books, FILES, steps)

    finished(books, order)
    assert_same(books, read_all(*FILES))
    assert books.tokens() == Tokens(input=250 + 30 + 12)
