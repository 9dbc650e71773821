"""Whenever it is told to stop, it stops soon, with nothing to complain about."""

import random
import signal

import anyio
import pytest

from tests.e2e.commands import started
from tests.e2e.home import Home, append, record, write_steadily
from tests.e2e.rig import Daemon
from tests.support import PATIENCE_S, eventually

MOMENTS = [round(random.Random(11).uniform(0, 1.2), 2) for _ in range(10)]


@pytest.mark.parametrize("moment_s", MOMENTS)
async def test_the_daemon_ends_at_any_moment(home: Home, moment_s: float) -> None:
    for _ in range(3):
        append(home.transcript(), *[record(400)] * 5000)

    daemon = Daemon(home)
    try:
        daemon.spawn()
        with anyio.move_on_after(moment_s):
            await write_steadily(home.transcript(), record(), lines=2000, seconds=2)

        status = await daemon.terminate()
    finally:
        daemon.destroy()

    # Until it listens for the signal, the system ends it.
    assert status in {0, -signal.SIGTERM}
    daemon.assert_clean_log()
    assert status == 0 or "daemon.started" not in daemon.log()


@pytest.mark.parametrize("moment_s", [0.05, 0.2, 0.5])
@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["watch", "--json"], id="watch"),
        pytest.param(["ingest"], id="ingest"),
        pytest.param(["run", "--", "sleep", "60"], id="run"),
    ],
)
async def test_the_command_line_ends_at_any_moment(
    daemon: Daemon, arguments: list[str], moment_s: float
) -> None:
    async with await started(daemon.home, *arguments) as process:
        await anyio.sleep(moment_s)
        process.terminate()
        with anyio.fail_after(PATIENCE_S):
            await process.wait()

        assert process.stderr is not None
        said = b"".join([piece async for piece in process.stderr])

    assert b"Traceback" not in said
    assert process.returncode in {-signal.SIGTERM, 128 + signal.SIGTERM}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_is_a_clean_end(home: Home, number: signal.Signals) -> None:
    daemon = Daemon(home)
    try:
        await daemon.start()
        assert await daemon.stop(number) == 0
    finally:
        daemon.destroy()

    assert not home.socket.exists()
    assert not (home.socket.parent / "line").exists()
    assert not (home.state / "jarvisd.db-wal").exists()
    daemon.assert_clean_log()


async def test_a_hangup_reads_the_configuration_again(home: Home) -> None:
    daemon = Daemon(home)
    try:
        await daemon.start()
        await daemon.sync()
        home.configure('log_level = "debug"\n')
        daemon.signal(signal.SIGHUP)
        await eventually(lambda: "config.reloaded" in daemon.log())
        home.configure("exclud = []\n")
        daemon.signal(signal.SIGHUP)
        await eventually(lambda: "exclude" in daemon.log())
        assert await daemon.terminate() == 0
    finally:
        daemon.destroy()

    daemon.assert_clean_log()
