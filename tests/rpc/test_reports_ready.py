"""Days that are over are added up before anybody asks."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import anyio
import pytest
from msgspec.structs import replace

from jarvisd.core.publisher import Flushed
from jarvisd.overview.sessions import Sessions
from jarvisd.reports import days
from jarvisd.reports.methods import READY_S, Reports
from jarvisd.reports.wire import ReportUsage
from tests.reports.cells import cell
from tests.rpc.fakes import NOTHING_TO_READ, FakeDaemon, FakeStore, reports_of
from tests.support import EPOCH_MS, PATIENCE_S, FakeClock, eventually

DAY_MS = 86_400_000
TODAY = EPOCH_MS // DAY_MS


def at(days_ago: int) -> str:
    moment = datetime.fromtimestamp(EPOCH_MS / 1000 - days_ago * 86_400, UTC)
    return f"{moment:%Y-%m-%d %H:%M}"


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> list[int | None]:
    """Note which days are added up."""
    noted: list[int | None] = []
    add: Callable[..., object] = days._day_of

    def note(day: int | None, spent: object) -> object:
        noted.append(day)
        return add(day, spent)

    monkeypatch.setattr(days, "_day_of", note)
    return noted


@asynccontextmanager
async def getting_ready(daemon: FakeDaemon) -> AsyncIterator[tuple[Reports, FakeClock]]:
    books, clock = Sessions(), FakeClock()
    books.ledger.rollup.restore([cell(at(each)) for each in range(3)])
    with FakeStore() as store:
        reports = reports_of(books, store, clock, daemon)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(reports.keep_ready, "UTC")
            await clock.advance(READY_S)
            yield reports, clock
            tasks.cancel_scope.cancel()


async def test_whoever_asks_first_waits_for_today_only(added: list[int | None]) -> None:
    async with getting_ready(FakeDaemon()) as (reports, _):
        assert sorted(map(str, added)) == [str(TODAY - 2), str(TODAY - 1)]
        added.clear()
        for _ in reports.usage(ReportUsage(by="day")):
            pass

    assert added == [TODAY]


async def test_history_that_was_added_up_is_reported_once() -> None:
    books, clock, kept = Sessions(), FakeClock(), []
    books.ledger.rollup.restore([cell(at(each)) for each in range(20)])
    with FakeStore() as store:
        reports = reports_of(books, store, clock, FakeDaemon())
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(reports.keep_ready, "UTC", lambda: kept.append(1))
            await clock.advance(READY_S)
            await eventually(lambda: bool(kept))

            books.ledger.rollup.restore([cell(at(3))])
            reports.flushed(Flushed(1))
            await clock.advance(READY_S)
            tasks.cancel_scope.cancel()

    assert kept == [1]


async def test_while_history_is_read_nothing_is_added_up(
    added: list[int | None],
) -> None:
    daemon = FakeDaemon()
    daemon.reading = replace(NOTHING_TO_READ, files_total=1)
    async with getting_ready(daemon) as (_, clock):
        assert added == []
        daemon.reading = NOTHING_TO_READ
        await clock.advance(READY_S)

        assert len(added) == 2


async def test_a_zone_that_nobody_can_ask_for_is_passed_over() -> None:
    books, clock = Sessions(), FakeClock()
    with FakeStore() as store, anyio.fail_after(PATIENCE_S):
        daemon = FakeDaemon()
        reports = reports_of(books, store, clock, daemon)
        await reports.keep_ready("Mars/Olympus")
