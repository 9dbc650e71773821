"""All that lives as long as the daemon, made and put together.

Everything is given what it needs here, and nothing looks anything up. What was stored
is taken back before anybody reads or answers.
"""

from dataclasses import dataclass
from functools import lru_cache, partial

from jarvisd.agents import Agent, agent_named, only_counted, traits_of
from jarvisd.app.awake import Awake
from jarvisd.app.garbage import loading
from jarvisd.app.prices import PricesInForce
from jarvisd.app.reload import Reloader
from jarvisd.app.restore import recall_blocks, recall_books, recalled_journal
from jarvisd.base.clock import Clock
from jarvisd.blocks.registry import Blocks
from jarvisd.config import Config
from jarvisd.conversations.methods import Conversations
from jarvisd.conversations.recording import MessageRecorder
from jarvisd.core.discovery.reconciler import Reconciler
from jarvisd.core.discovery.scheduler import Scheduler
from jarvisd.core.flush import Flusher
from jarvisd.core.intake import Intake
from jarvisd.core.sources.push import PushedBlocks
from jarvisd.core.storage.database_store import Store
from jarvisd.core.storage.group_commit import GroupCommit
from jarvisd.overview.service import Service
from jarvisd.overview.sessions import Sessions
from jarvisd.presence.monitor import PresenceMonitor
from jarvisd.presence.wanted import Wanting
from jarvisd.segments.chats import Chats
from jarvisd.segments.methods import SegmentHandlers
from jarvisd.segments.model import Closed
from jarvisd.sinks.exporter import Exporter
from jarvisd.sinks.factory import make_sinks
from jarvisd.state.journal import Journal
from jarvisd.state.model import OVER, Transition
from jarvisd.state.task import StateTask

MAX_AGENTS = 64
"""Whose settings are at hand; names come from clients as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything that lives as long as the daemon."""

    clock: Clock
    store: Store
    blocks: Blocks
    journal: Journal
    keeper: StateTask
    presence: PresenceMonitor
    flusher: Flusher
    scribe: GroupCommit
    conversations: Conversations
    exporter: Exporter
    segments: SegmentHandlers
    intake: Intake
    reader: Scheduler
    service: Service
    awake: Awake
    prices: PricesInForce


async def assembled(
    config: Config,
    store: Store,
    survey: Reconciler,
    *,
    prices: PricesInForce,
    reloader: Reloader,
    clock: Clock,
) -> Parts:
    """Return every part, with what *store* holds taken back."""
    exporter = Exporter(make_sinks(config.sinks, config.store.parent), store, clock)
    books = Sessions(
        prices.cost_micros,
        prices.window,
        idle_s=config.segments.idle_s,
        sinks=exporter.sinks,
        traits_of=traits_of,
    )
    books.states.checks_processes = True  # `presence` does
    blocks, awake = Blocks(books), Awake(clock)
    with loading():
        await recall_books(books, store)
        journal = await recalled_journal(store, books, clock)
        journal.listen(partial(_end_segment, books, clock))
        keeper = StateTask(books.states, journal, blocks, clock)
        flusher = Flusher(store, clock, blocks, books, journal, awake=awake.told)
        intake = _intake(config, blocks, flusher, clock)
        reader = Scheduler(survey, intake)
        await recall_blocks(blocks, store, reader.catalogue, clock)

    if exporter.sinks:
        flusher.listen(lambda _revision: exporter.wake())

    scribe = GroupCommit(store)
    limits = config.conversations.limits
    conversations = Conversations(
        store, scribe, clock, limits=limits, flush=flusher.flush_all
    )
    presence = PresenceMonitor(
        keeper.report,
        clock,
        trees=lambda: survey.trees,
        wanted=Wanting(blocks, clock),
        dialogs=books.states.dialogs,
        asking=books.states.asking,
        is_at_work=books.states.is_at_work,
    )
    segments = SegmentHandlers(
        segments=books.segments,
        chats=Chats(intake, flusher),
        flusher=flusher,
        is_complete=reader.is_complete,
        store=store,
        clock=clock,
    )
    service = Service(
        reader=reader,
        pushes=PushedBlocks(intake, flusher),
        flusher=flusher,
        store=store,
        conversations=conversations,
        exporter=exporter,
        segments=segments,
        clock=clock,
        awake=awake,
        reload=reloader.bound(survey, prices),
        left_out=intake.left_out,
    )
    return Parts(
        clock=clock,
        store=store,
        blocks=blocks,
        journal=journal,
        keeper=keeper,
        presence=presence,
        flusher=flusher,
        scribe=scribe,
        conversations=conversations,
        exporter=exporter,
        segments=segments,
        intake=intake,
        reader=reader,
        service=service,
        awake=awake,
        prices=prices,
    )


def _intake(config: Config, blocks: Blocks, flusher: Flusher, clock: Clock) -> Intake:
    kept = config.conversations
    recorder = MessageRecorder(kept.limits) if kept.record else None
    agents = lru_cache(MAX_AGENTS)(partial(_agent, config))
    return Intake(blocks, flusher, clock, recorder, agents=agents)


def _agent(config: Config, name: str) -> Agent:
    agent = agent_named(name)
    return agent if config.agent(name).ledger else only_counted(agent)


def _end_segment(books: Sessions, clock: Clock, transition: Transition) -> None:
    """Close the segment of a session that is over; what comes later opens another."""
    if transition.state in OVER and transition.before is not None:
        entry = books.entry_of(transition.agent, transition.session_id)
        if entry is not None:
            books.segments.end(entry.session, Closed.END, clock.unix_ms())
