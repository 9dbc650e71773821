"""Accounts do not depend on the order, the splits, the crashes or the repeats."""

import json
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from jarvisd.base.usage import Tokens, Variant
from jarvisd.core.event import Outcome
from jarvisd.core.origin import SessionId
from jarvisd.ledger.ledger_stream import LedgerStream
from jarvisd.ledger.merge import merged
from jarvisd.ledger.model import NO_INPUT, VOID_RANK, CallRow, ResponseRow, row_version
from jarvisd.ledger.row_cache import KeySet, key_of
from jarvisd.ledger.session_totals import Spans
from tests.ledger import test_ledger_claude as claude
from tests.ledger import test_ledger_codex as codex
from tests.ledger.books import Block, Books, block, line, read_all, take_steps

HISTORY = (
    claude.prompt(second=0, cwd="/a"),
    claude.reply("m1", second=1, inp=5, out=1, read=10, flat=7),
    claude.reply(
        "m1", second=2, inp=5, out=90, read=10, flat=7, blocks=[claude.call("t1")]
    ),
    claude.result("t1", second=3, error=True),
    claude.reply("m2", second=4, inp=9, out=3, read=0, split=claude.split(4, 5)),
)
CODEX_HISTORY = (
    codex.turn(codex.OLD_TURN, model="gpt-5.5"),
    codex.count(100, 100),
    codex.count(100, 100),
    codex.count(250, 150),
)


def branched(text: bytes) -> bytes:
    """Return a line as /branch copies it from the first file."""
    return line(**json.loads(text), forkedFrom={"sessionId": "z-main"})


FILES = (
    block(
        [
            *HISTORY,
            claude.prompt("<command-name>/x</command-name>", key="p2", second=9),
        ],
        session="z-main",
    ),
    block(
        [
            line(type="mode", mode="normal"),
            line(type="queue-operation", timestamp=claude.stamp(20)),
            *HISTORY,
            claude.prompt(second=21, key="p3", cwd="/b"),
            claude.reply("m3", second=22, inp=1, out=2, read=0),
        ],
        session="a-fork",
    ),
    block(
        [
            claude.reply("m2", second=4, inp=9, out=8, read=0),
            claude.reply("m4", second=700, inp=2, out=6, model="claude-haiku-4-5"),
        ],
        session="z-main/agent-a7",
        parent="z-main",
    ),
    codex.rollout(codex.meta(codex.PARENT), *CODEX_HISTORY, thread=codex.PARENT),
    codex.rollout(
        codex.meta(codex.CHILD, forked_from_id=codex.PARENT),
        codex.meta(codex.PARENT),
        *CODEX_HISTORY,
        codex.turn(codex.OWN_TURN),
        codex.count(250, 150),
        codex.count(300, 50),
        codex.record("r1", 11),
        thread=codex.CHILD,
    ),
    block(
        [
            *map(branched, HISTORY),
            claude.prompt(second=31, key="p4"),
            claude.reply("m5", second=32, inp=1, out=2, read=0),
        ],
        session="b-branch",
    ),
)
EXPECTED = read_all(*FILES)

steps = st.lists(
    st.tuples(
        st.sampled_from(
            ["read", "read", "read", "flush", "hurry", "fail", "restart", "look"]
        ),
        st.sampled_from(range(len(FILES))),
        st.integers(1, 4),
    ),
    max_size=40,
)


def finished(books: Books, order: Sequence[Block]) -> Books:
    for file in order:
        books.read(file)

    books.flush()
    return books


def assert_same(books: Books, expected: Books = EXPECTED) -> None:
    assert books.store.rows == expected.store.rows
    assert books.store.sessions == expected.store.sessions
    assert books.store.cells == expected.store.cells


@given(order=st.permutations(FILES))
@settings(max_examples=30, deadline=None)
def test_files_may_be_read_in_any_order(order: list[Block]) -> None:
    assert_same(finished(Books(), order))


@given(steps=steps, window=st.sampled_from([0, 1, 2, 4_096]))
@settings(max_examples=120, deadline=None)
def test_reading_may_stop_fail_and_start_again_anywhere(
    steps: list[tuple[str, int, int]], window: int
) -> None:
    books = Books(window=window)
    take_steps(books, FILES, steps)

    assert_same(finished(books, FILES))


@given(steps=steps)
@settings(max_examples=30, deadline=None)
def test_what_is_shown_before_a_flush_is_what_is_stored_by_it(
    steps: list[tuple[str, int, int]],
) -> None:
    """As long as nothing is contested, which only the store can settle."""
    books = Books()
    for step, file, lines in steps:
        if step == "read":
            books.read(FILES[file], lines)
        elif step == "flush":
            books.flush()

        shown = {
            (each.agent, each.session_id): each.row()
            for each in books.ledger.sessions()
        }
        books.flush()
        assert shown == books.store.sessions


@pytest.mark.parametrize("cut", range(len(FILES[4].lines) + 1))
def test_a_rollout_may_be_cut_behind_any_line(cut: int) -> None:
    """CX-038."""
    books = Books(window=0)
    books.read(FILES[4], cut)
    books.flush()
    books.restart()

    assert_same(finished(books, FILES[4:5]), read_all(FILES[4]))


def test_a_file_may_be_read_again_from_its_start() -> None:
    again = Block(FILES[0].origin, FILES[0].lines * 2)
    books = read_all(again, *FILES[1:])

    assert books.store.rows.keys() == EXPECTED.store.rows.keys()
    assert books.tokens() == EXPECTED.tokens()


def test_keys_that_are_still_unknown_are_settled_by_the_store() -> None:
    books = read_all(*FILES[:2])
    books.restart()
    books.ledger.known = KeySet()
    books.ledger = type(books.ledger)(books.store.price)
    books.ledger.restore([row.state for row in books.store.sessions.values()])
    books.ledger.known.complete = False

    finished(books, FILES[2:])

    assert_same(books)


def test_a_lane_that_cannot_be_read_starts_afresh() -> None:
    origin = FILES[0].origin

    assert (
        LedgerStream.open(origin, b"\xff\x00").encode()
        == LedgerStream.open(origin).encode()
    )


numbers = st.integers(0, 3)
names = st.sampled_from([None, "m", "n"])
responses = st.builds(
    ResponseRow,
    key=st.just(1),
    agent=st.just("claude"),
    session_id=st.sampled_from([SessionId("a"), SessionId("b")]),
    rank=st.integers(0, 1),
    start_ms=numbers,
    branch=names,
    account=names,
    stated_micros=st.none() | numbers,
    at_ms=st.none() | numbers,
    model=st.sampled_from([None, "x", "y"]),
    model_ms=numbers,
    variant=st.builds(
        Variant,
        st.sampled_from(["standard", "fast"]),
        st.sampled_from(["standard", "batch"]),
        st.booleans(),
    ),
    input_cached=st.integers(NO_INPUT, 2),
    input_bare=st.integers(NO_INPUT, 2),
    cache_write_flat=numbers,
    counts=st.builds(Tokens, st.just(0), *[numbers] * 5),
    web_searches=numbers,
)
voids = st.builds(
    ResponseRow,
    key=st.just(1),
    agent=st.just("codex"),
    session_id=st.sampled_from([SessionId("a"), SessionId("b")]),
    rank=st.just(VOID_RANK),
    start_ms=numbers,
)
calls = st.builds(
    CallRow,
    key=st.just(1),
    agent=st.just("claude"),
    session_id=st.sampled_from([SessionId("a"), SessionId("b")]),
    rank=st.integers(0, 1),
    start_ms=numbers,
    branch=names,
    account=names,
    response=st.none() | st.integers(1, 3),
    tool=st.sampled_from([None, "Bash", "Skill"]),
    skill=st.sampled_from([None, "s"]),
    called_ms=st.none() | numbers,
    returned_ms=st.none() | numbers,
    measured_ms=st.none() | numbers,
    outcome=st.sampled_from([None, *Outcome]),
)


@given(
    rows=st.lists(responses | voids, min_size=3, max_size=3)
    | st.lists(calls, min_size=3, max_size=3)
)
@settings(max_examples=300, deadline=None)
def test_merging_knows_no_order_and_no_repeats(
    rows: list[ResponseRow] | list[CallRow],
) -> None:
    one, two, three = rows

    # Two rows of one owner and one time may differ only in what merging compares.
    assert merged(one, one) == one
    assert merged(merged(one, two), three) == merged(one, merged(two, three))
    assert merged(merged(one, two), two) == merged(one, two)
    assert merged(one, two) == merged(two, one)


@given(old=responses | voids, new=responses, copy=responses)
@settings(max_examples=300, deadline=None)
def test_what_a_file_says_since_it_was_edited_replaces_what_its_session_said(
    old: ResponseRow, new: ResponseRow, copy: ResponseRow
) -> None:
    old, new, copy = (
        replace(row, version=row_version(3, generation))
        for row, generation in ((old, 0), (new, 1), (copy, 1))
    )
    if old.rank == VOID_RANK:
        assert merged(old, new).rank == VOID_RANK
    elif old.session_id == new.session_id:
        assert merged(old, new) == merged(new, old) == new
        if copy.session_id == new.session_id:
            assert merged(merged(new, old), copy) == merged(new, copy)
    else:
        assert merged(old, new).tokens.output == max(
            old.tokens.output, new.tokens.output
        )


def test_a_result_read_since_an_edit_is_that_of_its_call() -> None:
    call = CallRow(
        key=1,
        agent="claude",
        session_id=SessionId("a"),
        rank=0,
        start_ms=0,
        tool="Bash",
    )
    call = replace(call, version=row_version(1))
    result = replace(call, tool=None, outcome=Outcome.OK, version=row_version(1, 1))

    for row in (merged(call, result), merged(result, call)):
        assert (row.tool, row.outcome) == ("Bash", Outcome.OK)


@given(responses)
@settings(max_examples=200, deadline=None)
def test_buckets_are_never_negative(row: ResponseRow) -> None:
    tokens = row.tokens

    assert min(tokens.input, tokens.cache_write_5m, tokens.cache_write_1h) >= 0
    assert tokens.reasoning <= tokens.output
    if row.cache_write_flat and row.counts.cache_write_5m + row.counts.cache_write_1h:
        written = tokens.cache_write_5m + tokens.cache_write_1h
        assert written <= row.cache_write_flat


@given(st.lists(st.integers(0, 40), max_size=12))
@settings(max_examples=300, deadline=None)
def test_stretches_are_what_sorting_all_times_gives(minutes: list[int]) -> None:
    spans = Spans([])
    for each in minutes:
        spans.add(each * 60_000)

    times = sorted(each * 60_000 for each in minutes)
    gaps = [after - before for before, after in pairwise(times)]
    assert spans.active_ms == sum(gap for gap in gaps if gap <= 600_000)
    assert spans.edges == sorted(spans.edges)


@given(st.sets(st.integers(-(2**63), 2**63 - 1).filter(bool), max_size=200))
@settings(max_examples=50, deadline=None)
def test_a_key_set_is_a_set(keys: set[int]) -> None:
    known = KeySet(keys)

    assert len(known) == len(keys)
    assert all(key in known for key in keys)
    assert not any(known.add(key) for key in keys)


def test_two_hundred_thousand_keys_fit_into_thirty_megabytes() -> None:
    known = KeySet(
        key_of("claude", "response", str(number)) for number in range(20_000)
    )

    assert known.size_bytes <= 20_000 * 150
    assert key_of("claude", "response", "x") != key_of("codex", "response", "x")
    assert 7 not in known
