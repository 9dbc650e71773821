"""Whose the shared part is, of sessions that hold it line for line from the first."""

from collections.abc import Callable
from itertools import permutations
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jarvisd.ledger.session_totals import Session
from tests.ledger import test_ledger_claude as claude
from tests.ledger.books import Block, Books, block, read_all, take_steps
from tests.ledger.test_ledger_properties import assert_same, finished

Line = dict[str, Any]
Copy = Callable[[Line, str, str], Line]
"""(line, original session, new session) -> the line in the new session's file."""

ORIGINAL = "m-original"
EARLIER, LATER = "a-fork", "z-fork"
"""Ids on either side of the original's: neither is to matter."""


def of(session: str, *lines: bytes) -> list[Line]:
    """Return *lines* as *session* writes them."""
    return [
        {"uuid": f"{session}-{number}", **msgspec.json.decode(text)}
        | {"sessionId": session}
        for number, text in enumerate(lines)
    ]


def branched(each: Line, original: str, session: str) -> Line:
    """Return a line as /branch copies it: under its own id, with its origin."""
    origin = {"sessionId": original, "messageUuid": each["uuid"]}
    return each | {"sessionId": session, "forkedFrom": origin}


def forked(each: Line, original: str, session: str) -> Line:
    """Return a line as a program's fork copies it: under a new id, with its origin."""
    return branched(each, original, session) | {"uuid": f"{session}:{each['uuid']}"}


def resumed(each: Line, original: str, session: str) -> Line:
    """Return a line as old versions copied it into a resumed session: unchanged."""
    del original, session
    return each


def backgrounded(each: Line, original: str, session: str) -> Line:
    """Return a line as a session in the background copies it: stamped, as are all."""
    del original
    return each | {"sessionId": session, "sessionKind": "bg"}


def verbatim(each: Line, original: str, session: str) -> Line:
    """Return a line as --fork-session copies it: nothing says where it is from."""
    del original
    return each | {"sessionId": session}


TOLD = [
    pytest.param(each, id=each.__name__)
    for each in (branched, forked, resumed, backgrounded)
]

SHARED = of(
    ORIGINAL,
    claude.prompt(second=0, key="p1"),
    claude.reply("m1", second=1, inp=5, out=1, read=10),
    claude.reply("m1", second=2, inp=5, out=90, read=10, blocks=[claude.call("t1")]),
    claude.result("t1", second=3, error=True),
    claude.reply("m2", second=4, inp=9, out=3, read=0),
)
WENT_ON = of(
    ORIGINAL,
    claude.prompt(second=50, key="p2"),
    claude.reply("m3", second=51, inp=1, out=1_000, read=0),
)


def file_of(session: str, lines: list[Line]) -> Block:
    return block(map(msgspec.json.encode, lines), session=session)


def copied(copy: Copy, lines: list[Line], session: str, source: str) -> list[Line]:
    return [copy(each, source, session) for each in lines]


def own(session: str, second: float) -> list[Line]:
    return of(
        session,
        claude.prompt(second=second, key=f"p-{session}"),
        claude.reply(f"m-{session}", second=second + 1, inp=2, out=20_000, read=0),
    )


def family(copy: Copy) -> tuple[Block, ...]:
    """Return a session and forks of it, one of which was forked again."""
    first = copied(copy, SHARED, EARLIER, ORIGINAL) + own(EARLIER, 30)
    second = copied(copy, SHARED, LATER, ORIGINAL) + own(LATER, 40)
    third = copied(copy, second, "b-fork", LATER) + own("b-fork", 60)
    return (
        file_of(ORIGINAL, SHARED + WENT_ON),
        file_of(EARLIER, first),
        file_of(LATER, second),
        file_of("b-fork", third),
    )


def told_of(session: Session) -> tuple[int, int, int, int]:
    return session.tokens.output, session.messages, session.prompts, session.tool_errors


@pytest.mark.parametrize("copy", TOLD)
def test_what_sessions_share_is_the_originals(copy: Copy) -> None:
    for files in permutations(family(copy)[:3]):
        books = read_all(*files)

        assert told_of(books.session(ORIGINAL)) == (1_093, 3, 2, 1)
        assert told_of(books.session(EARLIER)) == (20_000, 1, 1, 0)
        assert told_of(books.session(LATER)) == (20_000, 1, 1, 0)


@pytest.mark.parametrize("copy", TOLD)
def test_a_fork_of_a_fork_has_what_is_its_own(copy: Copy) -> None:
    books = read_all(*reversed(family(copy)))

    outputs = [each.tokens.output for each in books.ledger.sessions()]
    assert sorted(outputs) == [1_093, 20_000, 20_000, 20_000]


@pytest.mark.parametrize("copy", TOLD)
def test_forks_whose_original_is_gone_count_what_they_share_once(copy: Copy) -> None:
    _, *forks, _ = family(copy)
    books = [read_all(*files) for files in permutations(forks)]

    assert books[0].tokens().output == 40_093
    assert_same(books[0], books[1])


@pytest.mark.parametrize("fork", [EARLIER, LATER])
def test_lines_that_a_branch_writes_twice_are_copies_both_times(fork: str) -> None:
    marked = copied(branched, SHARED, fork, ORIGINAL)
    again = copied(verbatim, SHARED, fork, ORIGINAL)
    pairs = [each for both in zip(marked, again, strict=True) for each in both]
    for lines in (marked + again, pairs):
        files = file_of(ORIGINAL, SHARED), file_of(fork, lines + own(fork, 30))
        for order in permutations(files):
            books = read_all(*order)

            assert told_of(books.session(ORIGINAL)) == (93, 2, 1, 1)
            assert told_of(books.session(fork)) == (20_000, 1, 1, 0)


def test_a_session_in_the_background_has_what_is_its_own() -> None:
    """As recorded: of a branch, with what that was branched from, all lines stamped."""
    branch = copied(branched, SHARED, LATER, ORIGINAL) + own(LATER, 40)
    behind = copied(backgrounded, [*branch, *own(EARLIER, 60)], EARLIER, LATER)
    files = file_of(ORIGINAL, SHARED), file_of(LATER, branch), file_of(EARLIER, behind)
    for order in permutations(files):
        books = read_all(*order)

        assert told_of(books.session(ORIGINAL)) == (93, 2, 1, 1)
        assert told_of(books.session(LATER)) == (20_000, 1, 1, 0)
        assert told_of(books.session(EARLIER)) == (20_000, 1, 1, 0)


def test_without_a_word_of_it_the_lesser_id_owns_what_forks_share() -> None:
    files = family(verbatim)[:3]
    for order in permutations(files):
        books = read_all(*order)

        assert told_of(books.session(ORIGINAL)) == (1_000, 1, 1, 0)
        assert told_of(books.session(EARLIER)) == (20_093, 3, 2, 1)


def test_a_line_that_names_another_session_still_counts_if_it_is_alone() -> None:
    books = read_all(file_of("s1", SHARED))

    assert told_of(books.session()) == (93, 2, 1, 1)


steps = st.lists(
    st.tuples(
        st.sampled_from(["read", "read", "read", "flush", "restart"]),
        st.integers(0, 3),
        st.integers(1, 5),
    ),
    max_size=30,
)


@given(
    copy=st.sampled_from([branched, forked, resumed, backgrounded, verbatim]),
    steps=steps,
    order=st.permutations(range(4)),
    window=st.sampled_from([0, 1, 4_096]),
)
@settings(max_examples=150, deadline=None)
def test_whose_it_is_depends_on_no_order_and_no_restart(
    copy: Copy, steps: list[tuple[str, int, int]], order: list[int], window: int
) -> None:
    files = family(copy)
    books = Books(window=window)
    take_steps(books, files, steps)

    finished(books, [files[each] for each in order])
    assert_same(books, read_all(*files))
