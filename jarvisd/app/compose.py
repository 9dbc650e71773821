"""All that lives as long as the daemon, made and put together.

Everything is given what it needs here, and nothing looks anything up. What was stored
is taken back before anybody reads or answers. Who consumes which notices, and in which
order, is written in `_consumers` and nowhere else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo
from functools import lru_cache, partial
from pathlib import Path, PurePath

from msgspec.structs import replace

from jarvisd.app.accounts import account_folders
from jarvisd.app.feature_order import build_features, conversation_limits
from jarvisd.app.garbage import loading
from jarvisd.app.load_stored import (
    recall_blocks,
    recall_books,
    recalled_journal,
    restart_books,
)
from jarvisd.app.prices import PricesInForce
from jarvisd.app.reload import Reloader
from jarvisd.app.trees import configured_trees
from jarvisd.app.worktrees import WorktreeReader
from jarvisd.base import paths
from jarvisd.base.clock import Clock
from jarvisd.base.session_words import OVER
from jarvisd.base.zone import local_zone, zone_named
from jarvisd.budgets.engine import BudgetEngine
from jarvisd.budgets.methods import BudgetCrossed, BudgetWatch
from jarvisd.config import Config
from jarvisd.conversations.methods import Conversations
from jarvisd.conversations.recording import MessageRecorder
from jarvisd.core.agent import Agent, AgentRegistry
from jarvisd.core.block_registry import BlockChanged, FolderMet
from jarvisd.core.discovery.reconciler import Reconciler
from jarvisd.core.discovery.scheduler import Scheduler
from jarvisd.core.flush import Flusher
from jarvisd.core.intake import Intake
from jarvisd.core.projects import Projects
from jarvisd.core.publisher import Consumer, Flushed, Publisher, TreesChanged
from jarvisd.core.signal import HookCalled
from jarvisd.core.sources.push import PushedBlocks
from jarvisd.core.status_line import StatusLineRead
from jarvisd.core.storage.database_store import Store
from jarvisd.core.storage.group_commit import GroupCommit
from jarvisd.overview.health_wire import HealthTurned
from jarvisd.overview.rendered_files import Renderer
from jarvisd.overview.service import Service
from jarvisd.overview.sessions import Sessions
from jarvisd.overview.wanted_sessions import WantedSessions
from jarvisd.presence.methods import HookHandlers
from jarvisd.presence.monitor import PresenceMonitor
from jarvisd.presence.senders import Senders
from jarvisd.reports.awake import Awake
from jarvisd.reports.methods import Reports
from jarvisd.rpc.handlers import Handlers, ServerCounters
from jarvisd.rpc.server import RpcServer
from jarvisd.rpc.subscription import Subscriptions
from jarvisd.segments.chats import Chats
from jarvisd.segments.engine import SegmentClosed
from jarvisd.segments.methods import SegmentHandlers
from jarvisd.segments.model import Closed
from jarvisd.sinks.exporter import Exporter
from jarvisd.sinks.factory import build_sinks
from jarvisd.state.journal import TransitionMade, TransitionReported
from jarvisd.state.methods import LiveStates
from jarvisd.state.task import StateTask

MAX_AGENTS = 64
"""Whose settings are at hand; names come from clients as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything that lives as long as the daemon."""

    clock: Clock
    store: Store
    publisher: Publisher
    sessions: Sessions
    state_task: StateTask
    presence: PresenceMonitor
    flusher: Flusher
    group_commit: GroupCommit
    conversations: Conversations
    exporter: Exporter
    segments: SegmentHandlers
    senders: Senders
    intake: Intake
    reader: Scheduler
    service: Service
    awake: Awake
    worktrees: WorktreeReader
    prices: PricesInForce
    reports: Reports
    budgets: BudgetWatch
    renderer: Renderer
    server: RpcServer


async def compose(
    config: Config,
    store: Store,
    *,
    prices: PricesInForce,
    reloader: Reloader,
    agents: AgentRegistry,
    environ: Mapping[str, str],
    clock: Clock,
    folder: Path,
) -> Parts:
    """Return every part, with what *store* holds taken back.

    What is rendered is written to *folder*.
    """
    publisher = Publisher()
    publish = publisher.publish
    exporter = Exporter(build_sinks(config.sinks, config.store.parent), store, clock)
    books = Sessions(
        prices.cost_micros,
        prices.window,
        idle_s=config.segments.idle_s,
        sinks=exporter.sinks,
        traits_of=agents.traits_of,
        projects=Projects(each.traits.worktree for each in agents),
        publish=publish,
    )
    books.states.checks_processes = True  # `presence` does
    books.states.alarms = config.alarms
    reconciler = Reconciler(
        configured_trees(config, environ, agents),
        clock,
        excluded=config.excluder(),
        max_pause_s=config.scan_interval_s,
        home=paths.home(environ),
        publish=publish,
    )
    blocks, awake = books.blocks, Awake(clock)
    with loading():
        await recall_books(books, store)
        journal = await recalled_journal(store, books, clock, publish)
        state_task = StateTask(
            books.states, journal, blocks, clock, blocks_of=books.blocks_of
        )
        limits = conversation_limits(config.conversations)
        recorder = MessageRecorder(limits) if config.conversations.record else None
        flusher = Flusher(
            store,
            clock,
            blocks.stored(),
            build_features(books, journal, recorder=recorder, awake=awake),
            streams_of=books.blocks_of,
            restart=partial(restart_books, books, store),
            publish=publish,
        )
        configured = lru_cache(MAX_AGENTS)(partial(_configured, config, agents))
        intake = Intake(blocks, flusher, clock, agents=configured)
        reader = Scheduler(reconciler, intake)
        await recall_blocks(books, store, reader.file_registry, clock)

    group_commit = GroupCommit(store)
    conversations = Conversations(
        store,
        group_commit,
        clock,
        limits=limits,
        flush=flusher.flush_all,
        project_of=books.projects.of,
    )

    def accounts() -> dict[str, str]:
        return account_folders(reconciler.trees)

    budgets = BudgetEngine(books.ledger, books.project, _zone(environ), accounts)
    budgets.use(config.budgets)
    budget_watch = BudgetWatch(
        budgets, store, clock, publish=publish, complete=reader.is_complete
    )
    presence = PresenceMonitor(
        state_task.report,
        clock,
        agents,
        trees=lambda: reconciler.trees,
        wanted=WantedSessions(books, clock),
        together=state_task.together,
        dialogs=books.states.dialogs,
        with_dialog=books.states.asking,
        may_run_commands=books.states.is_at_work,
    )
    segments = SegmentHandlers(
        segments=books.segments,
        chats=Chats(intake, flusher, books.ledger, books.segments, bind=books.bind),
        flusher=flusher,
        is_complete=reader.is_complete,
        store=store,
        clock=clock,
    )
    senders = Senders(blocks, clock, intake.close)
    pushes = PushedBlocks(intake, flusher, senders, view=books.block_view)
    service = Service(
        agents=agents,
        reader=reader,
        flusher=flusher,
        ledger=books.ledger,
        store=store,
        exporter=exporter,
        segments=segments,
        clock=clock,
        reload=reloader.bound(reconciler, prices, budgets, books.states),
        left_out=intake.left_out,
        drift=intake.drift,
    )
    counters = ServerCounters()
    subscriptions = Subscriptions(
        books, clock, instance_id=service.instance_id, journal=journal
    )
    reader.live_watch.batch_for(partial(len, subscriptions))
    reports = Reports(
        ledger=books.ledger,
        states=books.states,
        journal=journal,
        awake=awake,
        agents=agents,
        store=store,
        clock=clock,
        project_of=books.project,
        revision=lambda: store.revision,
        is_complete=lambda: service.backfill().files_total == 0,
        accounts=accounts,
    )
    states = LiveStates(
        books.states,
        journal,
        store,
        clock,
        place_of=books.place_of,
        project_of=books.projects.of,
    )
    handlers = Handlers(
        sessions=books,
        clock=clock,
        daemon=service,
        reports=reports,
        states=states,
        methods={
            **conversations.methods(),
            **segments.methods(),
            **pushes.methods(),
            **budget_watch.methods(),
            **prices.methods(),
        },
        hook_handlers=_hook_handlers(
            reader,
            books,
            presence,
            state_task,
            states,
            agents=agents,
            clock=clock,
        ),
        subscriptions=subscriptions,
        counters=counters,
    )
    parts = Parts(
        clock=clock,
        store=store,
        publisher=publisher,
        sessions=books,
        state_task=state_task,
        presence=presence,
        flusher=flusher,
        group_commit=group_commit,
        conversations=conversations,
        exporter=exporter,
        segments=segments,
        senders=senders,
        intake=intake,
        reader=reader,
        service=service,
        awake=awake,
        worktrees=WorktreeReader(intake),
        prices=prices,
        reports=reports,
        budgets=budget_watch,
        renderer=Renderer(handlers.status, books.states, clock, folder),
        server=RpcServer(handlers, subscriptions, clock, counters),
    )
    publisher.connect(_consumers(parts, subscriptions, states))
    return parts


def _consumers(
    parts: Parts, subscriptions: Subscriptions, states: LiveStates
) -> dict[type, tuple[Consumer, ...]]:
    """Return the consumers of each kind of notice, in their order."""
    books, clock, flusher = parts.sessions, parts.clock, parts.flusher

    def end_segment(made: TransitionMade) -> None:
        """Close the segment of a session that is over; what comes opens another."""
        transition = made.transition
        if transition.state in OVER and transition.before is not None:
            entry = books.entry_of(transition.agent, transition.session_id)
            if entry is not None:
                books.segments.end(entry.session, Closed.END, clock.unix_ms())

    def hasten(made: TransitionMade) -> None:
        flusher.hasten(urgent=made.urgent)

    return {
        FolderMet: (parts.worktrees.folder_met,),
        BlockChanged: (
            parts.state_task.block_changed,  # first: what follows shows the state
            subscriptions.block_changed,
            parts.renderer.wake,
        ),
        TransitionMade: (
            end_segment,  # first: it is stored with the transition
            parts.state_task.transition_made,
            hasten,
        ),
        TransitionReported: (
            subscriptions.transition_reported,
            states.transition_reported,
        ),
        SegmentClosed: (subscriptions.segment_closed,),
        BudgetCrossed: (subscriptions.budget_crossed,),
        Flushed: (parts.exporter.flushed, subscriptions.flushed, parts.reports.flushed),
        TreesChanged: (parts.reader.trees_changed,),
        HealthTurned: (subscriptions.health_turned, parts.renderer.wake),
    }


def _zone(environ: Mapping[str, str]) -> tzinfo:
    """Return the time zone of the user; UTC where its name is of no zone."""
    try:
        return zone_named(local_zone(environ))
    except ValueError:
        return UTC


def _configured(config: Config, agents: AgentRegistry, name: str) -> Agent:
    only_counts = not config.agent(name).ledger
    return replace(agents.named(name), only_counts=only_counts)


def _hook_handlers(
    reader: Scheduler,
    books: Sessions,
    presence: PresenceMonitor,
    state_task: StateTask,
    states: LiveStates,
    *,
    agents: AgentRegistry,
    clock: Clock,
) -> HookHandlers:
    """Return the handlers of what agents report of themselves."""

    def hooked(signal: HookCalled) -> None:
        # First: whether the process ends with its turn decides what its hooks mean.
        with state_task.together():
            presence.record_hook(signal)
            state_task.report(signal)

    def read(read: StatusLineRead) -> None:
        if read.limits is not None:
            books.ledger.apply_limits(read.agent, read.limits, read.at_ms)

    def spent(read: StatusLineRead) -> int | None:
        known = books.ledger.session(read.agent, read.session_id) is not None
        if not reader.is_complete() or not (
            known or _is_below(reader.reconciler, read)
        ):
            return None

        return books.family_cost(read.agent, read.session_id)

    return HookHandlers(
        clock,
        agents,
        report=hooked,
        read=read,
        needs=states.needs,
        spent=spent,
        trees=lambda: reader.reconciler.trees,
    )


def _is_below(reconciler: Reconciler, read: StatusLineRead) -> bool:
    """Return True if the transcript lies where it is read as soon as it is written."""
    path = PurePath(read.transcript_path or "")
    return any(path.is_relative_to(tree.root) for tree in reconciler.trees)
