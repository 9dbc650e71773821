"""What the outside sees: who answers, who tells, and what is rendered."""

from functools import partial
from pathlib import PurePath
from typing import NamedTuple

from jarvisd.app.compose import Parts
from jarvisd.core.discovery.reconciler import Reconciler
from jarvisd.core.signal import HookCalled
from jarvisd.core.status_line import StatusLineRead
from jarvisd.overview.rendered_files import Renderer
from jarvisd.presence.methods import HookHandlers
from jarvisd.reports.methods import Reports
from jarvisd.rpc.counters import ServerCounters
from jarvisd.rpc.endpoint import Endpoint
from jarvisd.rpc.handlers import Handlers
from jarvisd.rpc.publisher import Subscriptions
from jarvisd.rpc.server import RpcServer
from jarvisd.state.methods import LiveStates


class Frontend(NamedTuple):
    """Who answers, who tells, who renders, and who has reports ready."""

    server: RpcServer
    subscriptions: Subscriptions
    renderer: Renderer
    reports: Reports


def made_face(endpoint: Endpoint, parts: Parts) -> Frontend:
    """Return what is seen at *endpoint* and beside it."""
    blocks, clock, service, tally = (
        parts.blocks,
        parts.clock,
        parts.service,
        ServerCounters(),
    )
    subscriptions = Subscriptions(
        blocks, clock, instance_id=service.instance_id, journal=parts.journal
    )
    parts.reader.live_watch.gather_unless(partial(bool, subscriptions))
    parts.flusher.listen(subscriptions.flushed)
    blocks.books.segments.listen(subscriptions.segment_closed)
    reports = Reports(
        books=blocks.books,
        store=parts.store,
        clock=clock,
        daemon=service,
        journal=parts.journal,
    )
    parts.flusher.listen(reports.flushed)
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
    server = RpcServer(handlers, subscriptions, clock, tally)
    renderer = Renderer(handlers.status, blocks, clock, endpoint.path.parent)
    return Frontend(server, subscriptions, renderer, reports)


def _desk(parts: Parts, states: LiveStates) -> HookHandlers:
    """Return where agents tell of themselves."""
    ledger = parts.blocks.books.ledger

    def hooked(signal: HookCalled) -> None:
        # First: whether the process ends with its turn tells what its hooks mean.
        parts.presence.told(signal)
        parts.keeper.report(signal)

    def read(read: StatusLineRead) -> None:
        if read.limits is not None:
            ledger.hear_limits(read.agent, read.limits, read.at_ms)

    def spent(read: StatusLineRead) -> int | None:
        books, reader = parts.blocks.books, parts.reader
        known = ledger.session(read.agent, read.session_id) is not None
        if not reader.is_complete() or not (known or _is_below(reader.survey, read)):
            return None

        return books.family_cost(read.agent, read.session_id)

    return HookHandlers(
        parts.clock,
        report=hooked,
        read=read,
        needs=states.needs,
        spent=spent,
        trees=lambda: parts.reader.survey.trees,
    )


def _is_below(survey: Reconciler, read: StatusLineRead) -> bool:
    """Return True if the transcript lies where it is read as soon as it is written."""
    path = PurePath(read.transcript_path or "")
    return any(path.is_relative_to(tree.root) for tree in survey.trees)
