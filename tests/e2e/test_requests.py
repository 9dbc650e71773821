"""Requests as nobody should send them: the right error, and the connection stays."""

import json
import socket

import anyio
import pytest
from anyio import EndOfStream

from jarvisd.overview.wire import StatusResult
from jarvisd.rpc.client_wire import HelloResult
from tests.e2e.client import Client, RpcError
from tests.e2e.home import append, record
from tests.e2e.rig import Daemon
from tests.support import eventually


@pytest.mark.parametrize(
    ("request_line", "code"),
    [
        pytest.param(b"{", -32700, id="no JSON"),
        pytest.param(b"\xff\xff", -32700, id="not UTF-8"),
        pytest.param(b"{}", -32600, id="no request"),
        pytest.param(b"17", -32600, id="a number"),
        pytest.param(b"[]", -32600, id="an empty batch"),
        pytest.param(b'{"jsonrpc":"1.0","id":1,"method":"health"}', -32600, id="1.0"),
        pytest.param(b'{"jsonrpc":"2.0","id":1,"method":17}', -32600, id="method 17"),
        pytest.param(
            b'{"jsonrpc":"2.0","id":1,"method":"nope"}', -32601, id="unknown method"
        ),
        pytest.param(
            b'{"jsonrpc":"2.0","id":1,"method":"blocks.get"}', -32602, id="no params"
        ),
        pytest.param(
            b'{"jsonrpc":"2.0","id":1,"method":"blocks.get","params":{"block":"x"}}',
            -32602,
            id="unknown parameter",
        ),
        pytest.param(
            b'{"jsonrpc":"2.0","id":1,"method":"x","params":' + b"[" * 5000 + b"}",
            -32700,
            id="deep",
        ),
    ],
)
async def test_a_bad_request_is_refused_and_the_next_is_answered(
    daemon: Daemon, request_line: bytes, code: int
) -> None:
    async with daemon.connected() as client:
        await client.send(request_line)
        refusal = json.loads(await client.receive_line())

        assert refusal["error"]["code"] == code
        assert refusal["error"]["data"]["kind"].islower()
        await client.ask("status", StatusResult)


async def test_an_unknown_block_is_an_error_with_a_name(daemon: Daemon) -> None:
    async with daemon.connected() as client:
        with pytest.raises(RpcError) as refusal:
            await client.ask("blocks.get", object, block_id="feedfeedfeedfeed")

        assert refusal.value.kind == "unknown_block"
        await client.ask("status", StatusResult)


async def test_a_prefix_of_an_id_is_enough_when_it_is_unique(daemon: Daemon) -> None:
    path = daemon.home.transcript()
    append(path, record())
    block = await daemon.block_at(path)

    async with daemon.connected() as client:
        found = await client.ask(
            "blocks.get", dict[str, object], block_id=block.block_id[:12]
        )
        with pytest.raises(RpcError) as refusal:
            await client.ask("blocks.get", object, block_id="")

    assert found["block_id"] == block.block_id
    assert refusal.value.kind == "unknown_block"


async def test_several_requests_in_one_write_are_all_answered(daemon: Daemon) -> None:
    line = b'{"jsonrpc":"2.0","id":%d,"method":"status"}'
    async with daemon.connected() as client:
        await client.send(b"\n".join(line % number for number in range(10)))
        answers = [json.loads(await client.receive_line()) for _ in range(10)]

    assert sorted(each["id"] for each in answers) == list(range(10))


async def test_a_batch_is_answered_as_one(daemon: Daemon) -> None:
    async with daemon.connected() as client:
        await client.send(
            b'[{"jsonrpc":"2.0","id":1,"method":"status"},'
            b'{"jsonrpc":"2.0","method":"status"},'
            b'{"jsonrpc":"2.0","id":2,"method":"nope"}]'
        )
        answers = json.loads(await client.receive_line())

    assert {each["id"] for each in answers} == {1, 2}


async def test_a_request_beyond_the_limit_is_refused(daemon: Daemon) -> None:
    async with daemon.connected() as client:
        limit = (await client.ask("hello", HelloResult)).limits.request_bytes
        try:
            await client.send(b'{"jsonrpc":"2.0","id":1,"method":"' + b"x" * limit)
            answer = json.loads(await client.receive_line())
        except (anyio.BrokenResourceError, EndOfStream):
            answer = {"error": {"data": {"kind": "too_large"}}}

    assert answer["error"]["data"]["kind"] == "too_large"
    await daemon.ask("status", StatusResult)


async def test_more_clients_than_are_served_wait_or_are_told(daemon: Daemon) -> None:
    async with daemon.connected() as client:
        limit = (await client.ask("hello", HelloResult)).limits.connections
        extra = [socket.socket(socket.AF_UNIX) for _ in range(limit + 5)]
        try:
            for each in extra:
                each.connect(str(daemon.socket))

            await client.ask("status", StatusResult)
        finally:
            for each in extra:
                each.close()

    async def is_served() -> bool:
        try:
            await daemon.ask("status", StatusResult)
        except (RpcError, EndOfStream, anyio.BrokenResourceError):
            return False
        return True

    await eventually(is_served)


async def test_a_client_that_hangs_up_in_a_request_disturbs_nobody(
    daemon: Daemon,
) -> None:
    for half in (
        b"",
        b'{"jsonrpc":"2.0","id":1,',
        b'{"jsonrpc":"2.0","id":1,"method":"sync"}\n',
    ):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(daemon.socket))
            client.sendall(half)

    await daemon.ask("status", StatusResult)


async def hello(client: Client) -> HelloResult:
    """Return what the daemon says of itself."""
    return await client.ask("hello", HelloResult, client="test", protocol=[1])


async def test_hello_names_everything_that_can_be_asked(daemon: Daemon) -> None:
    async with daemon.connected() as client:
        answer = await hello(client)
        document = await client.ask("rpc.discover", dict[str, object])

    methods = document["methods"]
    assert isinstance(methods, list)
    assert {each["name"] for each in methods} <= set(answer.capabilities)
    assert answer.pid == daemon.pid


async def test_a_protocol_nobody_speaks_is_refused(daemon: Daemon) -> None:
    with pytest.raises(RpcError) as refusal:
        await daemon.ask("hello", HelloResult, protocol=[99])

    assert refusal.value.kind == "protocol_mismatch"
