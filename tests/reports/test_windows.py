"""Windows of five hours, how fast tokens burn, and limits."""

import pytest

from jarvisd.base.usage import Tokens
from jarvisd.core.event import LimitWindow
from jarvisd.ledger.model import LimitRow
from jarvisd.reports.limits import limit_views, official
from jarvisd.reports.model import WindowRow
from jarvisd.reports.pace import Spending, rates
from jarvisd.reports.windows import Bounds, WindowEntry, windows
from tests.reports.cells import ms

NOW_MS = ms("2026-11-21 12:00")
MINUTE_MS = 60_000


def entry(at: str, tokens: int = 100, model: str = "opus") -> WindowEntry:
    return WindowEntry(ms(at), ms(at), model, (tokens, 0, 0, 0, 0, 0, 7, 0, 1, 0))


def made(*entries: WindowEntry, **wanted: object) -> list[WindowRow]:
    asked = {"agent": "claude", "now_ms": NOW_MS, **wanted}
    return windows(entries, **asked)  # type: ignore[arg-type]


def test_a_window_begins_with_the_hour_and_lasts_five() -> None:
    first, second = made(
        entry("2026-11-20 08:59"), entry("2026-11-20 12:59"), entry("2026-11-20 13:00")
    )

    assert (first.start_ms, first.end_ms) == (
        ms("2026-11-20 08:00"),
        ms("2026-11-20 13:00"),
    )
    assert (first.responses, first.cost_micros, first.tokens.total) == (2, 14, 200)
    assert second.start_ms == ms("2026-11-20 13:00")
    assert not second.active


def test_the_word_of_the_provider_places_the_present_window() -> None:
    bounds = Bounds(ms("2026-11-21 09:20"), ms("2026-11-21 14:20"))

    before, now = made(
        entry("2026-11-21 08:00"), entry("2026-11-21 09:30"), official=bounds
    )

    assert (before.anchor, before.end_ms) == ("observed", bounds.start_ms)
    assert (now.anchor, now.start_ms, now.active) == ("official", bounds.start_ms, True)


def test_after_an_official_window_the_next_begins_no_sooner() -> None:
    bounds = Bounds(ms("2026-11-21 04:20"), ms("2026-11-21 09:20"))

    _, after = made(
        entry("2026-11-21 05:00"), entry("2026-11-21 09:30"), official=bounds
    )

    assert (after.anchor, after.start_ms) == ("observed", bounds.end_ms)


def test_projections_stop_when_nothing_happens() -> None:
    spent = [Spending(NOW_MS - MINUTE_MS, Tokens(input=900), 60)]

    (busy,) = made(entry("2026-11-21 11:59"), spending=spent)
    (idle,) = made(entry("2026-11-21 11:45"), spending=spent)

    assert busy.projection is not None
    assert busy.projection.remaining_minutes == 240
    assert busy.projection.total_tokens > busy.tokens.total
    assert idle.active
    assert idle.projection is None


def test_what_is_dated_in_the_future_has_not_happened_yet() -> None:
    spent = [Spending(NOW_MS - MINUTE_MS, Tokens(input=900), 60)]
    ahead = [Spending(NOW_MS + 24 * 60 * MINUTE_MS, Tokens(input=50_000), 9_000)]
    skewed = [Spending(NOW_MS + MINUTE_MS // 2, Tokens(input=900), 60)]

    busy, later = made(
        entry("2026-11-21 11:59"), entry("2026-11-22 12:00"), spending=spent + ahead
    )
    (idle,) = made(entry("2026-11-21 11:00"), entry("2026-11-21 13:00"), spending=ahead)

    assert rates(spent + ahead, now_ms=NOW_MS) == rates(spent, now_ms=NOW_MS)
    assert rates(skewed, now_ms=NOW_MS)[0].tokens_per_minute == 900
    assert (busy.active, later.active) == (True, False)
    assert busy.projection is not None
    assert busy.projection.total_tokens < 30_000
    assert idle.active
    assert idle.projection is None


def test_a_steady_stream_shows_its_rate_and_then_fades() -> None:
    steady = [
        Spending(NOW_MS - each * MINUTE_MS // 10, Tokens(input=60, cache_read=40), 5)
        for each in range(1200)
    ]

    now = rates(steady, now_ms=NOW_MS)
    later = rates(steady, now_ms=NOW_MS + 5 * MINUTE_MS)

    assert [each.minutes for each in now] == [1, 5, 15]
    assert [each.tokens_per_minute for each in now] == pytest.approx(
        [1000] * 3, rel=0.06
    )
    assert [each.uncached_per_minute for each in now] == pytest.approx(
        [600] * 3, rel=0.06
    )
    assert now[1].cost_micros_per_hour == pytest.approx(3000, rel=0.06)
    assert later[0].tokens_per_minute < 10
    assert later[1].tokens_per_minute == pytest.approx(368, rel=0.06)


def limit(name: str = "codex", *, at_ms: int = NOW_MS, **window: object) -> LimitRow:
    windows = (LimitWindow(used_percent=30.0, **window),)  # type: ignore[arg-type]
    return LimitRow(
        agent="codex", limit=name, at_ms=at_ms, plan="plus", windows=windows
    )


@pytest.mark.parametrize(
    ("minutes", "label"),
    [
        pytest.param(300, "5h", id="five hours"),
        pytest.param(299, "5h", id="CX-071 and a minute less"),
        pytest.param(10_079, "weekly", id="a week"),
        pytest.param(43_200, "monthly", id="CX-073"),
        pytest.param(180, "3h", id="another length"),
        pytest.param(90, "90m", id="no whole hours"),
        pytest.param(None, "unknown", id="none said"),
    ],
)
def test_a_limit_is_named_by_its_length(minutes: int | None, label: str) -> None:
    (view,) = limit_views([limit(minutes=minutes)], now_ms=NOW_MS)

    assert view.windows[0].label == label


def test_a_limit_says_how_old_its_word_is_and_whether_it_is_over() -> None:
    row = limit(at_ms=NOW_MS - 90_000, minutes=300, resets_at_ms=NOW_MS - 1)

    (view,) = limit_views([row], now_ms=NOW_MS)

    assert (view.age_s, view.source, view.windows[0].over) == (90, "transcript", True)


def test_only_the_limit_of_the_account_places_windows() -> None:
    of_model = limit("spark", minutes=300, resets_at_ms=NOW_MS)
    of_account = limit(minutes=299, resets_at_ms=NOW_MS)

    assert official([of_model], agent="codex") is None
    assert official([of_model, of_account], agent="claude") is None
    assert official([of_model, of_account], agent="codex") == Bounds(
        NOW_MS - 300 * MINUTE_MS, NOW_MS
    )
