"""Codex's accounts, by the cases of its format (CX)."""

from typing import Any

import pytest

from jarvisd.base.usage import Tokens, Variant
from jarvisd.ledger.limit_samples import forecast
from jarvisd.ledger.model import VOID_RANK, ResponseRow
from tests.ledger.books import Block, Books, block, line, read_all

T0_MS = 1_795_228_000_000
THREAD = "t-own"


def uuid7(ms: int, tail: str = "000000000001") -> str:
    digits = f"{ms:012x}"
    return f"{digits[:8]}-{digits[8:]}-7000-8000-{tail}"


def envelope(
    kind: str, *, ms: int = T0_MS, ordinal: int | None = None, **payload: Any
) -> bytes:
    fields: dict[str, Any] = {"timestamp": ms, "type": kind, "payload": payload}
    if ordinal is not None:
        fields["ordinal"] = ordinal

    return line(**fields)


def meta(thread: str = THREAD, **payload: Any) -> bytes:
    return envelope("session_meta", id=thread, **payload)


def turn(turn_id: str | None = None, *, ms: int = T0_MS, **payload: Any) -> bytes:
    return envelope("turn_context", ms=ms, turn_id=turn_id, **payload)


def task(turn_id: str | None, *, started_at: Any = None, ms: int = T0_MS) -> bytes:
    return envelope(
        "event_msg", ms=ms, type="task_started", turn_id=turn_id, started_at=started_at
    )


def usage(inp: int = 0, cached: int = 0, out: int = 0, **more: int) -> dict[str, int]:
    return {
        "input_tokens": inp,
        "cached_input_tokens": cached,
        "output_tokens": out,
        **more,
    }


def count(
    total: dict[str, int] | int | None,
    last: dict[str, int] | int | None = None,
    *,
    ms: int = T0_MS,
    ordinal: int | None = None,
) -> bytes:
    """Return a token_count; a plain number is so many tokens of input."""
    info = {
        "total_token_usage": usage(total) if isinstance(total, int) else total,
        "last_token_usage": usage(last) if isinstance(last, int) else last,
        "model_context_window": 258_400,
    }
    return envelope("event_msg", ms=ms, ordinal=ordinal, type="token_count", info=info)


def record(response: str, inp: int, *, thread: str = THREAD) -> bytes:
    return envelope(
        "token_usage_record", thread_id=thread, response_id=response, usage=usage(inp)
    )


def answer() -> bytes:
    """Return a part of what the model answered."""
    return envelope("response_item", type="reasoning", summary=[])


def rollout(*lines: bytes, thread: str = THREAD, name: str | None = None) -> Block:
    return block(lines, agent="codex", session=thread, name=name)


def spent(*lines: bytes) -> Tokens:
    return read_all(rollout(meta(), *lines)).tokens()


def responses(books: Books) -> list[ResponseRow]:
    """Return all but what says that the printed form of the same is void."""
    return [
        each
        for each in books.store.rows.values()
        if isinstance(each, ResponseRow) and each.rank != VOID_RANK
    ]


def inputs(books: Books) -> list[int]:
    return sorted(row.tokens.input for row in responses(books))


@pytest.mark.parametrize(
    ("lines", "tokens"),
    [
        pytest.param([count(100, 100)], 100, id="one"),
        pytest.param(
            [count(100, 100), count(100, 100)], 100, id="the same totals again"
        ),
        pytest.param(
            [count(100, 100), count(None, 10), count(110, 10)],
            110,
            id="CX-005 a total that is accounted for",
        ),
        pytest.param(
            [count(110, 110), count(109, 9), count(119, 10)],
            120,
            id="CX-007 a late report",
        ),
        pytest.param(
            [
                count(100, 100),
                count(110, 10),
                count(109, 9),
                count(118, 8),
                count(128, 10),
            ],
            128,
            id="CX-008 late reports",
        ),
        pytest.param(
            [count(5_000, usage(12, 2, 5))], 12, id="CX-010 resumed (10 + 2 cached)"
        ),
        pytest.param([count(5_000)], 5_000, id="CX-011 nothing better is known"),
        pytest.param([count(100, usage(-5))], 0, id="CX-013 negative"),
        pytest.param(
            [count(30_261, 30_261), count(30_261, usage(0, total_tokens=5_780))],
            30_261,
            id="CX-020 an estimate after a compaction",
        ),
        pytest.param(
            [count(100, 100), count(0, 0), count(150, 50)],
            150,
            id="all zero is nothing",
        ),
        pytest.param(
            [count(100_000, 100_000), count(300, 300), count(500, 200)],
            100_500,
            id="a real reset",
        ),
        pytest.param(
            [count(100_000, 100_000), count(300), count(500, 200)],
            100_200,
            id="a reset that says nothing of the last",
        ),
        pytest.param(
            [count(100, 100), count(160)], 160, id="no last, so the difference"
        ),
    ],
)
def test_running_totals_are_counted_once(lines: list[bytes], tokens: int) -> None:
    found = spent(*lines)

    assert found.input + found.cache_read == tokens


def test_a_reset_is_a_response_of_its_own() -> None:
    """CX-004."""
    small = usage(10, 2, 3)
    books = read_all(rollout(meta(), count(50_000, 50_000), count(small, small)))

    assert Tokens(8, 2, 0, 0, 3) in [row.tokens for row in responses(books)]


def test_an_estimate_is_the_context() -> None:
    """CX-020."""
    books = read_all(
        rollout(
            meta(),
            count(30_261, 30_261),
            count(30_261, usage(0, total_tokens=5_780), ms=T0_MS + 1),
        )
    )

    session = books.session(THREAD, "codex")
    assert session.context == (T0_MS + 1, 5_780)


def test_a_context_that_overflowed_is_full_and_totals_start_anew() -> None:
    books = read_all(
        rollout(
            meta(),
            count(20_000, 20_000),
            count(
                usage(0, total_tokens=258_400),
                usage(0, total_tokens=238_400),
                ms=T0_MS + 1,
            ),
            count(9_000, 9_000, ms=T0_MS + 2),
        )
    )
    full = read_all(
        rollout(
            meta(),
            count(20_000, 20_000),
            count(usage(0, total_tokens=258_400), usage(0, total_tokens=238_400)),
        )
    )

    assert books.tokens().input == 29_000
    assert books.session(THREAD, "codex").context == (T0_MS + 2, 9_000)
    assert full.session(THREAD, "codex").row().context_tokens == 258_400


def test_context_and_window_are_told() -> None:
    """CX-068."""
    session = read_all(rollout(meta(), count(151_839, 151_839))).session(
        THREAD, "codex"
    )

    row = session.row()
    assert (row.context_tokens, row.window_tokens) == (151_839, 258_400)


def test_records_of_responses_go_before_running_totals() -> None:
    """CX-035: an old part by totals, a new part by records, nothing twice."""
    books = read_all(
        rollout(
            meta(),
            count(100, 100),
            count(200, 100),
            record("r1", 70),
            count(270, 70),
            record("r2", 30),
            count(300, 30),
        )
    )

    assert inputs(books) == [30, 70, 100, 100]


def test_a_record_repeated_in_a_fork_is_one_response() -> None:
    """CX-034."""
    parent = rollout(meta(), record("r1", 70))
    child = rollout(
        meta("t-child", forked_from_id=THREAD), record("r1", 70), thread="t-child"
    )

    for files in ((parent, child), (child, parent)):
        assert read_all(*files).tokens() == Tokens(input=70)


def test_one_rollout_in_two_places_counts_once() -> None:
    """CX-052."""
    lines = (meta(), count(100, 100), count(250, 150))
    books = read_all(rollout(*lines, name="live"), rollout(*lines, name="archived"))

    assert books.tokens() == Tokens(input=250)


# Models and tiers


def models(books: Books) -> dict[str, int]:
    return books.session(THREAD, "codex").models


def variants(books: Books) -> list[str]:
    rows = responses(books)
    return [row.variant.tier for row in sorted(rows, key=lambda row: row.at_ms or 0)]


def test_a_report_before_the_first_model_gets_that_one() -> None:
    """CX-026."""
    books = read_all(rollout(meta(), count(100, 100), meta(), turn(model="gpt-5.5")))

    assert models(books) == {"gpt-5.5": 1}


@pytest.mark.parametrize(
    "between",
    [
        envelope("event_msg", type="user_message", message="Go"),
        envelope("response_item", type="message", role="developer", content=[]),
        envelope("world_state"),
    ],
)
def test_a_report_before_other_things_has_no_model(between: bytes) -> None:
    """CX-029: unknown, and therefore without a price."""
    books = read_all(rollout(meta(), count(100, 100), between, turn(model="gpt-5.5")))

    assert models(books) == {}
    assert books.session(THREAD, "codex").unpriced == 1


def test_the_tier_of_a_thread_sticks_until_it_is_taken_back() -> None:
    """CX-031."""

    def settings(ms: int, **given: Any) -> bytes:
        return envelope("event_msg", ms=ms, type="thread_settings_applied", **given)

    books = read_all(
        rollout(
            meta(),
            settings(T0_MS, thread_settings={"service_tier": "priority"}),
            count(100, 100, ms=T0_MS + 1),
            turn(),
            settings(T0_MS + 2),
            count(200, 100, ms=T0_MS + 2),
            settings(T0_MS + 3, thread_settings={"model": "m"}),
            count(300, 100, ms=T0_MS + 3),
        )
    )

    assert variants(books) == ["priority", "priority", "standard"]


def test_the_tier_of_a_turn_ends_with_it() -> None:
    """CX-032."""
    books = read_all(
        rollout(
            meta(),
            envelope(
                "event_msg",
                type="thread_settings_applied",
                thread_settings={"service_tier": "fast"},
            ),
            turn(service_tier="flex"),
            count(100, 100, ms=T0_MS + 1),
            turn(),
            count(200, 100, ms=T0_MS + 2),
        )
    )

    assert variants(books) == ["flex", "priority"]


def test_the_tier_of_one_response_is_its_own() -> None:
    fast = envelope(
        "token_usage_record",
        response_id="r1",
        usage={"input_tokens": 5, "service_tier": "priority"},
    )
    books = read_all(rollout(meta(), fast, record("r2", 5)))

    assert {row.variant for row in responses(books)} == {
        Variant(),
        Variant(tier="priority"),
    }


# Forks and subagents

PARENT, CHILD = uuid7(T0_MS), uuid7(T0_MS + 60_000)
OLD_TURN, OWN_TURN = uuid7(T0_MS + 10), uuid7(T0_MS + 60_010)


def parent_of(*counts: bytes) -> Block:
    return rollout(meta(PARENT), turn(OLD_TURN), *counts, thread=PARENT)


def test_a_fork_counts_what_is_its_own() -> None:
    """CX-049, real: with its parent or without it, in any order."""
    history = (count(30_279, 30_279), count(30_279, 30_279), count(60_561, 30_282))
    parent = parent_of(*history)
    child = rollout(
        meta(CHILD, forked_from_id=PARENT),
        meta(PARENT),
        turn(OLD_TURN),
        *history,
        turn(OWN_TURN),
        count(60_561, 30_282),
        count(90_861, 30_300),
        thread=CHILD,
    )

    for files in ((parent, child), (child, parent)):
        books = read_all(*files)
        assert books.session(PARENT, "codex").tokens.input == 60_561
        assert books.session(CHILD, "codex").tokens.input == 30_300

    assert read_all(child).tokens() == Tokens(input=30_300)


def test_a_rewind_is_a_fork() -> None:
    """CX-050, real."""
    history = (count(29_223, 29_223), count(58_464, 29_241))
    child = rollout(
        meta(CHILD, forked_from_id=PARENT),
        meta(PARENT),
        turn(OLD_TURN),
        *history,
        turn(OWN_TURN),
        count(87_723, 29_259),
        thread=CHILD,
    )

    books = read_all(child, parent_of(*history))
    assert books.session(PARENT, "codex").tokens.input == 58_464
    assert books.session(CHILD, "codex").tokens.input == 29_259


def test_a_huge_history_adds_nothing_to_a_child_that_starts_anew() -> None:
    """CX-041."""
    replay = usage(1_300_000_000, 1_200_000_000, 5)
    own = usage(1_500, 1_000, 200)
    child = rollout(
        meta(CHILD, parent_thread_id=PARENT),
        meta(PARENT),
        turn(OLD_TURN),
        count(replay, replay),
        task(OWN_TURN),
        turn(OWN_TURN),
        count(own, own),
        thread=CHILD,
    )

    assert read_all(child).tokens() == Tokens(500, 1_000, 0, 0, 200)


def test_without_ids_a_child_counts_what_goes_beyond_its_history() -> None:
    """CX-040."""
    later = T0_MS + 5_000
    child = rollout(
        meta("t-child", forked_from_id="t-parent"),
        meta("t-parent"),
        turn(),
        count(1_000, 1_000),
        turn(ms=later),
        count(900, 100, ms=later),
        count(1_010, usage(10, 0, 2), ms=later + 1),
        thread="t-child",
    )

    assert read_all(child).tokens() == Tokens(input=10, output=2)


def test_records_below_the_first_own_ordinal_are_inherited() -> None:
    child = rollout(
        meta(CHILD, parent_thread_id=PARENT, subagent_history_start_ordinal=7),
        count(100, 100, ordinal=6),
        count(150, 50, ordinal=7),
        thread=CHILD,
    )

    assert read_all(child).tokens() == Tokens(input=50)


@pytest.mark.parametrize(
    ("spawned", "announced", "own"),
    [
        pytest.param(False, False, True, id="CX-044 a user's fork"),
        pytest.param(True, False, False, id="CX-044 a subagent, not announced"),
        pytest.param(True, True, True, id="CX-044 a subagent, announced"),
    ],
)
def test_a_turn_of_the_same_millisecond(
    *, spawned: bool, announced: bool, own: bool
) -> None:
    same = uuid7(T0_MS + 60_000, "0000000000ff")
    fields = {"parent_thread_id": PARENT} if spawned else {"forked_from_id": PARENT}
    child = rollout(
        meta(CHILD, **fields),
        meta(PARENT),
        *([task(same)] if announced else []),
        turn(same),
        count(100, 100),
        thread=CHILD,
    )

    assert read_all(child).tokens() == Tokens(input=100 if own else 0)


@pytest.mark.parametrize(
    ("started_at", "own"),
    [
        pytest.param((T0_MS + 60_000) // 1000 - 1, False, id="CX-046 before the fork"),
        pytest.param((T0_MS + 60_000) // 1000, True, id="CX-046 in its second"),
        pytest.param("soon", False, id="CX-047 no number, and no time has passed"),
    ],
)
def test_a_turn_with_a_random_id_is_told_by_its_start(
    started_at: Any, *, own: bool
) -> None:
    random_id = "7b0d6c1e-4f1c-4d2b-9a55-0d7c4f0f3b11"
    child = rollout(
        meta(CHILD, forked_from_id=PARENT),
        meta(PARENT),
        task(random_id, started_at=started_at),
        turn(random_id),
        count(100, 100),
        thread=CHILD,
    )

    assert read_all(child).tokens() == Tokens(input=100 if own else 0)


def test_a_fresh_subagent_has_no_history() -> None:
    child = rollout(meta(CHILD, parent_thread_id=PARENT), count(100, 100), thread=CHILD)
    books = read_all(child)

    assert books.tokens() == Tokens(input=100)
    assert books.session(CHILD, "codex").parent_session_id == PARENT


def test_a_copied_header_does_not_change_whose_rollout_it_is() -> None:
    books = read_all(
        rollout(
            meta(CHILD, forked_from_id=PARENT, cwd="/child"),
            meta(PARENT, thread_source="guardian_review"),
            thread=CHILD,
        )
    )

    session = books.session(CHILD, "codex")
    assert not session.reviewer
    assert session.parent_session_id is None


def test_a_reviewer_is_known_as_one() -> None:
    """CX-055."""
    books = read_all(rollout(meta(thread_source="guardian_review")))

    assert books.session(THREAD, "codex").reviewer


# Prompts


def test_a_prompt_written_again_after_an_abort_counts_once() -> None:
    """CX-058."""
    go = envelope("event_msg", type="user_message", message="Go")
    abort = envelope("event_msg", type="turn_aborted", reason="interrupted")
    books = read_all(rollout(meta(), go, abort, go, go))

    session = books.session(THREAD, "codex")
    assert (session.prompts, session.interrupts) == (2, 1)


def test_the_newest_word_on_a_limit_wins_whichever_file_is_read_first() -> None:
    """CX-076."""

    def limits(percent: float, ms: int) -> bytes:
        return envelope(
            "event_msg",
            ms=ms,
            type="token_count",
            rate_limits={"primary": {"used_percent": percent, "window_minutes": 300}},
        )

    first = rollout(meta(), limits(30, T0_MS + 10), name="a")
    second = rollout(meta("t-2"), limits(25, T0_MS + 5), thread="t-2", name="b")

    for files in ((first, second), (second, first)):
        (limit,) = read_all(*files).ledger.limits()
        assert [each.used_percent for each in limit.windows] == [30]


def test_codex_lines_amount_to_a_forecast_of_their_window() -> None:
    """CX-077."""

    def limits(percent: float, length: int, after_min: int) -> bytes:
        window = {
            "used_percent": percent,
            "window_minutes": length,
            "resets_in_seconds": (200 - after_min) * 60,
        }
        return envelope(
            "event_msg",
            ms=T0_MS + after_min * 60_000,
            type="token_count",
            rate_limits={"primary": window},
        )

    first = rollout(meta(), limits(20, 299, 0), name="a")
    second = rollout(meta("t-2"), limits(30, 300, 10), thread="t-2", name="b")
    ledger = read_all(first, second).ledger

    ((samples,),) = ledger.samples().values()

    assert forecast(samples) == T0_MS + (10 + 70) * 60_000


BASE = rollout(
    meta(),
    turn(model="m"),
    count(2_500, 2_500),
    answer(),
    count(4_500, 2_000),
    name="base",
)
RESUMED = rollout(
    meta(history_base={"thread_id": THREAD, "ordinal": 12}),
    turn(model="m"),
    count(4_500, 2_000),
    answer(),
    count(7_000, 2_500),
    name="resumed",
)


def test_what_a_resumed_rollout_repeats_of_its_base_is_not_counted() -> None:
    assert read_all(RESUMED).tokens() == Tokens(input=2_500)


@pytest.mark.parametrize("files", [(BASE, RESUMED), (RESUMED, BASE)])
def test_a_resumed_rollout_adds_to_its_base(files: tuple[Block, ...]) -> None:
    assert read_all(*files).tokens() == Tokens(input=7_000)


def test_a_resumed_rollout_that_answers_before_it_reports_has_spent_that() -> None:
    resumed = rollout(
        meta(history_base={"thread_id": THREAD}),
        turn(model="m"),
        answer(),
        count(7_000, 2_500),
    )

    assert read_all(resumed).tokens() == Tokens(input=2_500)
