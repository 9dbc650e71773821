"""What systemd is told, over a real datagram socket, by a service that is made up."""

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import anyio
import pytest
from structlog.testing import capture_logs

from jarvisd.app.watchdog import LONGEST_S, STATUS_EVERY_S, feed_watchdog
from jarvisd.overview.service import Service
from tests.support import FakeClock


@dataclass
class FakeService:
    """Counts how often its summary was put together."""

    held: str | None = None
    summaries: int = 0

    def stuck(self) -> str | None:
        return self.held

    def summary(self) -> str:
        self.summaries += 1
        return "ok"


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "s"))
        receiver.settimeout(0)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "s"))
        yield receiver


@asynccontextmanager
async def feeding(service: FakeService) -> AsyncIterator[FakeClock]:
    clock = FakeClock()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(feed_watchdog, cast("Service", service), clock)
        yield clock
        tasks.cancel_scope.cancel()


def told(manager: socket.socket) -> list[bytes]:
    found = []
    while True:
        try:
            found.append(manager.recv(4096))
        except BlockingIOError:
            return found


async def test_signs_of_life_are_many_and_words_for_people_few(
    manager: socket.socket,
) -> None:
    async with feeding(FakeService()) as clock:
        found = []
        for _ in range(12):  # a queue of datagrams is short
            await clock.advance(LONGEST_S)
            found += told(manager)

    alone, both = b"WATCHDOG=1", b"WATCHDOG=1\nSTATUS=ok"
    assert found == [both, *[alone] * 5, both, *[alone] * 5]


async def test_nothing_is_put_together_where_nobody_listens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    service = FakeService()
    async with feeding(service) as clock:
        await clock.advance(2 * STATUS_EVERY_S)

    assert service.summaries == 0


async def test_what_is_stuck_gives_no_sign_of_life(manager: socket.socket) -> None:
    with capture_logs() as logs:
        async with feeding(FakeService(held="store")) as clock:
            await clock.advance(LONGEST_S)

    assert told(manager) == []
    assert [each["event"] for each in logs] == ["watchdog.withheld"]
