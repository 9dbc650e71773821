"""Ten thousand requests and lines of nonsense: refused or counted, never fatal."""

import json
import socket

import pytest

from jarvisd.overview.wire import StatusResult
from tests.e2e.home import Home, append_bytes
from tests.e2e.rig import Daemon, running_daemon
from tests.hostile.nonsense import lines, requests

COUNT = 10_000
MAX_GROWTH_BYTES = 32_000_000
MAX_LOGGED = 100
SEED = 20260921


def resident_after_a_large_request(daemon: Daemon) -> int:
    """Return the memory held once the buffers of a large request were needed."""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(daemon.socket))
        refused(client, b"x" * (1 << 21))
    return daemon.resident_bytes()


def refused(client: socket.socket, line: bytes) -> int:
    """Send *line* and return the code that it is refused with."""
    client.sendall(line + b"\n")
    answer = b""
    while not answer.endswith(b"\n"):
        piece = client.recv(1 << 16)
        assert piece, "hung up on"
        answer += piece

    return int(json.loads(answer)["error"]["code"])


@pytest.mark.timeout(180)
async def test_ten_thousand_wrong_requests_get_their_code_each(home: Home) -> None:
    async with running_daemon(home) as daemon:
        before = resident_after_a_large_request(daemon)
        logged = len(daemon.log().splitlines())
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(20)
            client.connect(str(daemon.socket))
            for line, codes in requests(COUNT, SEED):
                code = refused(client, line)
                assert code in codes, (code, line[:200])

        assert await daemon.ask("status", StatusResult) is not None
        assert daemon.resident_bytes() - before < MAX_GROWTH_BYTES
        assert len(daemon.log().splitlines()) - logged < MAX_LOGGED


async def test_ten_thousand_wrong_lines_are_counted_each(home: Home) -> None:
    path = home.transcript()
    async with running_daemon(home) as daemon:
        before = daemon.resident_bytes()
        logged = len(daemon.log().splitlines())
        good = b'{"type":"user"}\n'
        for line in lines(COUNT, SEED):
            append_bytes(path, line + b"\n" + good)

        block = await daemon.block_at(path)

        assert (block.line_count, block.malformed_count) == (2 * COUNT, COUNT)
        assert daemon.resident_bytes() - before < MAX_GROWTH_BYTES
        assert len(daemon.log().splitlines()) - logged < MAX_LOGGED
