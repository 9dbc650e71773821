"""Books, store and recorder without a socket, under a clock that moves when told."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio

from jarvisd.app.feature_order import open_store
from jarvisd.app.load_stored import recall_books
from jarvisd.base.ids import BlockId, SessionId
from jarvisd.blocks.model import restored_block
from jarvisd.core.block import Block
from jarvisd.core.block_registry import Blocks
from jarvisd.core.flush import Flusher
from jarvisd.core.intake import Intake
from jarvisd.core.origin import Kind, Origin
from jarvisd.core.publisher import Publisher
from jarvisd.core.roots import Position
from jarvisd.core.sources.jsonlines.lines import TextLine
from jarvisd.core.storage.database_store import Store
from jarvisd.ledger.rules import LedgerRules
from jarvisd.ledger.session_totals import Session
from jarvisd.overview.sessions import Sessions
from jarvisd.segments.chats import Chats
from jarvisd.segments.engine import SegmentClosed
from jarvisd.segments.methods import SegmentHandlers
from jarvisd.segments.model import Segment
from jarvisd.segments.wire import (
    ChatsEndSession,
    ChatsEndSessionResult,
    ChatsRecordError,
    ChatsRecordInference,
    ChatsRecordTool,
    SegmentParams,
    SegmentsList,
    SegmentsListResult,
)
from tests.agents.found import AGENTS, traits_of
from tests.books.rig import Fragile
from tests.ledger.books import flat_price
from tests.support import FakeClock, build_flusher, eventually, stored_blocks

CHAT = SessionId("c1")


@dataclass(slots=True)
class Desk:
    """What runs; a test records, lets time pass, and looks at what is stored."""

    clock: FakeClock
    store: Store
    books: Sessions
    blocks: Blocks
    flusher: Flusher
    intake: Intake
    desk: SegmentHandlers
    complete: list[bool]
    disk: Fragile
    told: list[Segment] = field(default_factory=list)

    def hear(self, notice: SegmentClosed) -> None:
        self.told.append(notice.segment)

    async def answer(self, asked: SegmentParams) -> Any:
        return await self.desk.methods()[type(asked)](asked)

    async def infer(self, session: str = CHAT, **given: Any) -> None:
        await self.answer(ChatsRecordInference(session_id=SessionId(session), **given))

    async def tool(self, name: str = "", session: str = CHAT, **given: Any) -> None:
        asked = ChatsRecordTool(session_id=SessionId(session), tool_name=name, **given)
        await self.answer(asked)

    async def error(self, session: str = CHAT, **given: Any) -> None:
        await self.answer(ChatsRecordError(session_id=SessionId(session), **given))

    async def end(self, session: str = CHAT) -> int | None:
        asked = ChatsEndSession(session_id=SessionId(session))
        answer = await self.answer(asked)
        assert isinstance(answer, ChatsEndSessionResult)
        return answer.segment

    async def pass_by(self, seconds: float) -> None:
        """Let time pass, and the daemon look at its ticks as it does."""
        await self.clock.advance(seconds)
        await eventually(lambda: bool(self.clock._sleepers))

    async def segments(self, **asked: Any) -> list[Segment]:
        """Return what is stored, the first closed first."""
        asked.setdefault("limit", 1_000)
        answer = await self.answer(SegmentsList(after=0, **asked))
        assert isinstance(answer, SegmentsListResult)
        return answer.segments

    async def only(self) -> Segment:
        (segment,) = await self.segments()
        return segment

    def fold(
        self,
        lines: Iterable[bytes],
        *,
        session: str = "s1",
        live: bool = True,
        agent: str = "claude",
    ) -> Block:
        """Take in lines of a transcript, as it is written or as history."""
        block_id = BlockId(f"{agent}-{session}")
        block = self.blocks.get(block_id)
        if block is None:
            block = Block(
                Origin(
                    block_id=block_id,
                    kind=Kind.TRANSCRIPT,
                    agent=agent,
                    session_id=SessionId(session),
                    project="/home/ada/shop",
                    path=f"/home/ada/{session}.jsonl",
                )
            )
            self.blocks.add(block, self.clock.unix_ms())

        start = block.position.offset
        folded = [TextLine(start + at, text) for at, text in enumerate(lines)]
        position = Position(offset=start + len(folded))
        written_ms = None if live else self.clock.unix_ms()
        self.intake.fold(block, folded, position, written_ms=written_ms)
        return block

    def session(self, session: str = CHAT, agent: str = "chat") -> Session:
        found = self.books.ledger.session(agent, SessionId(session))
        assert found is not None
        return found


@asynccontextmanager
async def desk_at(
    home: Path,
    clock: FakeClock | None = None,
    *,
    idle_s: float = 300.0,
    sinks: tuple[str, ...] = (),
    shutdown: bool = True,
) -> AsyncIterator[Desk]:
    """Run on the database in *home*; without *shutdown* it ends as by SIGKILL."""
    clock = clock or FakeClock()
    rules, complete = LedgerRules(flat_price), [True]
    async with (
        open_store(home / "s.db", clock=clock, rules=rules) as store,
        anyio.create_task_group() as group,
    ):
        publisher = Publisher()
        books = Sessions(
            flat_price,
            idle_s=idle_s,
            sinks=sinks,
            traits_of=traits_of,
            publish=publisher.publish,
        )
        blocks = books.blocks
        await recall_books(books, store)
        disk = Fragile(store)
        flusher = build_flusher(disk, clock, books)
        intake = Intake(blocks, flusher, clock, agents=AGENTS.named)
        for saved in await stored_blocks(store):
            block = restored_block(saved)
            blocks.add(block, clock.unix_ms())
            books.bind_restored(block)

        desk = SegmentHandlers(
            segments=books.segments,
            chats=Chats(intake, flusher, books.ledger, books.segments, bind=books.bind),
            flusher=flusher,
            is_complete=lambda: complete[0],
            store=store,
            clock=clock,
        )
        made = Desk(clock, store, books, blocks, flusher, intake, desk, complete, disk)
        publisher.connect({SegmentClosed: (made.hear,)})
        books.segments.interrupt(clock.unix_ms())
        group.start_soon(desk.run)
        await made.pass_by(0)
        yield made
        group.cancel_scope.cancel()
        if shutdown:
            with anyio.CancelScope(shield=True):
                books.segments.end_all(clock.unix_ms())
                await flusher.flush_all()
