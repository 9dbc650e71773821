"""The wall clock is set by years, over a summer time and behind our back: nothing stalls.

libfaketime gives the daemon a wall clock that a file moves. Its monotonic clock is real,
and so are the times of files, which therefore must never be older than its beginning.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import anyio
import msgspec
import pytest

from jarvisd.base.clock import SystemClock
from jarvisd.core.origin import BlockView, Life
from jarvisd.overview.health_wire import HealthResult
from jarvisd.overview.wire import StatusResult
from jarvisd.rpc.client_wire import SubscribeResult
from tests.e2e.client import Client
from tests.e2e.home import Home, append, record
from tests.e2e.rig import Daemon, running_daemon
from tests.support import PATIENCE_S, eventually

LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
YEAR = "365d"

needs_faketime = pytest.mark.skipif(LIBRARY is None, reason="faketime is not installed")


class WallClock:
    """The daemon's wall clock."""

    def __init__(self, file: Path, begin: str) -> None:
        self._file = file
        self.set(begin)

    def set(self, offset: str) -> None:
        """Move it away from the real one: `+365d`, `-1h`, `+0`."""
        file = self._file.with_suffix(".next")
        file.write_text(f"{offset}\n")
        file.replace(self._file)

    def environ(self) -> dict[str, str]:
        """Return what makes a process believe it."""
        return {
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }


async def told_of(client: Client, lines: int) -> BlockView:
    """Return the block as soon as the subscriber is told that it has so many lines."""
    with anyio.fail_after(PATIENCE_S):
        while True:
            event = await client.next_event()
            block = msgspec.json.decode(event.data, type=BlockView)
            if block.line_count == lines:
                return block


async def is_live_and_stored_now(daemon: Daemon, client: Client, path: Path) -> None:
    """Append a line, and see it told, stored and dated as if nothing had happened."""
    known = await client.block_at(path)
    lines = 1 + (known.line_count if known else 0)
    append(path, record())

    block = await told_of(client, lines)

    status = await client.ask("status", StatusResult)
    assert block.life is Life.LIVE
    assert block.last_activity_ms is not None
    assert 0 <= status.now_ms - block.last_activity_ms < 5000
    assert status.live == 1
    assert status.last_activity_ms == block.last_activity_ms
    assert block.start_ts_ms is not None
    assert block.start_ts_ms <= block.last_activity_ms
    await eventually(lambda: daemon.home.stored_lines(block.block_id) == lines)


@needs_faketime
@pytest.mark.parametrize("step", [f"+{YEAR}", f"-{YEAR}", "+1h", "-1h"])
async def test_a_clock_set_in_use_delays_and_confuses_nothing(
    home: Home, step: str
) -> None:
    clock, path = WallClock(home.folder / "clock", "+0"), home.transcript()
    async with running_daemon(home, environ=clock.environ()) as daemon:
        async with daemon.connected() as client:
            await client.ask("subscribe", SubscribeResult, topics=["blocks"])
            for offset in ("+0", step, "+0"):
                clock.set(offset)
                await is_live_and_stored_now(daemon, client, path)

            health = await client.ask("health", HealthResult)
            assert 0 <= health.uptime_s < 60
            assert health.status == "ok"

        assert len(daemon.log().splitlines()) < 20


@needs_faketime
async def test_a_daemon_started_a_year_ahead_is_corrected_by_the_next_line(
    home: Home,
) -> None:
    clock, path = WallClock(home.folder / "clock", f"+{YEAR}"), home.transcript()
    append(path, record())
    async with running_daemon(home, environ=clock.environ()) as daemon:
        await daemon.sync()
        await daemon.terminate()
        clock.set("+0")
        await daemon.start()
        async with daemon.connected() as client:
            await client.ask("subscribe", SubscribeResult, topics=["blocks"])
            await is_live_and_stored_now(daemon, client, path)


@needs_faketime
@pytest.mark.parametrize(
    ("zone", "moment"),
    [
        pytest.param("Europe/Berlin", "2026-03-29T00:59:59Z", id="an hour is left out"),
        pytest.param("Europe/Berlin", "2026-10-25T00:59:59Z", id="an hour comes twice"),
        pytest.param("Asia/Kathmandu", "2025-12-31T18:14:59Z", id="a year ends"),
    ],
)
async def test_days_and_hours_that_jump_are_of_no_consequence(
    home: Home, zone: str, moment: str
) -> None:
    ahead_s = (
        datetime.fromisoformat(moment).timestamp() - SystemClock().unix_ms() / 1000
    )
    clock, path = WallClock(home.folder / "clock", f"{ahead_s:+.0f}"), home.transcript()
    environ = {**clock.environ(), "TZ": zone}
    running = running_daemon(home, environ=environ)
    async with running as daemon, daemon.connected() as client:
        await client.ask("subscribe", SubscribeResult, topics=["blocks"])
        before = (await client.ask("status", StatusResult)).now_ms
        for _ in range(5):
            await is_live_and_stored_now(daemon, client, path)
            await anyio.sleep(0.4)

        after = (await client.ask("status", StatusResult)).now_ms
        assert 0 < after - before < 60_000


@contextmanager
def suspended(daemon: Daemon) -> Iterator[None]:
    """Let the process stand still, as a laptop does whose lid is closed."""
    daemon.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        daemon.signal(signal.SIGCONT)


async def test_what_happened_during_a_sleep_is_all_there_after_it(
    home: Home,
) -> None:
    paths = [home.transcript(f"p{number % 50}") for number in range(500)]
    async with running_daemon(home) as daemon, daemon.connected() as client:
        with suspended(daemon):
            for path in paths:
                append(path, *[record()] * 4)

        async def is_complete() -> bool:
            return (await client.ask("status", StatusResult)).line_count == 2000

        await eventually(is_complete)
        with suspended(daemon):
            for path in paths:
                append(path, record())

        await client.sync()
        assert {each.line_count for each in await client.blocks()} == {5}
