"""Windows and usage over real files: exact moments, rates of now, and answers kept."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from jarvisd.base.clock import SystemClock
from jarvisd.cli import wall_clock
from jarvisd.reports.wire import (
    ReportUsage,
    ReportUsageResult,
    ReportWindows,
    ReportWindowsResult,
)
from tests.books.reporting import Desk, desk
from tests.books.rig import append, running, transcript
from tests.ledger.books import line

MINUTE_MS = 60_000


def reply(message: str, at_ms: int, *, output: int = 100) -> bytes:
    return line(
        type="assistant",
        timestamp=wall_clock.iso(at_ms),
        requestId=message,
        message={"id": message, "model": "opus", "usage": {"output_tokens": output}},
    )


async def test_windows_have_the_exact_moments_of_their_responses(
    tmp_path: Path,
) -> None:
    now_ms = SystemClock().unix_ms()
    old_ms = now_ms - 48 * 60 * MINUTE_MS
    append(
        transcript(tmp_path),
        reply("m1", old_ms + 1),
        reply("m2", old_ms + 7),
        reply("m3", now_ms - MINUTE_MS),
    )
    async with running(tmp_path) as daemon:
        await daemon.sync()
        told = await windows(desk(daemon))

    old, new = told.windows
    assert (old.first_ms, old.last_ms, old.responses) == (old_ms + 1, old_ms + 7, 2)
    assert (old.active, old.projection) == (False, None)
    assert new.first_ms == now_ms - MINUTE_MS
    assert [each.minutes for each in told.rates] == [1, 5, 15]
    assert 0 < told.rates[0].tokens_per_minute < 100


async def test_a_response_of_tomorrow_does_not_burn_today(tmp_path: Path) -> None:
    now_ms = SystemClock().unix_ms()
    append(
        transcript(tmp_path),
        reply("m1", now_ms - 3 * MINUTE_MS),
        reply("m2", now_ms + 24 * 60 * MINUTE_MS, output=500_000),
    )
    async with running(tmp_path) as daemon:
        await daemon.sync()
        told = await windows(desk(daemon))

    present, ahead = told.windows
    assert 0 < told.rates[-1].tokens_per_minute < 100
    assert (present.active, ahead.active) == (True, False)
    assert present.projection is not None


async def test_days_choose_windows(tmp_path: Path) -> None:
    append(transcript(tmp_path), reply("m1", 1_790_000_000_000))
    async with running(tmp_path) as daemon:
        await daemon.sync()
        asked = desk(daemon)
        same = await windows(asked, since="20260921", until="20260921")
        later = await windows(asked, since="20260923")

    assert len(same.windows) == 1
    assert later.windows == []


def answer(asked: Desk, **wanted: object) -> bytes:
    return joined(asked.reports.usage(ReportUsage(**wanted)))  # type: ignore[arg-type]


def joined(found: bytes | Iterator[bytes]) -> bytes:
    return found if isinstance(found, bytes) else b"".join(found)


async def windows(asked: Desk, **wanted: object) -> ReportWindowsResult:
    pieces = await asked.reports.windows(ReportWindows(**wanted))  # type: ignore[arg-type]
    return msgspec.json.decode(b"".join(pieces), type=ReportWindowsResult)


async def test_an_answer_is_kept_until_something_has_changed(tmp_path: Path) -> None:
    append(transcript(tmp_path), reply("m1", 1_790_000_000_000))
    async with running(tmp_path) as daemon:
        await daemon.sync()
        reports = desk(daemon).reports
        first = joined(reports.usage(ReportUsage()))
        kept = reports.usage(ReportUsage())
        assert kept == first
        assert reports.usage(ReportUsage()) is kept

        append(transcript(tmp_path), reply("m2", 1_790_000_000_001))
        await daemon.sync()
        second = joined(reports.usage(ReportUsage()))

    assert msgspec.json.decode(second, type=ReportUsageResult).total.responses == 2


async def test_a_long_report_comes_in_pieces_that_make_one_answer(
    tmp_path: Path,
) -> None:
    for number in range(70):
        path = transcript(tmp_path, f"s{number}")
        append(path, reply(f"m{number}", 1_790_000_000_000, output=number))

    async with running(tmp_path) as daemon:
        await daemon.sync()
        text = answer(desk(daemon), by="session")

    report = msgspec.json.decode(text, type=ReportUsageResult)
    assert len(report.rows) == 70
    assert report.rows[0].key == "s69"
    assert sum(row.tokens.output for row in report.rows) == sum(range(70))
    assert report.total.sessions == 70


def limits(percent: float, at_ms: int, resets_ms: int) -> bytes:
    window = {
        "used_percent": percent,
        "window_minutes": 300,
        "resets_at": resets_ms // 1000,
    }
    return line(
        type="event_msg",
        timestamp=wall_clock.iso(at_ms),
        payload={"type": "token_count", "rate_limits": {"primary": window}},
    )


async def test_a_limit_is_forecast_from_the_lines_of_a_daemon_or_of_two(
    tmp_path: Path,
) -> None:
    now_ms = SystemClock().unix_ms()
    resets_ms = now_ms + 100 * MINUTE_MS
    path = transcript(tmp_path, "t1", agent="codex")
    append(path, limits(20, now_ms - 10 * MINUTE_MS, resets_ms))
    async with running(tmp_path) as daemon:
        await daemon.sync()
        before = await windows(desk(daemon))

    append(path, limits(30, now_ms, resets_ms))
    async with running(tmp_path) as daemon:
        await daemon.sync()
        after = await windows(desk(daemon))

    assert [each.windows[0].full_at_ms for each in before.limits] == [None]
    assert [each.windows[0].full_at_ms for each in after.limits] == [
        now_ms + 70 * MINUTE_MS
    ]
