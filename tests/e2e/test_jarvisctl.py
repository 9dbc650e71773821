"""The command line against the real daemon."""

import json
import signal

import anyio
import pytest
from anyio.streams.buffered import BufferedByteReceiveStream

from jarvisd.base.errors import EXIT_NO_DAEMON, EXIT_NO_SUCH_BLOCK, EXIT_USAGE
from tests.e2e.commands import LIMIT_S, jarvisctl, started
from tests.e2e.home import Home, append, record
from tests.e2e.rig import Daemon
from tests.ledger.test_ledger_claude import prompt, reply
from tests.support import eventually


async def test_ps_shows_every_block_with_its_counts(daemon: Daemon) -> None:
    path = daemon.home.transcript()
    append(path, *[record(40)] * 7)
    block = await daemon.block_at(path)

    for_people = await jarvisctl(daemon.home, "ps")
    for_programs = await jarvisctl(daemon.home, "ps", "--json")
    for_scripts = await jarvisctl(daemon.home, "ps", "--plain")

    assert for_people.returncode == 0
    assert b"claude" in for_people.stdout
    found = json.loads(for_programs.stdout)["blocks"]
    mine = next(each for each in found if each["block_id"] == block.block_id)
    assert (mine["line_count"], mine["token_estimate"]) == (7, 70)
    rows = [line.split("\t") for line in for_scripts.stdout.decode().splitlines()]
    assert [row[6:8] for row in rows if row[0] == block.block_id] == [["7", "70"]]


async def test_show_takes_the_start_of_an_id(daemon: Daemon) -> None:
    path = daemon.home.transcript()
    append(path, record())
    block = await daemon.block_at(path)

    shown = await jarvisctl(daemon.home, "show", block.block_id[:10])

    assert shown.returncode == 0
    assert f"~/{path.relative_to(daemon.home.folder)}" in shown.stdout.decode()


async def test_show_takes_the_start_of_a_sessions_id(daemon: Daemon) -> None:
    path = daemon.home.transcript()
    append(path, prompt(second=0, key=path.stem).decode())
    await daemon.block_at(path)

    shown = await jarvisctl(daemon.home, "show", path.stem[:-1])

    assert shown.returncode == 0
    assert f"~/{path.relative_to(daemon.home.folder)}" in shown.stdout.decode()


@pytest.mark.parametrize(
    ("zone", "days"),
    [
        ("UTC", ["2026-11-21"]),
        ("JST-9", ["2026-11-21", "2026-11-22"]),
        ("EST5EDT,M3.2.0,M11.1.0", ["2026-11-20", "2026-11-21"]),
        ("PST8PDT", ["2026-11-20", "2026-11-21"]),
        ("<+0330>-3:30", ["2026-11-21"]),
        (":/usr/share/zoneinfo/Asia/Tokyo", ["2026-11-21", "2026-11-22"]),
    ],
)
async def test_days_are_those_of_the_zone_that_libc_would_take(
    daemon: Daemon, zone: str, days: list[str]
) -> None:
    append(
        daemon.home.transcript(),
        reply("m1", second=0, inp=1).decode(),
        reply("m2", inp=1).decode().replace("T02:", "T20:"),
    )
    await daemon.sync()

    report = await jarvisctl(daemon.home, "report", "daily", "--json", zone=zone)

    assert report.returncode == 0, report.stderr
    rows = json.loads(report.stdout)["rows"]
    assert [each["key"] for each in rows] == days


async def test_a_zone_that_nobody_knows_is_utc_and_said(daemon: Daemon) -> None:
    append(daemon.home.transcript(), reply("m1", inp=1).decode())
    await daemon.sync()

    report = await jarvisctl(daemon.home, "report", "daily", "--json", zone="Mars/X")

    assert report.returncode == 0
    assert json.loads(report.stdout)["tz"] == "UTC"
    assert b"no time zone `Mars/X`" in report.stderr
    assert b"UTC" in report.stderr


@pytest.mark.parametrize("name", ["show", "tail"])
async def test_an_unknown_block_has_a_status_of_its_own(
    daemon: Daemon, name: str
) -> None:
    result = await jarvisctl(daemon.home, name, "feedfeedfeedfeed")

    assert result.returncode == EXIT_NO_SUCH_BLOCK
    assert result.stdout == b""
    assert b"feedfeedfeedfeed" in result.stderr


async def test_tail_prints_the_last_lines_as_they_are(daemon: Daemon) -> None:
    path = daemon.home.transcript()
    append(path, '{"n":1}', '{"n":"é\x1b[31m"}', '{"n":3}')
    block = await daemon.block_at(path)

    result = await jarvisctl(daemon.home, "tail", block.block_id, "-n", "2")

    assert result.stdout.decode() == '{"n":"é\x1b[31m"}\n{"n":3}\n'


async def test_watch_prints_a_change_a_line_and_ends_when_told(daemon: Daemon) -> None:
    path = daemon.home.transcript()
    append(path, record())
    block = await daemon.block_at(path)
    async with await started(daemon.home, "watch", "--json") as process:
        assert process.stdout is not None
        lines = BufferedByteReceiveStream(process.stdout)
        with anyio.fail_after(LIMIT_S):
            await seen(lines, block.block_id, count=1)
            append(path, record())
            await seen(lines, block.block_id, count=2)

            process.send_signal(signal.SIGTERM)
            assert await process.wait() in {0, 128 + signal.SIGTERM, -signal.SIGTERM}


async def test_health_and_sync_answer(daemon: Daemon) -> None:
    health = await jarvisctl(daemon.home, "health", "--json")
    assert json.loads(health.stdout)["health"]["pid"] == daemon.pid
    assert (await jarvisctl(daemon.home, "health", "--check")).returncode == 0

    sync = await jarvisctl(daemon.home, "sync", "--json")
    assert json.loads(sync.stdout)["revision"] >= 0


async def test_the_line_for_a_status_bar_is_one_line(daemon: Daemon) -> None:
    path = daemon.home.transcript()
    append(path, record())
    await daemon.sync()

    async def tells_of_claude() -> bool:
        result = await jarvisctl(daemon.home, "line")
        assert result.returncode == 0
        assert result.stdout.count(b"\n") == 1
        return b"claude" in result.stdout

    # The file is rendered four times a second at most.
    await eventually(tells_of_claude)


async def test_without_a_daemon_everybody_is_told_how_to_start_it(home: Home) -> None:
    for name in ("ps", "health", "sync", "watch"):
        result = await jarvisctl(home, name)
        assert result.returncode == EXIT_NO_DAEMON
        assert result.stdout == b""
        assert b"jarvisctl service install" in result.stderr
        assert b"Traceback" not in result.stderr

    silent = await jarvisctl(home, "line")
    assert (silent.returncode, silent.stdout, silent.stderr) == (0, b"", b"")
    checked = await jarvisctl(home, "line", "--check")
    assert checked.returncode == EXIT_NO_DAEMON


async def test_doctor_finds_nothing_wrong_with_a_daemon_that_is_well(
    daemon: Daemon,
) -> None:
    result = await jarvisctl(daemon.home, "doctor")

    assert result.returncode == 0, result.stdout.decode() + result.stderr.decode()
    assert str(daemon.socket) in result.stdout.decode()


async def test_doctor_works_without_a_daemon(home: Home) -> None:
    result = await jarvisctl(home, "doctor")

    assert result.returncode == 1
    assert b"Traceback" not in result.stderr


async def test_a_mistyped_command_is_met_with_the_nearest(home: Home) -> None:
    result = await jarvisctl(home, "heatlh")

    assert result.returncode == EXIT_USAGE
    assert b"health" in result.stderr


async def test_config_show_tells_where_a_setting_comes_from(home: Home) -> None:
    home.configure('log_level = "debug"\n')

    result = await jarvisctl(home, "config", "show", "--origin")

    rows = [line for line in result.stdout.decode().splitlines() if "log_level" in line]
    assert len(rows) == 1
    assert "debug" in rows[0]
    assert str(home.config) in rows[0]


async def seen(lines: BufferedByteReceiveStream, block_id: str, *, count: int) -> None:
    """Wait until a line tells that the block has so many lines."""
    while True:
        told = json.loads(await lines.receive_until(b"\n", 1 << 20))
        if block_id in json.dumps(told) and f'"line_count": {count},' in json.dumps(
            told
        ):
            return
