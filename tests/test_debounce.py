import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvisd.core.debounce import FIRST_S, INTERVAL_S, LONGEST_S, due_at


@pytest.mark.parametrize(
    ("flushed_at", "dirty_since", "expected"),
    [
        pytest.param(-math.inf, 7.0, 7.05, id="a first line is stored within 0.1 s"),
        pytest.param(-math.inf, 7.01, 7.1, id="and so are its neighbours"),
        pytest.param(7.0, 7.2, 8.0, id="never twice within the interval"),
        pytest.param(7.01, 7.2, 8.0, id="whatever time the flush itself took"),
        pytest.param(7.7, 7.9, 9.0, id="on the full second when that is near"),
        pytest.param(7.0, 8.01, 9.0, id="and when it missed its tick by little"),
        pytest.param(7.2, 7.4, 8.5, id="else on the half second before it"),
        pytest.param(7.0, 30.2, 30.5, id="quiet for long, so soon again"),
        pytest.param(7.0, 29.8, 30.0, id="quiet for long, and a tick is near"),
    ],
)
def test_due_at(flushed_at: float, dirty_since: float, expected: float) -> None:
    due = due_at(dirty_since=dirty_since, flushed_at=flushed_at)

    assert due == pytest.approx(expected)


@given(flushed_at=st.floats(0, 10), since=st.floats(0, 4))
def test_no_change_waits_long_and_none_is_stored_too_soon(
    flushed_at: float, since: float
) -> None:
    dirty_since = flushed_at + since
    due = due_at(dirty_since=dirty_since, flushed_at=flushed_at)

    assert due >= dirty_since
    assert due - flushed_at >= INTERVAL_S - FIRST_S
    assert due - dirty_since <= LONGEST_S


@pytest.mark.parametrize("phase", [n / 20 for n in range(20)])
def test_steady_blocks_meet_on_the_full_seconds(phase: float) -> None:
    flushed_at = due_at(dirty_since=100 + phase, flushed_at=-math.inf)
    for second in range(101, 110):  # a line a second
        if second + phase > flushed_at:
            due = due_at(dirty_since=second + phase, flushed_at=flushed_at)
            flushed_at = due + 0.002

    assert flushed_at == pytest.approx(round(flushed_at) + 0.002)


def test_steady_blocks_stay_there_though_lines_come_a_little_late() -> None:
    flushed_at = 100.002
    for second in range(101, 110):
        flushed_at = due_at(dirty_since=second + 0.003, flushed_at=flushed_at) + 0.002

        assert flushed_at == pytest.approx(second + 1.002)
