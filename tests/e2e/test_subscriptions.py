"""Those who listen are told, and those who do not read cost the others nothing."""

import json
import socket

import anyio
import msgspec

from jarvisd.core.discovery.inotify_files import PAUSE_S
from jarvisd.core.origin import BlockView
from jarvisd.overview.wire import ConfigReloadResult, StatusResult
from jarvisd.rpc.client_wire import Revision, SubscribeResult
from tests.e2e.client import Client
from tests.e2e.home import Home, append, record, write_steadily
from tests.e2e.rig import Daemon, running_daemon
from tests.support import PATIENCE_S


async def subscribe(client: Client, **params: object) -> SubscribeResult:
    """Subscribe to changes of blocks."""
    return await client.ask("subscribe", SubscribeResult, topics=["blocks"], **params)


async def next_block(client: Client) -> BlockView:
    """Return the next block that the client is told of."""
    event = await client.next_event()
    return msgspec.json.decode(event.data, type=BlockView)


async def told_until(client: Client, path: str, lines: int) -> list[BlockView]:
    """Return what is told of *path* until it has so many lines."""
    told: list[BlockView] = []
    with anyio.fail_after(PATIENCE_S):
        while not told or told[-1].line_count < lines:
            block = await next_block(client)
            if block.path == path:
                told.append(block)

    return told


async def test_a_new_line_is_told_within_a_tenth_of_a_second(daemon: Daemon) -> None:
    path = daemon.home.transcript()
    append(path, record())
    await daemon.sync()
    async with daemon.connected() as client:
        await subscribe(client)
        delays = []
        for lines in range(2, 12):
            before = anyio.current_time()
            append(path, record())
            await told_until(client, str(path), lines)
            delays.append(anyio.current_time() - before)

    delays.sort()
    assert delays[len(delays) // 2] < 0.1
    assert delays[2] < PAUSE_S - 0.01  # hints are not gathered while somebody waits


async def test_a_subscriber_may_ask_for_one_update_a_second(daemon: Daemon) -> None:
    path = daemon.home.transcript()
    async with daemon.connected() as client:
        await subscribe(client, interval_ms=500)
        await write_steadily(path, record(), lines=150, seconds=1.5)
        told = await told_until(client, str(path), 150)

    assert 3 <= len(told) <= 6


async def test_a_reload_is_quick_and_ends_no_subscription(daemon: Daemon) -> None:
    path = daemon.home.transcript()
    async with daemon.connected() as client:
        await subscribe(client)
        append(path, record())
        await told_until(client, str(path), 1)
        began = anyio.current_time()
        await daemon.ask("config.reload", ConfigReloadResult)
        assert anyio.current_time() - began < 0.5

        append(path, record())
        assert [each.line_count for each in await told_until(client, str(path), 2)] == [
            2
        ]


async def test_a_filter_keeps_other_agents_out(daemon: Daemon) -> None:
    path, rollout = daemon.home.transcript(), daemon.home.rollout()
    async with daemon.connected() as client:
        await subscribe(client, filter={"agent": "codex"})
        append(path, record())
        await daemon.sync()
        append(rollout, record())

        assert (await next_block(client)).path == str(rollout)


async def test_whoever_comes_back_is_told_what_was_missed(daemon: Daemon) -> None:
    path = daemon.home.transcript()
    append(path, record())
    await daemon.sync()
    async with daemon.connected() as client:
        cursor = (await subscribe(client)).cursor

    append(path, record())
    await daemon.sync()
    async with daemon.connected() as client:
        answer = await subscribe(client, since=cursor)
        told = await told_until(client, str(path), 2)

    assert not answer.reset
    assert told[-1].line_count == 2


async def test_a_cursor_of_an_earlier_daemon_gives_a_snapshot(home: Home) -> None:
    path = home.transcript()
    append(path, record())
    async with running_daemon(home) as daemon:
        await daemon.sync()
        async with daemon.connected() as client:
            cursor = (await subscribe(client)).cursor

        await daemon.restart()
        async with daemon.connected() as client:
            answer = await subscribe(client, since=cursor)
            assert answer.reset
            assert (await next_block(client)).path == str(path)


async def test_flushes_are_told_with_growing_revisions(daemon: Daemon) -> None:
    path = daemon.home.transcript()
    async with daemon.connected() as client:
        await client.ask("subscribe", SubscribeResult, topics=["flushes"])
        append(path, record())
        revision = await daemon.sync()
        with anyio.fail_after(PATIENCE_S):
            event = await client.next_event()

    told = msgspec.json.decode(event.data, type=Revision)
    assert told.revision <= revision


async def test_after_unsubscribe_nothing_is_told(daemon: Daemon) -> None:
    path = daemon.home.transcript()
    async with daemon.connected() as client:
        subscription = (await subscribe(client)).subscription
        await client.ask("unsubscribe", object, subscription=subscription)
        append(path, record())
        await daemon.sync()
        with anyio.move_on_after(0.2) as waited:
            await client.next_event()

    assert waited.cancelled_caught


async def test_a_client_that_does_not_read_delays_nobody(home: Home) -> None:
    path = home.transcript()
    request = {"jsonrpc": "2.0", "id": 1, "method": "subscribe"}
    line = json.dumps({**request, "params": {"topics": ["blocks"]}}).encode() + b"\n"
    async with running_daemon(home) as daemon, daemon.connected() as client:
        await daemon.sync()
        deaf = [socket.socket(socket.AF_UNIX) for _ in range(5)]
        for each in deaf:
            each.connect(str(daemon.socket))
            each.sendall(line)

        await subscribe(client)
        before = daemon.resident_bytes()
        for lines in range(1, 1001):
            append(path, record())
            if lines % 10 == 0:
                await told_until(client, str(path), lines)

        await client.ask("status", StatusResult)
        assert daemon.resident_bytes() - before < 16_000_000
        for each in deaf:
            each.close()
