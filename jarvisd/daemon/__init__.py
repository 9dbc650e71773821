"""The composition root: everything is made here, and what starts later stops earlier."""

import gc
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import anyio
import structlog

from jarvisd import __version__
from jarvisd.accumulators.block import Block
from jarvisd.accumulators.blocks import Blocks
from jarvisd.accumulators.books import Books
from jarvisd.accumulators.journal import Journal
from jarvisd.accumulators.rules import BookRules
from jarvisd.accumulators.states import FORGOTTEN_MS
from jarvisd.api.desk import HookDesk
from jarvisd.api.endpoint import Endpoint, open_endpoint
from jarvisd.api.handlers import Handlers
from jarvisd.api.render import Renderer
from jarvisd.api.reports import Reports
from jarvisd.api.server import Server
from jarvisd.api.states import LiveStates
from jarvisd.api.subscriptions import Subscriptions
from jarvisd.api.tally import Tally
from jarvisd.clock import Clock
from jarvisd.config import Config, ConversationSettings, FifoSettings
from jarvisd.daemon.backups import keep_backups
from jarvisd.daemon.conversations import Conversations, keep_decaying
from jarvisd.daemon.news import tell_of_health
from jarvisd.daemon.prices import Prices, keep_priced
from jarvisd.daemon.reload import Reloader
from jarvisd.daemon.segments import SegmentDesk
from jarvisd.daemon.service import Service
from jarvisd.daemon.signals import obey_signals
from jarvisd.daemon.trees import configured_trees
from jarvisd.daemon.watchdog import feed_watchdog
from jarvisd.errors import StoreError
from jarvisd.export import Exporter, make_sinks
from jarvisd.flusher import Flusher
from jarvisd.model.block import Kind
from jarvisd.model.evidence import HookCalled
from jarvisd.model.statusline import StatusLineRead
from jarvisd.presence.keeper import Keeper
from jarvisd.presence.presence import Presence
from jarvisd.presence.wanted import wanted_of
from jarvisd.reader.chats import Chats
from jarvisd.reader.intake import Intake
from jarvisd.reader.pipes import read_pipe
from jarvisd.reader.pushes import Pushes
from jarvisd.reader.reader import Reader
from jarvisd.reader.recording import Recorder
from jarvisd.reader.survey import Survey
from jarvisd.store import Scribe, Store, open_store
from jarvisd.store.transitions import Which, last_number, read_transitions

log = structlog.get_logger()

MAX_RECALLED = 1_000_000
"""Transitions of a day, to know what each session was told to be last."""


async def run(
    config: Config,
    reloader: Reloader,
    *,
    environ: Mapping[str, str],
    clock: Clock,
    activated: socket.socket | None = None,
) -> None:
    """Run until SIGTERM or SIGINT.

    The endpoint comes first, because its lock says that no other daemon writes the
    store. Readers and server come last and are gone before the last flush.

    Raises:
        JarvisError: The daemon cannot start; the message says what to do.

    """
    prices = Prices(config.prices)
    rules = BookRules(prices.cost_micros)
    with open_endpoint(config.socket, activated=activated) as endpoint:
        async with (
            open_store(
                config.store,
                clock=clock,
                rules=rules,
                limits=config.conversations.limits,
            ) as store,
            anyio.create_task_group() as writers,
        ):
            survey = Survey(
                configured_trees(config, environ),
                clock,
                excluded=config.excluder(),
                max_pause_s=config.scan_interval_s,
            )
            kept = config.conversations
            sinks = make_sinks(config.sinks, config.store.parent)
            exporter = Exporter(sinks, store, clock)
            books = Books(
                prices.cost_micros,
                prices.window,
                idle_s=config.segments.idle_s,
                sinks=exporter.sinks,
            )
            parts = await _assembled(
                store,
                survey,
                prices,
                reloader,
                clock,
                books=books,
                kept=kept,
                exporter=exporter,
            )
            if exporter.sinks:
                parts.flusher.listen(lambda _revision: exporter.wake())

            writers.start_soon(parts.flusher.run)
            writers.start_soon(parts.scribe.run)
            try:
                await _serve(endpoint, parts, config.fifos)
            finally:
                parts.blocks.books.segments.end_all(clock.unix_ms())
                writers.cancel_scope.cancel()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
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
    prices: Prices


async def _assembled(
    store: Store,
    survey: Survey,
    prices: Prices,
    reloader: Reloader,
    clock: Clock,
    *,
    books: Books,
    kept: ConversationSettings,
    exporter: Exporter,
) -> _Parts:
    blocks = Blocks(books)
    books.restore(await store.load_books())
    journal = await _journal(store, blocks, clock)
    keeper = Keeper(blocks.books.states, journal, blocks, clock)
    presence = Presence(
        keeper.report,
        clock,
        trees=lambda: survey.trees,
        wanted=lambda: wanted_of(blocks.books),
    )
    flusher = Flusher(store, clock, blocks, blocks.books, journal)
    recorder = Recorder(kept.limits) if kept.record else None
    intake = Intake(blocks, flusher, clock, recorder)
    reader = Reader(survey, intake)
    for saved in await store.load():
        _restore(Block.restored(saved), blocks, reader, clock)

    _close_interrupted(books, clock)

    # What was loaded stays for the daemon's life: the garbage collector need not
    # look at it again and again.
    gc.freeze()
    scribe = Scribe(store)
    conversations = Conversations(
        store, scribe, clock, limits=kept.limits, flush=flusher.flush_all
    )
    desk = SegmentDesk(
        segments=books.segments,
        chats=Chats(intake, flusher),
        flusher=flusher,
        is_complete=reader.is_complete,
        store=store,
        clock=clock,
    )
    service = Service(
        reader=reader,
        pushes=Pushes(intake, flusher),
        flusher=flusher,
        store=store,
        conversations=conversations,
        exporter=exporter,
        segments=desk,
        clock=clock,
        reload=reloader.bound(survey, prices),
    )
    return _Parts(
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
        segments=desk,
        intake=intake,
        reader=reader,
        service=service,
        prices=prices,
    )


async def _serve(
    endpoint: Endpoint, parts: _Parts, fifos: Sequence[FifoSettings]
) -> None:
    """Answer and read until signalled."""
    clock, service = parts.clock, parts.service
    server, subscriptions, renderer = _face(endpoint, parts)
    async with anyio.create_task_group() as group:
        # Signals first: whoever was answered once may rely on a clean end.
        await group.start(obey_signals, group.cancel_scope, service, clock)
        await group.start(server.serve, endpoint)
        group.start_soon(renderer.run)
        group.start_soon(tell_of_health, service, subscriptions, renderer)
        group.start_soon(feed_watchdog, service, clock)
        group.start_soon(keep_backups, parts.store, clock)
        group.start_soon(keep_decaying, parts.conversations, clock)
        group.start_soon(parts.exporter.run)
        group.start_soon(parts.segments.run)
        group.start_soon(
            keep_priced, parts.prices, parts.blocks.books.ledger, parts.flusher
        )
        for fifo in fifos:
            group.start_soon(read_pipe, str(fifo.path), fifo.agent, parts.intake)

        group.start_soon(parts.keeper.run)
        await group.start(parts.presence.run)
        await group.start(parts.reader.run)
        log.info("daemon.started", version=__version__, blocks=len(parts.blocks))


def _face(endpoint: Endpoint, parts: _Parts) -> tuple[Server, Subscriptions, Renderer]:
    """Return what the outside sees: who answers, who tells, and what is rendered."""
    blocks, clock, service, tally = parts.blocks, parts.clock, parts.service, Tally()
    subscriptions = Subscriptions(
        blocks, clock, instance_id=service.instance_id, journal=parts.journal
    )
    parts.flusher.listen(subscriptions.flushed)
    blocks.books.segments.listen(subscriptions.segment_closed)
    reports = Reports(
        books=blocks.books, store=parts.store, clock=clock, daemon=service
    )
    states = LiveStates(blocks, parts.journal, parts.store, clock)
    handlers = Handlers(
        blocks=blocks,
        clock=clock,
        daemon=service,
        reports=reports,
        states=states,
        desk=_desk(parts, states),
        subscriptions=subscriptions,
        tally=tally,
    )
    server = Server(handlers, subscriptions, clock, tally)
    renderer = Renderer(handlers.status, blocks, clock, endpoint.path.parent)
    return server, subscriptions, renderer


def _close_interrupted(books: Books, clock: Clock) -> None:
    interrupted = books.segments.interrupt(clock.unix_ms())
    if interrupted:
        log.warning("segments.interrupted", segments=interrupted)


def _desk(parts: _Parts, states: LiveStates) -> HookDesk:
    """Return where agents tell of themselves."""
    ledger = parts.blocks.books.ledger

    def hooked(signal: HookCalled) -> None:
        parts.keeper.report(signal)
        parts.presence.told(signal)

    def read(read: StatusLineRead) -> None:
        if read.limits is not None:
            ledger.hear_limits(read.agent, read.limits, read.at_ms)

    return HookDesk(parts.clock, report=hooked, read=read, needs=states.needs)


async def _journal(store: Store, blocks: Blocks, clock: Clock) -> Journal:
    """Return the journal, gone on from what is stored, so far as that can be asked."""
    recent = Which(since_ms=clock.unix_ms() - FORGOTTEN_MS, limit=MAX_RECALLED)
    try:
        number = await store.read(last_number)
        recalled = await store.read(partial(read_transitions, which=recent))
    except StoreError:
        return Journal()

    blocks.books.states.recall(recalled)
    return Journal(number)


def _restore(block: Block, blocks: Blocks, reader: Reader, clock: Clock) -> None:
    blocks.add(block, clock.unix_ms())
    blocks.books.bind_restored(block)
    blocks.books.meet_restored(block, clock.unix_ms())
    if block.origin.kind is Kind.TRANSCRIPT:
        reader.catalogue.restore(block)
