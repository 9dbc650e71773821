"""From a request's line to its answer's line: the second bulkhead.

Whatever goes wrong in one request is reported to its client alone. The error's message
comes from our own errors; of anything else the client is given a number, under which
the traceback is in the log.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import anyio
import anyio.lowlevel
import structlog

from jarvisd.base.errors import (
    ConfigError,
    ProtocolError,
    SourceError,
    StoreError,
    protocol_error,
)
from jarvisd.base.json_guard import encode_safe
from jarvisd.base.wire_types import Params
from jarvisd.conversations.wire import ConversationsDecay, ConversationsForget
from jarvisd.core.wire import PushClose, PushLines, PushOpen
from jarvisd.overview.wire import Sync
from jarvisd.reports.wire import SessionsExplain
from jarvisd.rpc import messages
from jarvisd.rpc.handlers import Handlers, Pieces, Promise, Waiting
from jarvisd.rpc.subscription import ClientOutbox

log = structlog.get_logger()

REQUEST_S = 5.0
LONG_REQUEST_S = 30.0
"""For what commits, reads files or goes through everything there is."""


_LONG = (
    Sync
    | PushOpen
    | PushLines
    | PushClose
    | SessionsExplain
    | ConversationsDecay
    | ConversationsForget
)
MAX_BATCH_BYTES = 4 << 20


class Promised(NamedTuple):
    """A reply that comes by itself: *read* gives it once *promise* is done."""

    promise: Promise
    read: Callable[[], bytes]


Reply = bytes | Pieces | Callable[[], Awaitable[bytes | Pieces]] | Promised


@dataclass(slots=True)
class Dispatcher:
    """Turns lines into lines."""

    handlers: Handlers
    request_s: float = REQUEST_S
    long_request_s: float = LONG_REQUEST_S

    def reply_to(self, line: bytes, outbox: ClientOutbox) -> Reply:
        """Return the answer to *line*: bytes, pieces of them, or a wait for them.

        Empty bytes where nobody wants an answer.
        """
        match messages.decode(line):
            case None:
                return b""
            case messages.Refused() as refused:
                return _refusal(refused.id, refused.error)
            case messages.RequestBatch() as batch:
                return partial(self._reply_to_batch, batch, outbox)
            case messages.Call() as call:
                return self._reply_to_call(call, outbox)

    def _reply_to_call(self, call: messages.Call, outbox: ClientOutbox) -> Reply:
        try:
            answer = self.handlers.answer(call.params, outbox)
        except Exception as exc:
            return _refusal(call.id, _client_error(exc, call.method))

        match answer:
            case bytes():
                return _result(call.id, answer)
            case Iterator():
                return _framed(call, answer)
            case asyncio.Future():
                return self._promised(call, answer)
            case _:
                return partial(self._wait_for, call, answer)

    def _promised(self, call: messages.Call, promise: Promise) -> Promised:
        """Return the wait for *promise*, which is cancelled when it takes too long."""
        limit_s = self._limit_s(call.params)
        late = promise.get_loop().call_later(limit_s, promise.cancel)

        def reply() -> bytes:
            late.cancel()
            try:
                return _result(call.id, encode_safe(promise.result()))
            except asyncio.CancelledError:
                return _refusal(call.id, _timeout(call.method, limit_s))
            except Exception as exc:
                return _refusal(call.id, _client_error(exc, call.method))

        return Promised(promise, reply)

    async def _wait_for(self, call: messages.Call, answer: Waiting) -> bytes | Pieces:
        limit_s = self._limit_s(call.params)
        try:
            with anyio.fail_after(limit_s):
                found = await answer()
                if isinstance(found, Iterator):
                    return _framed(call, found)

                return _result(call.id, encode_safe(found))
        except TimeoutError:
            return _refusal(call.id, _timeout(call.method, limit_s))
        except Exception as exc:
            return _refusal(call.id, _client_error(exc, call.method))

    async def _reply_to_batch(
        self, batch: messages.RequestBatch, outbox: ClientOutbox
    ) -> bytes:
        answers: list[bytes] = []
        room = MAX_BATCH_BYTES
        for item in batch.items:
            answer = await self._reply_to_item(item, outbox)
            room -= len(answer)
            if room < 0:
                message = "the answers of this batch are too long; ask one by one"
                answer = _refusal(item.id, protocol_error("too_large", message))

            answers.append(answer)
            await anyio.lowlevel.checkpoint()  # a turn for the others
        return messages.encode_batch([answer for answer in answers if answer])

    async def _reply_to_item(
        self, item: messages.Call | messages.Refused, outbox: ClientOutbox
    ) -> bytes:
        if isinstance(item, messages.Refused):
            return _refusal(item.id, item.error)

        reply = self._reply_to_call(item, outbox)
        match reply:
            case bytes():
                return reply
            case Iterator():
                return await _joined(reply)
            case Promised():
                await asyncio.wait([reply.promise])
                return reply.read()
            case _:
                answer = await reply()
                return answer if isinstance(answer, bytes) else await _joined(answer)

    def _limit_s(self, params: Params) -> float:
        long = isinstance(params, _LONG)
        return self.long_request_s if long else self.request_s


def _timeout(method: str, limit_s: float) -> ProtocolError:
    return protocol_error("timeout", f"{method} took longer than {limit_s:g} s")


def _result(id_: bytes, result: bytes) -> bytes:
    return messages.encode_result(id_, result) if id_ else b""


def _refusal(id_: bytes, error: ProtocolError) -> bytes:
    return messages.encode_error(id_, error) if id_ else b""


def _framed(call: messages.Call, pieces: Pieces) -> Pieces | bytes:
    return _chain(call, pieces) if call.id else b""


def _chain(call: messages.Call, pieces: Pieces) -> Pieces:
    """Yield the answer in *pieces*; until one has a byte, it may become a refusal."""
    first = b""
    try:
        for first in pieces:
            if first:
                break

            yield first
    except Exception as exc:
        yield _refusal(call.id, _client_error(exc, call.method))
        return

    head, _, tail = messages.encode_result(call.id, b"\0").partition(b"\0")
    yield head
    yield first
    yield from pieces
    yield tail


async def _joined(pieces: Pieces) -> bytes:
    """Return all of *pieces*, with a turn for others after each."""
    answer = bytearray()
    for piece in pieces:
        answer += piece
        await anyio.lowlevel.checkpoint()

    return bytes(answer)


def _client_error(exc: Exception, method: str) -> ProtocolError:
    """Return the error for the client; an exception that has no kind is logged."""
    match exc:
        case ProtocolError():
            return exc
        case StoreError():
            return protocol_error("storage_degraded", str(exc), retry_after_ms=1000)
        case SourceError():
            return protocol_error("source_unreadable", str(exc))
        case ConfigError():
            return protocol_error("config_invalid", str(exc))
        case RecursionError():
            return messages.too_deep()
        case _:
            error_id = secrets.token_hex(4)
            log.error("request.crashed", method=method, error_id=error_id, exc_info=exc)
            message = f"internal error {error_id}; the daemon's log says more"
            return protocol_error("internal", message, error_id=error_id)
