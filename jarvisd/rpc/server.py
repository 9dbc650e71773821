"""The server: accepts clients, one task each, whatever happens to any of them.

The accept loop is our own. anyio's ends for good when descriptors run out, and an
exception from one client's task would reach it through the task group; here a shortage
is a pause, and a `ClientConnection` lets nothing out.
"""

import asyncio
import errno
import os
import socket
from contextlib import suppress

import anyio
import structlog
from anyio.abc import TaskGroup, TaskStatus

from jarvisd.base.clock import Clock
from jarvisd.base.errors import protocol_error
from jarvisd.rpc import messages
from jarvisd.rpc.connection import READ_BYTES, ClientConnection, Round, Shared, Timeouts
from jarvisd.rpc.dispatch import Dispatcher
from jarvisd.rpc.endpoint import Endpoint, peer_uid
from jarvisd.rpc.handlers import MAX_CLIENTS, Handlers, ServerCounters
from jarvisd.rpc.subscription import Subscriptions

log = structlog.get_logger()

BROKEN = frozenset({errno.EBADF, errno.EINVAL, errno.ENOTSOCK, errno.EOPNOTSUPP})
"""The listener itself is useless: a new start may help, waiting will not."""

PAUSE_S = 0.1
"""Before the next try after any other failure, mostly a shortage of descriptors."""

GRACE_S = 1.0
"""How long a client that is turned away may take to read why."""

_BUSY = messages.encode_error(
    messages.NULL,
    protocol_error(
        "busy",
        f"{MAX_CLIENTS} clients are connected already; try again",
        limit=MAX_CLIENTS,
        retry_after_ms=1000,
    ),
)


class RpcServer:
    """Serves the clients of one endpoint."""

    def __init__(
        self,
        handlers: Handlers,
        subscriptions: Subscriptions,
        clock: Clock,
        counters: ServerCounters,
        *,
        timeouts: Timeouts | None = None,
    ) -> None:
        self._subscriptions = subscriptions
        self._clock = clock
        self._counters = counters
        self._turned_away = 0
        self.replies = Dispatcher(handlers)
        self._shared = Shared(
            replies=self.replies,
            subscriptions=subscriptions,
            clock=clock,
            counters=counters,
            timeouts=timeouts or Timeouts(),
            buffer=bytearray(READ_BYTES),
            round=Round(clock),
        )

    async def serve(
        self,
        endpoint: Endpoint,
        *,
        task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED,
    ) -> None:
        """Accept clients until cancelled; then every connection is cut."""
        async with anyio.create_task_group() as clients:
            clients.start_soon(self._subscriptions.run)
            log.info("api.listening", path=str(endpoint.path))
            task_status.started()
            while True:
                self._let_in(await self._accept(endpoint.socket), clients)

    async def _accept(self, listener: socket.socket) -> socket.socket:
        """Return the next client; wait out a shortage of descriptors and the like."""
        loop = asyncio.get_running_loop()
        paused = False
        while True:
            try:
                client, _address = await loop.sock_accept(listener)
            except ConnectionError:
                continue  # it has gone again
            except OSError as exc:
                if exc.errno in BROKEN:
                    raise

                if not paused:
                    log.warning("api.accept_paused", reason=exc.strerror)

                paused = True
                self._counters.accept_pauses += 1
                await self._clock.sleep_until(self._clock.monotonic() + PAUSE_S)
            else:
                return client

    def _let_in(self, client: socket.socket, clients: TaskGroup) -> None:
        if peer_uid(client) != os.geteuid():
            self._counters.refused_peers += 1
            client.close()
        elif self._counters.clients < MAX_CLIENTS:
            self._counters.clients += 1
            self._counters.accepted += 1
            clients.start_soon(self._serve_client, client)
        else:
            self._counters.refused_busy += 1
            self._send_off(client, clients)

    async def _serve_client(self, client: socket.socket) -> None:
        try:
            await ClientConnection(self._shared).run(client)
        finally:
            self._counters.clients -= 1

    def _send_off(self, client: socket.socket, clients: TaskGroup) -> None:
        if self._turned_away < MAX_CLIENTS:
            self._turned_away += 1
            clients.start_soon(self._turn_away, client)
        else:
            client.close()

    async def _turn_away(self, client: socket.socket) -> None:
        """Refuse *client*, which may come back later.

        It is given a moment to send its request and read the answer: closing at
        once would show it a broken pipe instead.
        """
        loop = asyncio.get_running_loop()
        try:
            with client, suppress(OSError), anyio.move_on_after(GRACE_S):
                client.send(_BUSY)
                client.shutdown(socket.SHUT_WR)
                while await loop.sock_recv(client, READ_BYTES):
                    pass
        finally:
            self._turned_away -= 1
