"""All that lives as long as the daemon, made and put together.

Everything is given what it needs here, and nothing looks anything up. What was stored
is taken back before anybody reads or answers.
"""

import gc
from dataclasses import dataclass
from functools import partial

import structlog

from jarvisd.accumulators.block import Block
from jarvisd.accumulators.blocks import Blocks
from jarvisd.accumulators.books import Books
from jarvisd.accumulators.journal import Journal
from jarvisd.accumulators.states import FORGOTTEN_MS
from jarvisd.agents import Agent, agent_named, only_counted
from jarvisd.clock import Clock
from jarvisd.config import Config
from jarvisd.daemon.awake import Awake
from jarvisd.daemon.conversations import Conversations
from jarvisd.daemon.prices import Prices
from jarvisd.daemon.reload import Reloader
from jarvisd.daemon.segments import SegmentDesk
from jarvisd.daemon.service import Service
from jarvisd.errors import StoreError
from jarvisd.export import Exporter, make_sinks
from jarvisd.flusher import Flusher
from jarvisd.model.block import Kind
from jarvisd.model.segment import Closed
from jarvisd.model.state import OVER, Transition
from jarvisd.presence.keeper import Keeper
from jarvisd.presence.presence import Presence
from jarvisd.presence.wanted import Wanting
from jarvisd.reader.chats import Chats
from jarvisd.reader.intake import Intake
from jarvisd.reader.pushes import Pushes
from jarvisd.reader.reader import Reader
from jarvisd.reader.recording import Recorder
from jarvisd.reader.survey import Survey
from jarvisd.store import Scribe, Store
from jarvisd.store.transitions import Which, last_number, read_transitions

log = structlog.get_logger()

MAX_RECALLED = 1_000_000
"""Transitions of a day, to know what each session was told to be last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything that lives as long as the daemon."""

    clock: Clock
    store: Store
    blocks: Blocks
    journal: Journal
    keeper: Keeper
    presence: Presence
    flusher: Flusher
    scribe: Scribe
    conversations: Conversations
    exporter: Exporter
    segments: SegmentDesk
    intake: Intake
    reader: Reader
    service: Service
    awake: Awake
    prices: Prices


async def assembled(
    config: Config,
    store: Store,
    survey: Survey,
    *,
    prices: Prices,
    reloader: Reloader,
    clock: Clock,
) -> Parts:
    """Return every part, with what *store* holds taken back."""
    gc.disable()
    exporter = Exporter(make_sinks(config.sinks, config.store.parent), store, clock)
    books = Books(
        prices.cost_micros,
        prices.window,
        idle_s=config.segments.idle_s,
        sinks=exporter.sinks,
    )
    blocks = Blocks(books)
    books.restore(await store.load_books())
    books.know(await store.load_keys())
    journal = await _journal(store, books, clock)
    journal.listen(partial(_end_segment, books, clock))
    keeper = Keeper(books.states, journal, blocks, clock)
    awake = Awake(clock)
    flusher = Flusher(store, clock, blocks, books, journal, awake=awake.told)
    if exporter.sinks:
        flusher.listen(lambda _revision: exporter.wake())

    kept = config.conversations
    recorder = Recorder(kept.limits) if kept.record else None
    agents = partial(_agent, config)
    intake = Intake(blocks, flusher, clock, recorder, agents=agents)
    reader = Reader(survey, intake)
    await _take_back(store, blocks, reader, clock)
    # What was loaded stays for the daemon's life: the garbage collector need not
    # look at it again and again, nor while it is being loaded.
    gc.freeze()
    gc.enable()

    scribe = Scribe(store)
    segments = SegmentDesk(
        segments=books.segments,
        chats=Chats(intake, flusher),
        flusher=flusher,
        is_complete=reader.is_complete,
        store=store,
        clock=clock,
    )
    conversations = Conversations(
        store, scribe, clock, limits=kept.limits, flush=flusher.flush_all
    )
    return Parts(
        clock=clock,
        store=store,
        blocks=blocks,
        journal=journal,
        keeper=keeper,
        presence=Presence(
            keeper.report,
            clock,
            trees=lambda: survey.trees,
            wanted=Wanting(blocks, clock),
        ),
        flusher=flusher,
        scribe=scribe,
        conversations=conversations,
        exporter=exporter,
        segments=segments,
        intake=intake,
        reader=reader,
        awake=awake,
        prices=prices,
        service=Service(
            reader=reader,
            pushes=Pushes(intake, flusher),
            flusher=flusher,
            store=store,
            conversations=conversations,
            exporter=exporter,
            segments=segments,
            clock=clock,
            awake=awake,
            reload=reloader.bound(survey, prices),
        ),
    )


def _agent(config: Config, name: str) -> Agent:
    agent = agent_named(name)
    return agent if config.agent(name).ledger else only_counted(agent)


async def _journal(store: Store, books: Books, clock: Clock) -> Journal:
    """Return the journal, gone on from what is stored, so far as that can be asked."""
    recent = Which(since_ms=clock.unix_ms() - FORGOTTEN_MS, limit=MAX_RECALLED)
    try:
        number = await store.read(last_number)
        recalled = await store.read(partial(read_transitions, which=recent))
    except StoreError:
        return Journal()

    books.states.recall(recalled)
    return Journal(number)


async def _take_back(
    store: Store, blocks: Blocks, reader: Reader, clock: Clock
) -> None:
    """Take in the blocks that are stored, and close what a killed daemon left open."""
    books, now_ms = blocks.books, clock.unix_ms()
    for saved in await store.load():
        block = Block.restored(saved)
        blocks.add(block, now_ms)
        books.bind_restored(block)
        books.meet_restored(block, now_ms)
        if block.origin.kind is Kind.TRANSCRIPT:
            reader.catalogue.restore(block)

    interrupted = books.segments.interrupt(now_ms)
    if interrupted:
        log.warning("segments.interrupted", segments=interrupted)


def _end_segment(books: Books, clock: Clock, transition: Transition) -> None:
    """Close the segment of a session that is over; what comes later opens another."""
    if transition.state in OVER and transition.before is not None:
        entry = books.entry_of(transition.agent, transition.session_id)
        if entry is not None:
            books.segments.end(entry.session, Closed.END, clock.unix_ms())
