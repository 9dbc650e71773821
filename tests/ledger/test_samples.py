"""Samples of limits, and when a window will be full."""

from functools import reduce

import pytest

from jarvisd.core.event import LimitsReported, LimitWindow
from jarvisd.ledger.engine import Ledger
from jarvisd.ledger.limit_samples import MAX_SAMPLES, Samples, followed, forecast
from jarvisd.ledger.model import LimitRow
from jarvisd.reports.limits import limit_views

T0_MS = 1_795_228_000_000
MINUTE_MS = 60_000

Word = tuple[float, float, int | None, float | None]
"""Minutes since the first, percent, length and reset, both in minutes."""


def row(*windows: Word) -> LimitRow:
    return LimitRow(
        agent="codex",
        limit="codex",
        at_ms=round(T0_MS + windows[0][0] * MINUTE_MS),
        plan=None,
        windows=tuple(
            LimitWindow(
                used_percent=percent,
                minutes=minutes,
                resets_at_ms=(
                    None if reset is None else round(T0_MS + reset * MINUTE_MS)
                ),
            )
            for _, percent, minutes, reset in windows
        ),
    )


def kept(*words: Word) -> Samples:
    start: tuple[Samples, ...] = ()
    (samples,) = reduce(followed, map(row, words), start)
    return samples


def full_after_min(samples: Samples) -> float | None:
    """Return how long after the newest sample the window is full, in minutes."""
    full_ms = forecast(samples)
    return None if full_ms is None else (full_ms - samples[-1].at_ms) / MINUTE_MS


@pytest.mark.parametrize(
    ("words", "minutes"),
    [
        pytest.param(
            [(0, 20, 300, 200), (10, 30, 300, 200)], 70, id="CX-077 20 then 30 %"
        ),
        pytest.param(
            [(0, 0, 300, 70), (10, 1, 300, 70)], None, id="CX-077 beyond the reset"
        ),
        pytest.param([(0, 20, 300, 200), (10, 20, 300, 200)], None, id="CX-077 flat"),
        pytest.param([(0, 20, 300, 200)], None, id="CX-077 one sample"),
        pytest.param(
            [(0, 20, 299, 200), (10, 30, 300, 200)], 70, id="CX-077 299 is 300"
        ),
        pytest.param(
            [(0, 20, 298, 200), (10, 30, 300, 200)], None, id="another window"
        ),
        pytest.param(
            [(0, 20, 300, 200), (10, 30, 300, 200.9)], 70, id="a reset in round figures"
        ),
        pytest.param([(0, 20, 300, 9), (10, 30, 300, 309)], None, id="begun anew"),
        pytest.param([(0, 20, 300, None), (10, 30, 300, None)], 70, id="no reset told"),
        pytest.param(
            [(0, 40, 300, None), (10, 2, 300, None), (20, 12, 300, None)],
            88,
            id="no reset told, and begun anew",
        ),
        pytest.param(
            [(0, 20, 300, None), (301, 30, 300, None)], None, id="a window later"
        ),
        pytest.param([(0, 20, None, 200), (10, 30, None, 200)], 70, id="no length"),
        pytest.param([(0, 20, None, None), (10, 30, None, None)], None, id="no end"),
        pytest.param(
            [(0, 20, 300, 200), (4, 29, 300, 200)], None, id="too soon to tell"
        ),
        pytest.param(
            [(0, 20, 300, 200), (6, 31, 300, 200), (10, 30, 300, 200)],
            70,
            id="a step back by a session beside",
        ),
        pytest.param([(0, 30, 300, 200), (10, 20, 300, 200)], None, id="less"),
        pytest.param([(0, 90, 300, 200), (10, 100, 300, 200)], None, id="full already"),
        pytest.param([(0, -1e308, 300, 200), (10, 1e308, 300, 200)], None, id="absurd"),
        pytest.param(
            [(0, 0.0, 300, 200), (10, 5e-324, 300, 200)], None, id="next to nothing"
        ),
    ],
)
def test_a_window_is_full_in_a_straight_line(
    words: list[Word], minutes: float | None
) -> None:
    assert full_after_min(kept(*words)) == minutes


def test_five_samples_are_kept_five_minutes_apart_however_many_words_come() -> None:
    words: list[Word] = [(each / 10, each / 10, 300, 300) for each in range(601)]

    samples = kept(*words)

    assert len(samples) == MAX_SAMPLES
    assert [(each.at_ms - T0_MS) / MINUTE_MS for each in samples] == [
        40,
        45,
        50,
        55,
        60,
    ]
    assert full_after_min(samples) == 40


def test_a_pace_that_slows_down_is_followed() -> None:
    fast: list[Word] = [(each, each, 300, 300) for each in range(0, 31, 5)]
    slow: list[Word] = [(each, 30, 300, 300) for each in range(35, 61, 5)]

    assert full_after_min(kept(*fast)) == 70
    assert full_after_min(kept(*fast, *slow[:2])) == pytest.approx(140)
    assert full_after_min(kept(*fast, *slow)) is None


def test_windows_are_told_apart_wherever_they_stand() -> None:
    first = row((0, 20, 300, 200), (0, 50, 10_080, 9_000))
    then = row((10, 52, 10_080, 9_000), (10, 30, 300, 200))

    week, hours = followed(followed((), first), then)

    assert [each.window.used_percent for each in week] == [50, 52]
    assert [each.window.used_percent for each in hours] == [20, 30]
    assert full_after_min(hours) == 70
    assert forecast(week) is None  # ten minutes say nothing of a week


def test_a_restart_goes_on_from_the_newest_word_and_an_older_one_changes_nothing() -> (
    None
):
    ledger = Ledger(lambda *_: None)
    ledger.restore((), [row((0, 20, 300, 200))])
    for after_min, percent in ((10, 30), (5, 29)):
        word = row((after_min, percent, 300, 200))
        ledger.apply_limits("codex", LimitsReported(windows=word.windows), word.at_ms)

    ((samples,),) = ledger.samples().values()

    assert full_after_min(samples) == 70


@pytest.mark.parametrize(
    ("now_min", "told_min"),
    [
        pytest.param(10, 80, id="at once"),
        pytest.param(79, 80, id="just before"),
        pytest.param(80, None, id="nothing was heard until then"),
    ],
)
def test_a_limit_tells_when_it_is_full_until_that_has_passed(
    now_min: int, told_min: int | None
) -> None:
    samples = kept((0, 20, 300, 200), (10, 30, 300, 200))

    (view,) = limit_views(
        [row((10, 30, 300, 200))],
        now_ms=T0_MS + now_min * MINUTE_MS,
        samples={("codex", "codex"): (samples,)},
    )

    told = None if told_min is None else T0_MS + told_min * MINUTE_MS
    assert [each.full_at_ms for each in view.windows] == [told]
