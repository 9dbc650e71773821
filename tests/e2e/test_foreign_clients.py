"""Clients that nobody wrote for us: a shell and a pipe are enough."""

import json
import shutil

import anyio
import pytest

from tests.e2e.home import append, record
from tests.e2e.rig import Daemon
from tests.support import PATIENCE_S, eventually

HEALTH = b'{"jsonrpc":"2.0","id":1,"method":"health"}\n'
LIST = b'{"jsonrpc":"2.0","id":2,"method":"blocks.list"}\n'


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["nc", "-U", "-N"], id="nc"),
        pytest.param(["socat", "-t5", "-"], id="socat"),
    ],
)
async def test_a_pipe_into_the_socket_is_answered(
    daemon: Daemon, arguments: list[str]
) -> None:
    if shutil.which(arguments[0]) is None:
        pytest.skip(f"{arguments[0]} is not installed")

    path = daemon.home.transcript()
    append(path, record())
    await daemon.sync()
    to = "UNIX-CONNECT:" if arguments[0] == "socat" else ""
    with anyio.fail_after(PATIENCE_S):
        result = await anyio.run_process(
            [*arguments, f"{to}{daemon.socket}"], input=HEALTH + LIST
        )

    health, blocks = sorted(map(json.loads, result.stdout.splitlines()), key=by_id)
    assert health["result"]["pid"] == daemon.pid
    assert str(path) in {each["path"] for each in blocks["result"]["blocks"]}


async def test_the_status_files_can_simply_be_read(daemon: Daemon) -> None:
    path = daemon.home.transcript()
    append(path, record())
    await daemon.sync()
    status, line = (daemon.socket.parent / each for each in ("status.json", "line"))

    await eventually(lambda: json.loads(status.read_text())["blocks"] > 0)
    assert line.read_text().count("\n") <= 1
    assert "claude" in line.read_text()


def by_id(answer: dict[str, object]) -> int:
    """Return the number of the request."""
    number = answer["id"]
    assert isinstance(number, int)
    return number
