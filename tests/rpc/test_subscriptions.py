"""Subscriptions over a real socket: who is told, when, and how soon."""

import statistics

import anyio

from jarvisd.core.publisher import Flushed
from jarvisd.overview.health_wire import HealthTurned
from jarvisd.overview.sessions import Sessions
from jarvisd.rpc.subscription import (
    MAX_SUBSCRIPTIONS,
    PING_S,
    ClientOutbox,
    Subscriptions,
)
from tests.rpc.fakes import Client, block, running
from tests.support import FakeClock, eventually


async def test_a_subscriber_is_told_of_a_change_and_only_once_asked() -> None:
    async with running() as server:
        grown = server.add(block())
        server.grow(grown)
        with Client(server.endpoint.path) as client:
            begun = await client.result("subscribe", topics=["blocks"])
            server.grow(grown, 2)
            event = await client.receive()

    assert begun["reset"] is False
    assert event["method"] == "event"
    assert event["params"]["subscription"] == begun["subscription"]
    assert event["params"]["data"]["line_count"] == 3


async def test_all_subscribers_are_told_and_the_others_are_not() -> None:
    async with running() as server:
        grown = server.add(block())
        path = server.endpoint.path
        with Client(path) as first, Client(path) as second, Client(path) as third:
            await first.result("subscribe", topics=["blocks"])
            await second.result("subscribe", topics=["blocks", "flushes"])
            server.grow(grown)
            server.subscriptions.flushed(Flushed(8))
            server.subscriptions.health_turned(HealthTurned(server.daemon.health()))

            assert (await first.receive())["params"]["topic"] == "blocks"
            assert (await second.receive())["params"]["topic"] == "blocks"
            assert (await second.receive())["params"]["data"] == {"revision": 8}
            assert (await third.ask("status"))["id"] == 1


async def test_after_the_end_of_a_subscription_nothing_more_comes() -> None:
    async with running() as server:
        grown = server.add(block())
        with Client(server.endpoint.path) as client:
            begun = await client.result("subscribe", topics=["blocks"])
            done = await client.result(
                "unsubscribe", subscription=begun["subscription"]
            )
            server.grow(grown)
            again = await client.ask("unsubscribe", subscription=begun["subscription"])

    assert done == {"ok": True}
    assert again["error"]["data"]["kind"] == "unknown_subscription"


async def test_a_block_may_be_named_by_the_beginning_of_its_id() -> None:
    async with running() as server:
        mine, other = server.add(block("a" * 16)), server.add(block("b" * 16))
        with Client(server.endpoint.path) as client:
            wanted = {"block_id": "aa"}
            await client.result("subscribe", topics=["blocks"], filter=wanted)
            server.grow(other)
            server.grow(mine)
            event = await client.receive()
            unknown = await client.ask(
                "subscribe", topics=["blocks"], filter={"block_id": "c"}
            )

    assert event["params"]["data"]["block_id"] == "a" * 16
    assert unknown["error"]["data"]["kind"] == "unknown_block"


async def test_a_client_goes_on_where_its_last_connection_ended() -> None:
    async with running() as server:
        a, b = server.add(block("a" * 16)), server.add(block("b" * 16))
        with Client(server.endpoint.path) as client:
            await client.result("subscribe", topics=["blocks"])
            server.grow(a)
            cursor = (await client.receive())["params"]["cursor"]

        server.grow(b)
        with Client(server.endpoint.path) as client:
            begun = await client.result("subscribe", topics=["blocks"], since=cursor)
            event = await client.receive()

    assert begun["reset"] is False
    assert event["params"]["data"]["block_id"] == "b" * 16


async def test_a_cursor_of_another_run_is_answered_by_a_snapshot() -> None:
    async with running() as server:
        for n in range(300):
            server.add(block(f"{n:016x}"))
        with Client(server.endpoint.path) as client:
            begun = await client.result("subscribe", topics=["blocks"], since="i0:5")
            events = [await client.receive() for _ in range(300)]

    assert begun["reset"] is True
    assert len({each["params"]["data"]["block_id"] for each in events}) == 300


async def test_a_client_that_falls_behind_is_resynchronised() -> None:
    async with running() as server:
        server.subscriptions.changes.max_kept = 8
        blocks = [server.add(block(f"{n:016x}")) for n in range(20)]
        with Client(server.endpoint.path) as client:
            await client.result("subscribe", topics=["blocks"])
            for each in blocks:
                server.grow(each)  # all before the client's turn comes

            resync = await client.receive()
            events = [await client.receive() for _ in range(20)]

    assert resync["method"] == "resync"
    assert {each["params"]["data"]["line_count"] for each in events} == {1}


async def test_an_interval_spaces_the_news_of_a_block_and_keeps_the_last() -> None:
    async with running() as server:
        grown = server.add(block())
        with Client(server.endpoint.path) as client:
            await client.result("subscribe", topics=["blocks"], interval_ms=100)
            server.grow(grown)
            first = await client.receive()
            began = server.clock.monotonic()
            for _ in range(5):
                server.grow(grown)
            last = await client.receive()
            took_s = server.clock.monotonic() - began

    assert first["params"]["data"]["line_count"] == 1
    assert last["params"]["data"]["line_count"] == 6
    assert took_s > 0.08


async def test_a_client_has_only_so_many_subscriptions() -> None:
    async with running() as server:
        with Client(server.endpoint.path) as client:
            for _ in range(MAX_SUBSCRIPTIONS):
                await client.result("subscribe", topics=["flushes"])
            answer = await client.ask("subscribe", topics=["flushes"])

    assert answer["error"]["data"]["kind"] == "busy"


async def test_a_subscriber_that_sends_no_more_goes_on_being_told() -> None:
    async with running() as server:
        grown = server.add(block())
        with Client(server.endpoint.path) as client:
            await client.result("subscribe", topics=["blocks"])
            client.end_sending()
            server.grow(grown)
            assert (await client.receive())["method"] == "event"

        server.grow(grown)
        await eventually(lambda: server.counters.clients == 0)


async def test_a_change_reaches_a_subscriber_well_within_a_millisecond() -> None:
    """The median, from `changed` to the bytes; a busy machine may delay a few."""
    async with running() as server:
        grown = server.add(block())
        with Client(server.endpoint.path) as client:
            await client.result("subscribe", topics=["blocks"])
            client.socket.settimeout(0)
            took_ms = []
            for _ in range(200):
                began = server.clock.monotonic()
                server.grow(grown)
                await anyio.wait_readable(client.socket)
                took_ms.append((server.clock.monotonic() - began) * 1000)
                client.socket.recv(65536)

    assert statistics.median(took_ms) < 1


async def test_quiet_subscribers_are_given_a_sign_of_life() -> None:
    clock, wakes = FakeClock(), []
    hub = Subscriptions(Sessions(), clock, instance_id="i1")
    outbox = ClientOutbox(hub, lambda: wakes.append(clock.monotonic()))
    hub.join(outbox)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(hub.run)
        await clock.advance(PING_S)
        assert b'"method":"ping"' in outbox.take(1000)
        assert outbox.take(1000) == b""
        await clock.advance(PING_S)
        assert b'"method":"ping"' in outbox.take(1000)
        tasks.cancel_scope.cancel()

    assert wakes == [100 + PING_S, 100 + 2 * PING_S]
