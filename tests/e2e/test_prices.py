"""Prices are replaced without a release: checked first, kept, and counted again with."""

import hashlib
import http.server
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import pytest

from jarvisd.base.clock import SystemClock
from jarvisd.pricing.price_table import TABLE_FILE
from jarvisd.pricing.wire import PricesResult
from jarvisd.reports.wire import ReportUsageResult
from tests.e2e.client import Client, RpcError
from tests.e2e.commands import jarvisctl
from tests.e2e.home import Home, append
from tests.e2e.rig import running_daemon
from tests.ledger.test_ledger_claude import reply
from tests.support import eventually

OLD, NEW = b"claude-opus-4-7", b"claude-test-9-9"


def table(day: str, *, known: bytes = OLD) -> bytes:
    """Return a price table of *day*, in which a model of today is called *known*."""
    _, _, body = TABLE_FILE.read_bytes().split(b"\n", 2)
    body = body.replace(OLD, known)
    checksum = zlib.crc32(body.removesuffix(b"}\n"))
    return b'{\n"version": "%b test %08x",\n%b' % (day.encode(), checksum, body)


def with_record(record: bytes) -> bytes:
    """Return a table of today whose checksum is right, with one *record*."""
    body = b'"models":{"maker":{"m":%b}}' % record
    checksum = zlib.crc32(body)
    return b'{\n"version": "%b test %08x",\n%b}\n' % (day().encode(), checksum, body)


def day(ahead: int = 0) -> str:
    """Return today, or the day so many days *ahead*."""
    now = datetime.fromtimestamp(SystemClock().unix_ms() / 1000, UTC)
    return (now + timedelta(days=ahead)).date().isoformat()


async def cost(client: Client) -> tuple[int, int]:
    total = (await client.ask("report.usage", ReportUsageResult)).total
    return total.cost_micros, total.unpriced


async def test_newer_prices_count_at_once_and_after_a_restart(home: Home) -> None:
    path = home.transcript()
    append(path, reply(model=NEW.decode(), inp=1_000_000).decode())
    async with running_daemon(home) as daemon:
        await daemon.sync()
        async with daemon.connected() as client:
            assert await cost(client) == (0, 1)
            before = await client.ask("prices.get", PricesResult)
            newer = table(day(), known=NEW).decode()
            after = await client.ask("prices.update", PricesResult, table=newer)

            async def is_priced() -> bool:
                return (await cost(client))[1] == 0

            await eventually(is_priced)
            priced = await cost(client)

        assert priced[0] > 0
        assert (after.day, after.shipped_day) == (day(), before.day)
        assert (home.state / "prices.json").stat().st_mode & 0o777 == 0o600

        await daemon.kill()
        await daemon.start()
        async with daemon.connected() as client:
            assert await cost(client) == priced
            assert (await client.ask("prices.get", PricesResult)).day == day()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("{}", "is damaged", id="empty"),
        pytest.param("no", "is no price table", id="no table"),
        pytest.param(table("2020-01-01").decode(), "older than", id="older"),
        pytest.param(table(day(9)).decode(), "in the future", id="another year"),
        pytest.param(
            table(day()).decode().replace("15", "16", 1), "is damaged", id="edited"
        ),
        pytest.param(
            with_record(b"[1]").decode(), "cannot be used: 'm'", id="another record"
        ),
        pytest.param(
            with_record(b"[" * 100_000).decode(), "is no price table", id="brackets"
        ),
    ],
)
async def test_another_table_is_refused_with_a_reason(
    home: Home, text: str, problem: str
) -> None:
    async with running_daemon(home) as daemon, daemon.connected() as client:
        before = await client.ask("prices.get", PricesResult)
        with pytest.raises(RpcError, match=problem):
            await client.ask("prices.update", PricesResult, table=text)

        assert await client.ask("prices.get", PricesResult) == before
        assert not (home.state / "prices.json").exists()


async def test_tables_that_come_at_once_are_used_one_after_the_other(
    home: Home,
) -> None:
    texts = [table(day(), known=b"claude-test-%d" % each).decode() for each in range(8)]
    async with running_daemon(home) as daemon:

        async def update(text: str) -> None:
            async with daemon.connected() as client:
                after = await client.ask("prices.update", PricesResult, table=text)
                assert after.problem is None

        async with anyio.create_task_group() as group:
            for text in texts:
                group.start_soon(update, text)

        assert (home.state / "prices.json").read_text() in texts


@contextmanager
def served(content: bytes) -> Iterator[str]:
    """Serve *content* on the loopback; return its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/prices.json"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def test_a_person_updates_from_a_file_or_an_address(
    home: Home, tmp_path: Path
) -> None:
    content, file = table(day()), tmp_path / "new.json"
    file.write_bytes(content)
    checksum = hashlib.sha256(content).hexdigest()
    async with running_daemon(home):
        with served(content) as address:
            unchecked = await jarvisctl(home, "prices", "update", address)
            wrong = await jarvisctl(
                home, "prices", "update", address, "--sha256", "0" * 64
            )
            fetched = await jarvisctl(
                home, "prices", "update", address, "--sha256", checksum
            )

        from_file = await jarvisctl(home, "prices", "update", str(file))
        shown = await jarvisctl(home, "prices")

    assert (unchecked.returncode, wrong.returncode) == (2, 2)
    assert b"--sha256 is required" in unchecked.stderr
    assert checksum.encode() in wrong.stderr
    for done in (fetched, from_file, shown):
        assert done.returncode == 0, done.stderr
        assert f"prices of {day()}; shipped:".encode() in done.stdout


async def test_doctor_names_models_without_a_price(home: Home) -> None:
    append(home.transcript(), reply(model="nobody-knows-1", inp=1_500_000).decode())
    async with running_daemon(home) as daemon:
        await daemon.sync()
        found = (await jarvisctl(home, "doctor")).stdout.decode()

    assert "no price for nobody-knows-1: 1.5M tokens" in " ".join(found.split())
