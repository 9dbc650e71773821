"""Chat programs that are no coding agents: what they did, recorded call by call.

A call becomes a record, as a line of a transcript would, and is folded into the books:
so segments, totals, reports and restarts are the same as for every other session. A
session is one block without lines, whose position is the number of calls taken.

Times within a session go by the monotonic clock: whoever sets the wall's makes no
session longer, and none shorter than nothing.
"""

from collections.abc import Callable
from hashlib import blake2b
from typing import cast

from msgspec.structs import replace

from jarvisd.base.clock import MS_PER_S
from jarvisd.base.errors import StoreError, protocol_error
from jarvisd.base.ids import BlockId, SessionId
from jarvisd.base.usage import Tokens
from jarvisd.core.block import Block
from jarvisd.core.event import ApiFailed, Event, ToolCalled, UsageReported
from jarvisd.core.flush import Flusher
from jarvisd.core.intake import Intake
from jarvisd.core.origin import Kind, Origin
from jarvisd.core.record import Record
from jarvisd.ledger.engine import Ledger
from jarvisd.ledger.ledger_stream import FoldedStream
from jarvisd.ledger.session_totals import Session
from jarvisd.segments.engine import Segments
from jarvisd.segments.model import Closed
from jarvisd.segments.wire import (
    ChatParams,
    ChatsEndSession,
    ChatsEndSessionResult,
    ChatsRecordError,
    ChatsRecordInference,
    ChatsRecordResult,
    ChatsRecordTool,
)

PARSER_VERSION = 1
"""There is no parser; but rows say by which they were read."""

MAX_TIMED = 10_000
"""Sessions whose last call is remembered; of older ones the wall clock is asked."""


class Chats:
    """Counts what chat programs say they did."""

    def __init__(
        self,
        intake: Intake,
        flusher: Flusher,
        ledger: Ledger,
        segments: Segments,
        *,
        bind: Callable[[Block], None],
    ) -> None:
        self._blocks = intake.blocks
        self._ledger = ledger
        self._segments = segments
        self._bind = bind
        self._clock = intake.clock
        self._flusher = flusher
        self._intake = intake
        self._last: dict[BlockId, tuple[float, int]] = {}

    async def record(self, asked: ChatParams) -> ChatsRecordResult:
        """Count one call, and answer once it is stored.

        Raises:
            ProtocolError: It could not be stored (storage_degraded). It is counted all
                the same, so that sending it again takes a key.

        """
        block = self._block(asked)
        session = self._fold(block, asked)
        segment = session.open_segments.closed + max(1, len(session.open_segments.open))
        await self._committed(block)
        return ChatsRecordResult(segment=segment)

    async def end(self, asked: ChatsEndSession) -> ChatsEndSessionResult:
        """Close the open segment, and answer once that is stored.

        Raises:
            ProtocolError: It could not be stored yet (storage_degraded).

        """
        session = self._ledger.session(asked.agent, asked.session_id)
        block = self._blocks.get(_block_id(asked.agent, asked.session_id))
        if session is None or block is None or not session.open_segments:
            return ChatsEndSessionResult(segment=None)

        before = session.open_segments.closed
        self._segments.end(session, Closed.END, self._clock.unix_ms())
        self._last.pop(block.block_id, None)
        self._intake.touch(block)
        closed = session.open_segments.closed
        await self._committed(block)
        return ChatsEndSessionResult(segment=closed if closed > before else None)

    def _block(self, asked: ChatParams) -> Block:
        block_id = _block_id(asked.agent, asked.session_id)
        block = self._blocks.get(block_id)
        if block is None:
            origin = Origin(
                block_id=block_id,
                kind=Kind.PUSH,
                agent=asked.agent,
                session_id=asked.session_id,
                project=asked.project,
            )
            block = Block(origin)
            self._blocks.add(block, self._clock.unix_ms())

        return block

    def _fold(self, block: Block, asked: ChatParams) -> Session:
        now_s, now_ms = self._clock.monotonic(), self._clock.unix_ms()
        memory = block.open_memory(PARSER_VERSION, self._intake.open_memory)
        assert memory is not None, "pushed block that would have to be read again"
        at_ms = self._at_ms(block, now_s, now_ms)
        record = Record(
            kind=_METHODS[type(asked)],
            at_ms=at_ms,
            session_id=asked.session_id,
            key=None if asked.key is None else f"{block.block_id}:{asked.key}",
            offset=block.position.offset,
            events=(_event(asked),),
        )
        self._ledger.apply(cast("FoldedStream", memory), record)
        self._ledger.applied()
        self._bind(block)
        session: Session | None = block.session
        assert session is not None, "chat whose record opened no session"
        if isinstance(asked, ChatsRecordInference) and asked.engine:
            session.open_segments.name_engine(at_ms, asked.engine)

        self._segments.touched(session, now_s=now_s, now_ms=now_ms)
        block.position = replace(block.position, offset=block.position.offset + 1)
        block.came_at(now_ms)
        self._intake.touch(block)
        return session

    def _at_ms(self, block: Block, now_s: float, now_ms: int) -> int:
        """Return when a call came: as long after the last as the clock has gone on."""
        at_ms = now_ms
        last, session = self._last.pop(block.block_id, None), block.session
        if session is not None and session.open_segments.open and last is not None:
            at_ms = last[1] + round((now_s - last[0]) * MS_PER_S)
        elif session is not None:  # a closed segment cannot change
            at_ms = max(now_ms, session.open_segments.closed_ms + 1)

        self._last[block.block_id] = (now_s, at_ms)
        if len(self._last) > MAX_TIMED:
            del self._last[next(iter(self._last))]

        return at_ms

    async def _committed(self, block: Block) -> None:
        try:
            await self._flusher.commit(block)
        except StoreError as exc:
            message = f"counted, and not stored yet: {exc}"
            raise protocol_error(
                "storage_degraded", message, retry_after_ms=1000
            ) from exc


_METHODS: dict[type[ChatParams], str] = {
    ChatsRecordInference: "record_inference",
    ChatsRecordTool: "record_tool",
    ChatsRecordError: "record_error",
}


def _event(asked: ChatParams) -> Event:
    match asked:
        case ChatsRecordInference():
            tokens = Tokens(
                input=max(0, asked.tokens_in), output=max(0, asked.tokens_out)
            )
            return UsageReported(
                model=asked.model_hash or None,
                tokens=tokens,
                has_cache=False,
                in_context=False,
                latency_ms=asked.latency_ms if asked.latency_ms > 0 else None,
            )
        case ChatsRecordTool():
            return ToolCalled(call_id="", tool=asked.tool_name)
        case ChatsRecordError():
            return ApiFailed()
        case _:
            raise AssertionError(type(asked))


def _block_id(agent: str, session_id: SessionId) -> BlockId:
    name = f"chat\0{agent}\0{session_id}".encode(errors="surrogatepass")
    return BlockId(blake2b(name, digest_size=8).hexdigest())
