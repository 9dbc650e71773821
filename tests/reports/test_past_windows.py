"""Windows that are kept are those that would be summed from nothing, after any change."""

from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from jarvisd.base.usage import Tokens
from jarvisd.base.work_in_turns import at_once
from jarvisd.core.origin import SessionId
from jarvisd.ledger.model import QUARTER_MS, ResponseRow
from jarvisd.ledger.rollup import Rollup
from jarvisd.reports.model import WindowRow
from jarvisd.reports.past_windows import PastWindows
from jarvisd.reports.windows import windows
from tests.reports.cells import cell, ms

BEGIN_MS = ms("2026-11-19 00:00")
HOUR_MS = 4 * QUARTER_MS


def row_of(hours: int, minutes: int, agent: str) -> ResponseRow:
    return ResponseRow(
        key=1,
        agent=agent,
        session_id=SessionId("s1"),
        model="opus",
        rank=0,
        start_ms=0,
        at_ms=BEGIN_MS + hours * HOUR_MS + minutes * 60_000,
    )


rows = st.builds(
    row_of,
    st.integers(0, 40),
    st.integers(0, 59),
    st.sampled_from(["claude", "codex"]),
)
moments = st.integers(0, 45).map(lambda hours: BEGIN_MS + hours * HOUR_MS)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("count"), rows, st.integers(0, 9)),
        st.tuples(st.just("take away"), st.integers(0, 99)),
        st.tuples(st.just("ask"), moments),
        st.tuples(st.just("begin to ask"), moments),
    ),
    max_size=30,
)


def all_windows(kept: PastWindows, until_ms: int) -> list[WindowRow]:
    """Return all windows before *until_ms*, those that go on as well."""
    at_once(kept.sum_up(until_ms))
    found = list(kept.rows())
    for agent, entries in kept.entries(until_ms).items():
        found += windows(entries, agent=agent, now_ms=until_ms)

    return sorted(found, key=lambda row: (row.start_ms, row.agent))


@settings(max_examples=200, deadline=None)
@given(steps)
def test_kept_windows_are_those_summed_from_nothing(
    taken: list[tuple[object, ...]],
) -> None:
    rollup = Rollup()
    kept = PastWindows(rollup)
    counted: list[tuple[ResponseRow, int]] = []
    begun: list[Iterator[bytes]] = []
    for step in [*taken, ("ask", BEGIN_MS + 60 * HOUR_MS)]:
        match step:
            case ("count", ResponseRow() as row, int() as cost):
                counted.append((row, cost))
                rollup.count(row, Tokens(output=1), cost)
            case ("take away", int() as which) if counted:
                row, cost = counted.pop(which % len(counted))
                rollup.count(row, Tokens(output=1), cost, -1)
            case ("begin to ask", int() as until_ms):
                begun.append(kept.sum_up(until_ms))
                next(begun[-1], None)
            case ("ask", int() as until_ms):
                expected = all_windows(PastWindows(rollup), until_ms)
                assert all_windows(kept, until_ms) == expected
                for each in begun:
                    next(each, None)  # another question, in turns with this one

                assert all_windows(kept, until_ms) == expected


def test_what_changes_today_leaves_windows_of_yesterday() -> None:
    rollup = Rollup()
    rollup.restore([cell("2026-11-19 10:00"), cell("2026-11-21 10:00")])
    kept = PastWindows(rollup)
    before = all_windows(kept, ms("2026-11-22 00:00"))
    rollup.restore([cell("2026-11-21 11:00")])

    after = all_windows(kept, ms("2026-11-22 00:00"))

    assert after[0] is before[0]
    assert [each.responses for each in after] == [1, 2]


def test_the_times_of_responses_are_kept_once_all_of_them_are_stored() -> None:
    rollup = Rollup()
    rollup.restore([cell("2026-11-19 10:00")])
    kept = PastWindows(rollup)
    (row,) = all_windows(kept, ms("2026-11-20 00:00"))
    edge = (row.first_ms + 1, row.last_ms + 2)

    kept.keep_edge(row, edge, stored=rollup.changes - 1)
    assert kept.without_edges([row]) == [row]
    kept.keep_edge(row, edge, stored=rollup.changes)
    (known,) = all_windows(kept, ms("2026-11-20 00:00"))
    assert kept.without_edges([known]) == []
    assert (known.first_ms, known.last_ms) == edge

    rollup.restore([cell("2026-11-19 10:15")])
    (changed,) = all_windows(kept, ms("2026-11-20 00:00"))
    assert kept.without_edges([changed]) == [changed]
