"""A store that cannot be written: counting goes on, and what was counted is kept."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from jarvisd.base.wire_types import Done
from jarvisd.core.origin import BlockView
from jarvisd.core.wire import PushLinesResult, PushOpenResult
from jarvisd.overview.health_wire import HealthResult
from jarvisd.rpc.client_wire import SubscribeResult
from jarvisd.state.model import Transition
from jarvisd.state.wire import StatesHistoryResult
from tests.e2e.client import Client, RpcError
from tests.e2e.home import Home, append, record
from tests.e2e.rig import Daemon, running_daemon
from tests.support import eventually

SMALL = "size=3m,mode=700"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")


async def test_a_full_disk_is_told_and_nothing_is_lost(home: Home) -> None:
    paths = [home.transcript() for _ in range(3)]
    for path in paths:
        append(path, record())

    with mounted(home.state, SMALL):
        async with running_daemon(home) as daemon:
            await daemon.sync()
            ballast = fill(home.state)
            for path in paths:
                append(path, *[record()] * 100)

            await eventually(lambda: status_is(daemon, "degraded"))
            async with daemon.connected() as client:
                counts = {each.line_count for each in await client.blocks()}
            assert counts == {101}
            health = await daemon.ask("health", HealthResult)
            assert health.store.error
            assert [each.kind for each in health.problems] == ["store_degraded"]

            ballast.unlink()
            await eventually(lambda: status_is(daemon, "ok"))
            await daemon.restart()
            found = [await daemon.block_at(path) for path in paths]
            assert [each.line_count for each in found] == [101] * 3


async def test_pushed_lines_are_not_acknowledged_while_the_disk_is_full(
    home: Home,
) -> None:
    block_id = "00000000000000aa"
    batch = {"block_id": block_id, "seq": 0, "lines": ["x" * 40]}
    with mounted(home.state, SMALL):
        async with running_daemon(home) as daemon, daemon.connected() as client:
            await client.ask("push.open", PushOpenResult, block_id=block_id)
            ballast = fill(home.state)
            with pytest.raises(RpcError) as refusal:
                await client.ask("push.lines", PushLinesResult, **batch)

            assert refusal.value.kind == "storage_degraded"
            ballast.unlink()

            async def is_stored() -> bool:
                try:
                    answer = await client.ask("push.lines", PushLinesResult, **batch)
                except RpcError:
                    return False
                return answer.line_count == 1

            await eventually(is_stored)
        assert home.stored_lines(block_id) == 1


async def test_a_daemon_on_a_read_only_disk_counts_and_stores_once_it_can(
    home: Home,
) -> None:
    path = home.transcript()
    append(path, *[record()] * 10)
    with mounted(home.state, SMALL):
        async with running_daemon(home) as daemon:
            await daemon.sync()
            await daemon.terminate()
            remount(home.state, "ro")
            append(path, record())
            await daemon.start()
            assert (await counted(daemon, path, lines=11)).line_count == 11
            assert await status_is(daemon, "degraded")

            remount(home.state, "rw")
            await eventually(lambda: status_is(daemon, "ok"))
            append(path, record())
            await daemon.sync()
            await daemon.restart()
            assert (await daemon.block_at(path)).line_count == 12


async def test_a_full_disk_silences_no_approval(home: Home) -> None:
    with mounted(home.state, SMALL):
        async with running_daemon(home) as daemon, daemon.connected() as client:
            await client.ask("subscribe", SubscribeResult, topics=["states"])
            await hook(daemon, "UserPromptSubmit")
            before = await told(client)
            ballast = fill(home.state)
            for number in range(100):  # small writes may still find room
                await hook(daemon, "UserPromptSubmit", session=f"s{number}")
                if not (await told(client)).stored:
                    break

            await hook(daemon, "PermissionRequest")
            unstored = await told(client)
            listed = await daemon.ask("states.history", StatesHistoryResult)

            ballast.unlink()
            await eventually(lambda: status_is(daemon, "ok"))
            await hook(daemon, "Stop")
            after = await told(client)
            await daemon.kill()
            await daemon.start()
            history = await daemon.ask("states.history", StatesHistoryResult)

        assert [each.stored for each in (before, unstored, after)] == [
            True,
            False,
            True,
        ]
        assert (unstored.state, listed.transitions[-1]) == (
            "waiting_approval",
            unstored,
        )
        numbers = [each.number for each in history.transitions]
        assert {before.number, unstored.number, after.number} <= set(numbers)
        assert all(each.stored for each in history.transitions)


async def hook(daemon: Daemon, event: str, session: str = "one") -> None:
    """Send the hook *event* as an agent does."""
    payload = {"session_id": session, "hook_event_name": event, "tool_name": "Bash"}
    await daemon.ask("hook", Done, agent="claude", payload=payload)


async def told(client: Client) -> Transition:
    """Return the next transition that *client* is told of."""
    event = await client.next_event()
    return msgspec.json.decode(event.data, type=Transition)


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    """Mount an empty disk at *folder*."""
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def remount(folder: Path, options: str) -> None:
    """Mount the disk at *folder* again, with other options."""
    options = f"remount,{options}"
    subprocess.run(["mount", "-o", options, folder], check=True)


def fill(folder: Path) -> Path:
    """Leave no byte free on the disk of *folder*; return the file that takes them."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            return ballast

    raise AssertionError("the disk is never full")


async def counted(daemon: Daemon, path: Path, *, lines: int = 1) -> BlockView:
    """Return the block of *path* once it has *lines* lines; nothing need be stored."""

    async def is_known() -> bool:
        async with daemon.connected() as client:
            block = await client.block_at(path)
            return block is not None and block.line_count >= lines

    await eventually(is_known)
    async with daemon.connected() as client:
        block = await client.block_at(path)
        assert block is not None
        return block


async def status_is(daemon: Daemon, status: str) -> bool:
    """Whether the daemon calls itself *status*."""
    return (await daemon.ask("health", HealthResult)).status == status
