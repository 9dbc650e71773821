"""On which branch, for which account and on which plan things were done."""

import json
from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from jarvisd.core.origin import SessionId
from jarvisd.ledger.explain import Explainer
from jarvisd.ledger.model import CallRow, Mark, MarkRow, ResponseRow
from tests.agents.found import fresh_reader
from tests.ledger import test_ledger_codex as codex
from tests.ledger.books import Block, Books, block, line, read_all, take_steps
from tests.ledger.test_ledger_claude import call, prompt, reply, result

HOME, WORK = "/home/u/.claude", "/home/u/.claude-work"


def on(branch: str, text: bytes, **more: object) -> bytes:
    """Return a line as Claude Code writes it while *branch* is checked out."""
    return line(**json.loads(text) | {"gitBranch": branch} | more)


def of_home(home: str, session: str, *lines: bytes) -> Block:
    path = f"{home}/projects/-home-u-shop/{session}.jsonl"
    return block(lines, session=session, path=path)


def spent(books: Books) -> Counter[tuple[str | None, bool]]:
    """Return the tokens by branch, and whether an account is known."""
    found: Counter[tuple[str | None, bool]] = Counter()
    for cell in books.ledger.rollup.cells():
        found[cell.branch, cell.account is not None] += cell.tokens.total

    return found


def test_a_cell_is_of_one_branch() -> None:
    books = read_all(
        block(
            [
                on("main", prompt()),
                on("main", reply("m1", inp=5)),
                on("cart", reply("m2", inp=7)),
                on("", reply("m3", inp=9)),
            ]
        )
    )

    assert spent(books) == {("main", False): 5, ("cart", False): 7, (None, False): 9}
    assert books.session().tokens.input == 21


def test_a_response_is_of_the_branch_on_which_it_began() -> None:
    copies = [
        on("cart", reply("m1", second=9, inp=5, out=8, read=0)),
        on("main", reply("m1", second=1, inp=5, out=1, read=0)),
    ]

    assert spent(read_all(block(copies))) == {("main", False): 13}
    assert spent(read_all(block(copies[::-1]))) == {("main", False): 13}


def test_calls_and_marks_have_the_branch_of_their_lines_and_calls_their_response() -> (
    None
):
    books = read_all(
        block(
            [
                on("main", prompt()),
                on("cart", reply("m1", blocks=[call("t1")])),
                on("main", result("t1")),
            ]
        )
    )

    rows = books.store.rows.values()
    (said,) = (each for each in rows if isinstance(each, ResponseRow))
    (called,) = (each for each in rows if isinstance(each, CallRow))
    (asked,) = (each for each in rows if isinstance(each, MarkRow))
    assert (called.branch, asked.branch) == ("cart", "main")
    assert called.response == said.key


def test_each_configuration_folder_is_an_account() -> None:
    books = read_all(
        of_home(HOME, "s1", reply("m1", inp=1)),
        of_home(HOME, "s2", reply("m2", inp=1)),
        of_home(WORK, "s3", reply("m3", inp=1)),
        block([reply("m4", inp=1)], session="s4"),  # through a pipe
    )

    accounts = {
        str(each.session_id): each.account for each in books.ledger.rollup.cells()
    }
    assert accounts["s1"] == accounts["s2"] not in {None, accounts["s3"]}
    assert accounts["s3"] is not None
    assert accounts["s4"] is None
    assert not any("home" in (each or "") for each in accounts.values())


def test_a_copied_configuration_folder_counts_nothing_twice() -> None:
    files = [of_home(home, "s1", reply("m1", inp=5)) for home in (HOME, WORK)]
    files[1] = Block(
        block([], session="s1", name="copy", path=files[1].origin.path).origin,
        files[1].lines,
    )

    assert spent(read_all(*files)) == {(None, True): 5}
    assert read_all(*files).store.cells == read_all(*files[::-1]).store.cells


def test_a_codex_thread_has_the_branch_that_its_rollout_begins_with() -> None:
    books = read_all(
        codex.rollout(
            codex.meta(
                codex.CHILD, forked_from_id=codex.PARENT, git={"branch": "cart"}
            ),
            codex.meta(codex.PARENT, git={"branch": "main"}),
            codex.turn(codex.OWN_TURN, model="gpt-5.5"),
            codex.record("r1", 11),
            thread=codex.CHILD,
        )
    )

    assert spent(books) == {("cart", False): 11}


def limits(plan: str) -> bytes:
    told: dict[str, Any] = {
        "type": "token_count",
        "rate_limits": {"plan_type": plan, "primary": {"used_percent": 5}},
    }
    return codex.envelope("event_msg", **told)


def test_a_change_of_plan_is_a_mark() -> None:
    file = codex.rollout(
        codex.meta(), limits("plus"), limits("plus"), limits("pro"), limits("pro")
    )
    books = read_all(file)

    plans = [
        row.name
        for row in books.store.rows.values()
        if isinstance(row, MarkRow) and row.mark is Mark.PLAN
    ]
    assert sorted(filter(None, plans)) == ["plus", "pro"]

    explainer = Explainer("codex", SessionId(codex.THREAD))
    explainer.begin(file.origin)
    record = fresh_reader("codex", file.origin).read(limits("plus"), offset=0)
    assert record is not None
    assert explainer.explain(record).word != "counted"


def test_what_a_line_says_that_it_cost_is_kept_beside_what_we_count() -> None:
    lines = [on("main", reply("m1", inp=5), costUSD=cost) for cost in (0.01, 0.0125)]
    books = read_all(block(lines))

    (row,) = books.store.rows.values()
    assert isinstance(row, ResponseRow)
    assert row.stated_micros == 12_500
    assert books.session().cost_micros == 5  # at the price of the test


def history(branch: str) -> list[bytes]:
    return [
        on(branch, reply("m1", second=1, inp=5, out=1, read=0, blocks=[call("t1")])),
        on(branch, result("t1", second=2)),
        on("cart", reply("m1", second=3, inp=5, out=9, read=0)),
        on("cart", reply("m2", second=4, inp=2, out=1, read=0)),
    ]


FILES = (
    of_home(HOME, "a", *history("main")),
    of_home(
        WORK,
        "b",
        *(on("x", each, forkedFrom={"sessionId": "a"}) for each in history("main")),
        on("x", reply("m3", second=9, inp=1, out=1, read=0)),
    ),
    of_home(HOME, "c", *history("main"), on("y", reply("m4", second=9, inp=1))),
)
EXPECTED = read_all(*FILES)

steps = st.lists(
    st.tuples(
        st.sampled_from(["read", "read", "flush", "hurry", "fail", "restart"]),
        st.sampled_from(range(len(FILES))),
        st.integers(1, 3),
    ),
    max_size=30,
)


@given(order=st.permutations(FILES), steps=steps, window=st.sampled_from([0, 1, 4_096]))
@settings(max_examples=60, deadline=None)
def test_cells_are_the_same_in_any_order_and_any_pieces(
    order: list[Block], steps: list[tuple[str, int, int]], window: int
) -> None:
    books = Books(window=window)
    take_steps(books, FILES, steps)
    for file in order:
        books.read(file)

    books.flush()

    assert books.store.rows == EXPECTED.store.rows
    assert books.store.cells == EXPECTED.store.cells
    assert spent(books) == spent(EXPECTED)
