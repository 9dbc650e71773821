"""A frontend as a stranger would write it: NDJSON JSON-RPC over a Unix socket."""

import json
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import anyio
import msgspec
from anyio.abc import ByteStream

from jarvisd.core.origin import BlockView
from jarvisd.overview.wire import BlocksListResult, SyncResult
from jarvisd.rpc.client_wire import Event

T = TypeVar("T")

PATIENCE_S = 60.0
"""No answer takes this long, however busy the machine is."""


class RpcError(Exception):
    """The daemon refused a request."""

    def __init__(self, code: int, message: str, data: dict[str, Any]) -> None:
        super().__init__(f"{code} {message} {data}")
        self.code = code
        self.message = message
        self.kind: str | None = data.get("kind")


class _Error(msgspec.Struct):
    code: int
    message: str
    data: dict[str, Any] = {}


class _Message(msgspec.Struct):
    """Whatever comes from the daemon: an answer, a refusal or a notification."""

    id: int | str | None = None
    method: str | None = None
    params: msgspec.Raw = msgspec.Raw(b"null")
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: _Error | None = None


class Client:
    """One connection. Notifications that come between answers wait their turn."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._received = b""
        self._events: deque[Event] = deque()
        self._last_id = 0

    async def ask(self, method: str, answer: type[T], **params: object) -> T:
        """Return the answer to one request.

        Raises:
            RpcError: The daemon refused it.

        """
        self._last_id += 1
        request = {"jsonrpc": "2.0", "id": self._last_id, "method": method}
        await self.send(json.dumps({**request, "params": params}).encode())
        while True:
            message = await self._receive()
            if message.id == self._last_id:
                return msgspec.json.decode(message.result, type=answer)

    async def send(self, line: bytes) -> None:
        """Send *line* as it is, and its end."""
        with anyio.fail_after(PATIENCE_S):
            await self._stream.send(line + b"\n")

    async def receive_line(self) -> bytes:
        """Return the next line, whatever it holds; EndOfStream when hung up on."""
        with anyio.fail_after(PATIENCE_S):
            while b"\n" not in self._received:
                self._received += await self._stream.receive()

        line, _, self._received = self._received.partition(b"\n")
        return line

    async def next_event(self) -> Event:
        """Return the next event of any subscription of this connection."""
        while not self._events:
            await self._receive()

        return self._events.popleft()

    async def sync(self) -> int:
        """Let the daemon read and store all that is on disk; return the revision."""
        return (await self.ask("sync", SyncResult)).revision

    async def blocks(self, **filters: object) -> list[BlockView]:
        """Return the blocks that match, newest activity first."""
        answer = await self.ask("blocks.list", BlocksListResult, **filters)
        return answer.blocks

    async def block_at(self, path: Path) -> BlockView | None:
        """Return the block that *path* feeds."""
        found = [each for each in await self.blocks() if each.path == str(path)]
        return found[0] if found else None

    async def _receive(self) -> _Message:
        message = msgspec.json.decode(await self.receive_line(), type=_Message)
        if message.error is not None:
            error = message.error
            raise RpcError(error.code, error.message, error.data)

        if message.method == "event":
            self._events.append(msgspec.json.decode(message.params, type=Event))
        return message


@asynccontextmanager
async def connected(socket: Path) -> AsyncIterator[Client]:
    """Connect to the daemon behind *socket*."""
    async with await anyio.connect_unix(socket) as stream:
        yield Client(stream)
