"""The composition root: what starts later stops earlier."""

import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

import anyio
import structlog

from jarvisd import __version__
from jarvisd.app.backup_schedule import keep_backups
from jarvisd.app.compose import Parts, compose
from jarvisd.app.feature_order import conversation_limits, open_store
from jarvisd.app.garbage import keep_history, keep_known
from jarvisd.app.health_news import watch_health
from jarvisd.app.prices import PricesInForce, keep_priced
from jarvisd.app.reload import Reloader
from jarvisd.app.unix_signals import obey_signals
from jarvisd.app.watchdog import feed_watchdog
from jarvisd.base import paths
from jarvisd.base.clock import Clock
from jarvisd.base.zone import local_zone
from jarvisd.config import Config, FifoSettings
from jarvisd.conversations.removal import decay_periodically
from jarvisd.core.agent import AgentRegistry
from jarvisd.core.sources.configured_pipes import read_pipe
from jarvisd.core.storage.files import lock_store
from jarvisd.ledger.rules import LedgerRules
from jarvisd.reports.awake import stay_awake
from jarvisd.rpc.endpoint import Endpoint, open_endpoint

log = structlog.get_logger()


async def run(
    config: Config,
    reloader: Reloader,
    agents: AgentRegistry,
    *,
    environ: Mapping[str, str],
    clock: Clock,
    activated: socket.socket | None = None,
) -> None:
    """Run until SIGTERM or SIGINT.

    The locks of store and endpoint come first: no other daemon writes this database,
    none listens at this path. Readers and server come last and are gone before the last flush.

    Raises:
        JarvisError: The daemon cannot start; the message says what to do.

    """
    updated = config.store.parent / "prices.json"
    prices = PricesInForce(config.prices, updated=updated, clock=clock)
    rules = LedgerRules(prices.cost_micros)
    usual = Path(paths.state_folder(environ)) / "run/rpc.sock"
    with (
        lock_store(config.store),
        open_endpoint(config.socket, activated=activated, link=usual) as endpoint,
    ):
        async with (
            open_store(
                config.store,
                clock=clock,
                rules=rules,
                limits=conversation_limits(config.conversations),
            ) as store,
            anyio.create_task_group() as writers,
        ):
            parts = await compose(
                config,
                store,
                prices=prices,
                reloader=reloader,
                agents=agents,
                environ=environ,
                clock=clock,
                folder=endpoint.path.parent,
            )
            writers.start_soon(parts.flusher.run)
            writers.start_soon(parts.group_commit.run)
            try:
                await _serve(endpoint, parts, config.fifos, tz=local_zone(environ))
            finally:
                parts.sessions.segments.end_all(clock.unix_ms())
                writers.cancel_scope.cancel()


async def _serve(
    endpoint: Endpoint, parts: Parts, fifos: Sequence[FifoSettings], *, tz: str
) -> None:
    """Answer and read until signalled."""
    clock, service = parts.clock, parts.service
    async with anyio.create_task_group() as group:
        # Signals first: whoever was answered once may rely on a clean end.
        await group.start(obey_signals, group.cancel_scope, service, clock)
        await group.start(parts.server.serve, endpoint)
        group.start_soon(parts.renderer.run)
        group.start_soon(parts.reports.keep_ready, tz, keep_known)
        group.start_soon(watch_health, service, parts.publisher.publish, clock)
        group.start_soon(feed_watchdog, service, clock)
        group.start_soon(keep_backups, parts.store, clock)
        group.start_soon(stay_awake, parts.awake, clock)
        group.start_soon(decay_periodically, parts.conversations.removal, clock)
        group.start_soon(keep_history, parts.reader.is_complete, clock)
        group.start_soon(parts.worktrees.run)
        group.start_soon(parts.exporter.run)
        group.start_soon(parts.segments.run)
        group.start_soon(parts.budgets.run)
        group.start_soon(
            keep_priced, parts.prices, parts.sessions.ledger, parts.flusher
        )
        for fifo in fifos:
            group.start_soon(read_pipe, str(fifo.path), fifo.agent, parts.intake)

        group.start_soon(parts.senders.run)
        await group.start(parts.presence.run)
        group.start_soon(parts.state_task.run)
        await group.start(parts.reader.run)
        log.info(
            "daemon.started", version=__version__, blocks=len(parts.sessions.blocks)
        )
