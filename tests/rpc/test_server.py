"""The server over a real socket: answers, limits, and clients that misbehave."""

import array
import json
import os
import resource
import socket
import subprocess
import sys
from contextlib import ExitStack, suppress
from pathlib import Path

import anyio
import pytest
from anyio.lowlevel import checkpoint
from structlog.testing import capture_logs

from jarvisd.base.errors import ConfigError, SourceError, StoreError
from jarvisd.rpc.connection import Timeouts
from jarvisd.rpc.handlers import MAX_CLIENTS, MAX_IN_FLIGHT
from jarvisd.rpc.messages import MAX_REQUEST_BYTES
from tests.rpc.fakes import Client, block, running
from tests.support import PATIENCE_S, eventually

STATUS = {"jsonrpc": "2.0", "id": 1, "method": "status"}
SYNC = {"jsonrpc": "2.0", "id": 2, "method": "sync"}
WORDS = {"conversation_id": "0" * 16, "role": "user", "content": "hello"}
SAVE = {"jsonrpc": "2.0", "id": 3, "method": "conversations.save_message"}

waits = pytest.mark.parametrize(
    "request_",
    [
        pytest.param(SYNC, id="task"),
        pytest.param({**SAVE, "params": WORDS}, id="promise"),
    ],
)


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def descriptors() -> set[str]:
    return {each.name for each in Path("/proc/self/fd").iterdir()}


async def send_until_nobody_reads(client: Client, request: object) -> None:
    client.socket.settimeout(0)
    raw = (json.dumps(request) + "\n").encode() * 100
    with suppress(BlockingIOError, ConnectionError):
        while True:
            client.socket.send(raw)
            await checkpoint()


async def test_a_question_is_answered() -> None:
    async with running() as server:
        server.add(block(lines=3))
        with Client(server.endpoint.path) as client:
            status = await client.result("status")

    assert (status["blocks"], status["line_count"]) == (1, 3)


async def test_answers_to_quick_questions_come_in_order() -> None:
    async with running() as server:
        with Client(server.endpoint.path) as client:
            await client.send(*({**STATUS, "id": n} for n in range(500)))
            ids = [(await client.receive())["id"] for _ in range(500)]

    assert ids == list(range(500))


async def test_a_wait_does_not_hold_up_other_questions() -> None:
    async with running() as server:
        server.daemon.hold = anyio.Event()
        with Client(server.endpoint.path) as client:
            await client.send(SYNC, STATUS)
            assert (await client.receive())["id"] == 1
            server.daemon.hold.set()
            assert (await client.receive())["id"] == 2


async def test_a_request_may_come_in_pieces_and_many_in_one() -> None:
    async with running() as server:
        with Client(server.endpoint.path) as client:
            raw = json.dumps(STATUS).encode()
            await client.send_raw(raw[:10])
            await client.send_raw(raw[10:] + b"\r\n\n" + raw + b"\n" + raw[:5])
            await client.send_raw(raw[5:] + b"\n")
            ids = [(await client.receive())["id"] for _ in range(3)]

    assert ids == [1, 1, 1]


async def test_a_batch_is_answered_in_one_line_without_its_notifications() -> None:
    async with running() as server:
        server.add(block())
        note = {"jsonrpc": "2.0", "method": "status"}
        listing = {**STATUS, "id": 3, "method": "blocks.list"}
        with Client(server.endpoint.path) as client:
            save = {**SAVE, "params": WORDS}
            await client.send([STATUS, note, SYNC, 7, listing, save])
            answers = await client.receive()
            await client.send([note, note])
            after = await client.ask("sync")

    assert [each["id"] for each in answers] == [1, 2, None, 3, 3]
    assert answers[4]["result"]["message_id"] == 1
    assert answers[2]["error"]["code"] == -32600
    assert len(answers[3]["result"]["blocks"]) == 1
    assert after["id"] == 1


async def test_a_wrong_request_leaves_the_connection_open() -> None:
    async with running() as server:
        with Client(server.endpoint.path) as client:
            await client.send_raw(b"{nonsense\n" + b"x" * (MAX_REQUEST_BYTES + 9))
            assert (await client.receive())["error"]["code"] == -32700
            assert (await client.receive())["error"]["code"] == -32006
            await client.send_raw(b"xxx\n")
            assert "result" in await client.ask("status")


async def test_a_long_list_arrives_whole() -> None:
    async with running() as server:
        for n in range(2000):
            server.add(block(f"{n:016x}"))
        with Client(server.endpoint.path) as client:
            listed = await client.result("blocks.list")

    assert len({each["block_id"] for each in listed["blocks"]}) == 2000


async def test_a_client_that_closes_its_side_is_answered_all_the_same() -> None:
    async with running() as server:
        server.daemon.hold = anyio.Event()
        with Client(server.endpoint.path) as client:
            await client.send(SYNC)
            await client.send_raw(json.dumps(STATUS).encode())  # no newline
            client.end_sending()
            assert (await client.receive())["id"] == 1
            server.daemon.hold.set()
            assert (await client.receive())["id"] == 2
            assert await client.receive_line() == b""


async def test_a_bug_in_a_handler_is_told_to_its_client_alone() -> None:
    async with running() as server:
        server.daemon.error = RuntimeError("secret detail")
        with (
            Client(server.endpoint.path) as victim,
            Client(server.endpoint.path) as other,
            capture_logs() as logs,
        ):
            quick = await victim.ask("health")
            waited = await victim.ask("sync")
            assert "result" in await other.ask("status")
            assert "result" in await victim.ask("status")

    for answer in (quick, waited):
        assert answer["error"]["code"] == -32603
        assert "secret" not in json.dumps(answer)

    crashes = [each for each in logs if each["event"] == "request.crashed"]
    assert [each["error_id"] for each in crashes] == [
        quick["error"]["data"]["error_id"],
        waited["error"]["data"]["error_id"],
    ]


@pytest.mark.parametrize(
    ("error", "number", "kind"),
    [
        pytest.param(StoreError("disk full"), -32004, "storage_degraded", id="store"),
        pytest.param(SourceError("/x", "gone"), -32008, "source_unreadable", id="file"),
        pytest.param(ConfigError("agents.x"), -32009, "config_invalid", id="config"),
    ],
)
@waits
async def test_a_known_error_becomes_an_answer(
    error: Exception, number: int, kind: str, request_: dict[str, object]
) -> None:
    async with running() as server:
        server.daemon.error = error
        with Client(server.endpoint.path) as client:
            await client.send(request_)
            answer = await client.receive()

    assert answer["error"]["code"] == number
    assert answer["error"]["data"]["kind"] == kind
    assert answer["error"]["message"] == str(error)


@waits
async def test_a_request_that_takes_too_long_is_given_up(
    request_: dict[str, object],
) -> None:
    async with running(request_s=0.05) as server:
        server.daemon.hold = anyio.Event()
        with Client(server.endpoint.path) as client:
            await client.send(request_)
            answer = await client.receive()

    assert answer["error"]["data"]["kind"] == "timeout"


@waits
async def test_no_more_requests_are_begun_than_may_wait(
    request_: dict[str, object],
) -> None:
    async with running() as server:
        hold = server.daemon.hold = anyio.Event()
        with Client(server.endpoint.path) as client:
            many = range(3 * MAX_IN_FLIGHT)
            await client.send(*({**request_, "id": each} for each in many))
            await eventually(lambda: server.daemon.waiting == MAX_IN_FLIGHT)
            with Client(server.endpoint.path) as other:
                assert "result" in await other.ask("status")
            assert server.daemon.waiting == MAX_IN_FLIGHT

            hold.set()
            ids = [(await client.receive())["id"] for _ in many]

    assert sorted(ids) == list(many)


async def test_a_request_once_begun_is_carried_out_though_its_client_goes() -> None:
    async with running() as server:
        hold = server.daemon.hold = anyio.Event()
        push = {"block_id": "00000000000000aa", "seq": 0, "lines": ["a"]}
        with Client(server.endpoint.path) as client:
            await client.send({**STATUS, "method": "push.lines", "params": push})
            await eventually(lambda: server.daemon.waiting == 1)
        hold.set()
        await eventually(lambda: server.counters.clients == 0)

        assert [each.lines for each in server.daemon.pushed] == [["a"]]


async def test_a_client_too_many_is_told_so_and_the_others_stay() -> None:
    async with running() as server:
        with ExitStack() as stack:
            path = server.endpoint.path
            clients = [stack.enter_context(Client(path)) for _ in range(MAX_CLIENTS)]
            for client in clients:
                assert "result" in await client.ask("status")

            with Client(path) as surplus:
                answer = await surplus.ask("status")
                assert await surplus.receive_line() == b""

            assert answer["error"]["code"] == -32001
            assert answer["error"]["data"]["kind"] == "busy"
            assert "result" in await clients[0].ask("status")
            clients[-1].close()
            await eventually(lambda: server.counters.clients < MAX_CLIENTS)
            with Client(path) as welcome:
                assert "result" in await welcome.ask("status")


async def test_a_client_that_never_reads_costs_little_and_is_dropped() -> None:
    async with running(timeouts=Timeouts(blocked_s=0.3)) as server:
        for n in range(2000):
            server.add(block(f"{n:016x}", lines=1, at_ms=server.clock.unix_ms()))
        listing = {**STATUS, "method": "blocks.list"}
        with Client(server.endpoint.path) as client:
            await client.result("blocks.list")
            before = resident_bytes()
            await send_until_nobody_reads(client, listing)
            grown = resident_bytes() - before
            await eventually(lambda: server.counters.dropped_blocked == 1)

        assert grown < 2 * 1024 * 1024  # a list is 1.1 MB, and hundreds were asked for
        await eventually(lambda: server.counters.clients == 0)


async def test_a_client_that_does_not_read_its_news_is_dropped() -> None:
    async with running(timeouts=Timeouts(blocked_s=0.2)) as server:
        busy = server.add(block())
        with Client(server.endpoint.path) as client:
            await client.result("subscribe", topics=["blocks"])
            with anyio.fail_after(PATIENCE_S):
                while not server.counters.dropped_blocked:
                    server.grow(busy)
                    await checkpoint()

        await eventually(lambda: len(server.subscriptions) == 0)


async def test_half_a_request_is_waited_for_only_so_long() -> None:
    async with running(timeouts=Timeouts(half_sent_s=0.1)) as server:
        with Client(server.endpoint.path) as slow, Client(server.endpoint.path) as idle:
            await slow.send_raw(b'{"jsonrpc":')
            assert await slow.receive_line() == b""
            assert server.counters.dropped_half_sent == 1
            assert "result" in await idle.ask("status")  # had sent nothing at all


async def test_half_a_request_that_waits_for_us_is_not_its_clients_delay() -> None:
    async with running(timeouts=Timeouts(half_sent_s=0.1)) as server:
        hold = server.daemon.hold = anyio.Event()
        waiting = [{**SYNC, "id": n} for n in range(MAX_IN_FLIGHT)]
        with Client(server.endpoint.path) as busy, Client(server.endpoint.path) as slow:
            half = b'{"jsonrpc":"2.0","id":99,'
            requests = [json.dumps(each).encode() + b"\n" for each in waiting]
            await busy.send_raw(b"".join([*requests, half]))
            await eventually(lambda: server.daemon.waiting == MAX_IN_FLIGHT)
            await slow.send_raw(half)
            assert await slow.receive_line() == b""  # later than busy, and dropped

            hold.set()
            answers = [await busy.receive() for _ in waiting]
            await busy.send_raw(b'"method":"status"}\n')
            assert (await busy.receive())["id"] == 99

    assert len(answers) == MAX_IN_FLIGHT


async def test_a_client_that_vanishes_is_forgotten() -> None:
    async with running() as server:
        for _ in range(50):
            with Client(server.endpoint.path) as client:
                await client.send(STATUS, STATUS)
        with Client(server.endpoint.path) as client:
            await client.result("subscribe", topics=["blocks"])

        await eventually(lambda: server.counters.clients == 0)
        assert len(server.subscriptions) == 0


async def test_a_flood_of_one_client_leaves_the_others_their_turn() -> None:
    async with running() as server:
        with (
            Client(server.endpoint.path) as flood,
            Client(server.endpoint.path) as other,
        ):
            raw = (json.dumps(STATUS) + "\n").encode() * 1000
            async with anyio.create_task_group() as tasks:

                async def send_and_read() -> None:
                    async with anyio.create_task_group() as both:
                        both.start_soon(flood.send_raw, raw * 3)
                        for _ in range(3000):
                            await flood.receive_line()

                tasks.start_soon(send_and_read)
                await eventually(lambda: server.counters.requests > 10)
                before = server.counters.requests
                await other.result("status")
                passed = server.counters.requests - before

    assert passed < 2500  # answered in between, and not behind all of them


async def test_descriptors_sent_along_do_not_stay_open() -> None:
    async with running() as server:
        with Client(server.endpoint.path) as client:
            await client.result("status")
            before = descriptors()
            read, write = os.pipe()
            raw = (json.dumps(STATUS) + "\n").encode()
            rights = array.array("i", [write] * 100)
            client.socket.sendmsg(
                [raw], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)]
            )
            await client.receive()
            os.close(write)

            assert os.read(read, 1) == b""  # nobody holds the writing end
            os.close(read)
            assert descriptors() == before


async def test_a_peer_of_another_user_is_let_go_silently(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with running() as server:
        real = os.geteuid()
        monkeypatch.setattr("jarvisd.rpc.server.os.geteuid", lambda: real + 1)
        with Client(server.endpoint.path) as client:
            assert await client.receive_line() == b""

    assert server.counters.refused_peers == 1


def test_a_shortage_of_descriptors_is_waited_out() -> None:
    """In a process of its own, whose limit can be set."""
    script = Path(__file__).with_name("shortage.py")
    done = subprocess.run(
        [sys.executable, script],
        cwd=script.parent.parent.parent,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.stdout.strip().endswith("survived"), done.stderr
