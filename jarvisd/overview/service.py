"""What the daemon answers about itself: the other half of the socket's handlers."""

import os
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
from msgspec.structs import replace

from jarvisd import __version__
from jarvisd.base.clock import MS_PER_S, Clock
from jarvisd.base.errors import SourceError, protocol_error
from jarvisd.base.refusals import Refusals
from jarvisd.core.agent import AgentRegistry
from jarvisd.core.block import Block
from jarvisd.core.discovery.scheduler import Scheduler
from jarvisd.core.drift import DriftLog, VersionDrift
from jarvisd.core.flush import Flusher
from jarvisd.core.origin import Kind
from jarvisd.core.source import Fault
from jarvisd.core.sources.jsonlines.lines import MAX_LINE_BYTES
from jarvisd.core.sources.source_slice import NOT_READ
from jarvisd.core.storage.database_store import Store
from jarvisd.core.wire import Backfill, Problem
from jarvisd.ledger.engine import Ledger
from jarvisd.overview.health_wire import (
    AgentDrift,
    DriftItem,
    HealthResult,
    StoreHealth,
    WatchHealth,
)
from jarvisd.overview.wire import (
    BlocksTailResult,
    ConfigReloadResult,
    SourcesList,
    SourcesListResult,
)
from jarvisd.segments.methods import SegmentHandlers
from jarvisd.sinks.exporter import Exporter

DEGRADING = {
    "store_degraded",
    "rows_refused",
    "live_watch_failed",
    "tree_watch_failed",
}

STUCK_S = 30.0
"""A write is given up by the store long before; a scan of 100,000 files takes 1 s."""


class Service:
    """Answers from the running parts."""

    def __init__(
        self,
        *,
        agents: AgentRegistry,
        reader: Scheduler,
        flusher: Flusher,
        ledger: Ledger,
        store: Store,
        exporter: Exporter,
        segments: SegmentHandlers,
        clock: Clock,
        reload: Callable[[], Awaitable[ConfigReloadResult]],
        left_out: Refusals,
        drift: DriftLog,
    ) -> None:
        self.agents = agents
        self.instance_id = uuid.uuid4().hex[:12]
        self.started_ms = clock.unix_ms()
        self._started = clock.monotonic()
        self._reader = reader
        self._flusher = flusher
        self._ledger = ledger
        self._store = store
        self._exporter = exporter
        self._segments = segments
        self._clock = clock
        self.reload = reload
        self._left_out = left_out
        self.drift = drift

    @property
    def revision(self) -> int:
        """Return the number of flushes ever committed."""
        return self._store.revision

    @property
    def degraded(self) -> bool:
        """Whether something is not stored, or not seen as fast as it should be."""
        return any(each.kind in DEGRADING for each in self.problems())

    async def sync(self) -> int:
        """Read and store all that is there now; return the revision that holds it."""
        await self._reader.sync()
        await self._flusher.flush_while(self._ledger.needs_repricing)
        await self._segments.sweep()
        return await self._flusher.flush_all()

    def backfill(self) -> Backfill:
        """Return how far the reading of history has come."""
        scanning = self._reader.reconciler.finished_ms is None
        now = self._clock.monotonic()
        return replace(self._reader.progress.view(now), scanning=scanning)

    def sources(self, params: SourcesList) -> SourcesListResult:
        """Return roots and files, only those with a problem if so requested."""
        reconciler = self._reader.reconciler
        views = [each.view() for each in self._reader.file_registry]
        views += reconciler.findings.problems
        compressed = self._reader.compressed()
        roots = [
            replace(each, compressed=len(compressed.get(each.path, ())))
            for each in reconciler.views()
        ]
        return SourcesListResult(
            roots=[
                each
                for each in roots
                if params.agent in {None, each.agent}
                and (each.error is not None or not params.problems)
            ],
            sources=[
                each
                for each in views
                if params.agent in {None, each.agent}
                and (each.error is not None or not params.problems)
            ],
        )

    async def tail(self, block: Block, lines: int) -> BlocksTailResult:
        """Return the last *lines* lines of *block*, read from its file.

        Raises:
            ProtocolError: Its lines are kept nowhere, or the file cannot be read.

        """
        if block.origin.kind is not Kind.TRANSCRIPT:
            raise protocol_error(
                "not_replayable",
                f"the lines of a {block.origin.kind} block are not kept anywhere",
            )

        try:
            if block.source is None:
                raise SourceError(block.origin.path or "", NOT_READ)

            found = await anyio.to_thread.run_sync(
                block.source.last_lines, block.position, lines
            )
        except (SourceError, OSError) as exc:
            raise protocol_error("source_unreadable", str(exc)) from exc

        first = max(0, block.line_count - len(found))
        return BlocksTailResult(block_id=block.block_id, first_line=first, lines=found)

    def health(self, *, clients: int = 0, subscriptions: int = 0) -> HealthResult:
        """Return whether all is well, and what is not."""
        now_ms = self._clock.unix_ms()
        blocks, problems = self._reader.blocks, self.problems()
        return HealthResult(
            status="degraded" if self.degraded else "ok",
            version=__version__,
            pid=os.getpid(),
            started_ms=self.started_ms,
            uptime_s=round(self._clock.monotonic() - self._started, 3),
            store=self._store_health(),
            watch=self._watch_health(),
            backfill=self.backfill(),
            blocks=len(blocks),
            live_blocks=len(blocks.live(now_ms)),
            clients=clients,
            subscriptions=subscriptions,
            rss_bytes=_rss_bytes(),
            problems=problems,
            sinks=self._exporter.health(),
            drift=[_drift(each) for each in self.drift.versions()],
        )

    def problems(self) -> list[Problem]:
        """Return the problems; unreadable files of lines are none.

        Of a database or a document it is one: all sessions in it stand still.
        """
        reader, now_ms = self._reader, self._clock.unix_ms()
        watcher_health = reader.watcher_health
        store_error = self._flusher.error or self._store.error
        found = [
            ("store_degraded", store_error, self._flusher.failed_since_ms),
            ("live_watch_failed", reader.live_watch.error, None),
            ("tree_watch_failed", reader.tree_watch.error, None),
            ("store_repaired", self._store.repaired, self.started_ms),
        ]
        problems = [
            Problem(kind=kind, message=message, since_ms=since_ms or now_ms)
            for kind, message, since_ms in found
            if message is not None
        ]
        if watcher_health.has_recent_losses:
            problems.append(
                _hints_lost(watcher_health.lost_count, watcher_health.lost_ms or now_ms)
            )

        compressed = [each for paths in reader.compressed().values() for each in paths]
        if compressed:
            problems.append(_compressed(compressed, self.started_ms))

        faults = reader.slice_reader.faults()
        if faults:
            problems.append(_source_faults(faults))

        if self._flusher.refused.count:
            problems.append(_rows_refused(self._flusher.refused))

        if self._left_out.count:
            problems.append(_numbers_left_out(self._left_out))

        unread = sum(each.oversize_count for each in reader.blocks.totals.values())
        if unread:
            problems.append(_lines_not_read(unread, self.started_ms))

        return problems + self._exporter.problems()

    def summary(self) -> str:
        """Return one line for systemd's status."""
        health = self.health()
        files = self._reader.file_registry
        bad = sum(each.block.error is not None for each in files)
        return (
            f"{health.status}: {health.live_blocks} live of {health.blocks} blocks, "
            f"{bad} unreadable, {health.backfill.bytes_total} bytes of history to read"
        )

    def stuck(self) -> str | None:
        """Return the part that has stood still for too long, or None: for the watchdog."""
        if self._flusher.writing_s > STUCK_S:
            return "store"

        return "scan" if self._reader.reconciler.overdue_s > STUCK_S else None

    def _store_health(self) -> StoreHealth:
        store = self._store
        return StoreHealth(
            path=str(store.path),
            size_bytes=store.size_bytes,
            schema_version=store.schema_version,
            revision=store.revision,
            dirty_blocks=self._flusher.dirty_blocks,
            last_flush_ms=self._flusher.last_flush_ms,
            last_backup_ms=store.last_backup_ms,
            error=self._flusher.error or store.error,
        )

    def _watch_health(self) -> WatchHealth:
        reader = self._reader
        return WatchHealth(
            live="scan" if reader.live_watch.error else "inotify",
            trees="scan" if reader.tree_watch.error else reader.tree_watch.name,
            watched_folders=len(reader.live_watch),
            last_scan_ms=reader.reconciler.finished_ms,
            scan_took_ms=round(reader.reconciler.findings.busy_s * MS_PER_S, 3),
            known_files=len(reader.file_registry),
            open_files=len(reader.handles),
            missed_files=reader.slice_reader.missed_files,
            compressed_files=sum(map(len, reader.compressed().values())),
        )


def _drift(found: VersionDrift) -> AgentDrift:
    return AgentDrift(
        agent=found.agent,
        version=found.version or None,
        newer=found.is_newer,
        newest_tested=found.tested.newest,
        transcripts=found.transcripts,
        first_ms=found.first_ms,
        last_ms=found.last_ms,
        items=[
            DriftItem(kind=each.kind, name=each.name, count=count)
            for each, count in sorted(found.counts.items())
        ],
    )


def _lines_not_read(count: int, since_ms: int) -> Problem:
    limit_mib = MAX_LINE_BYTES // (1024 * 1024)
    lines = "1 line was" if count == 1 else f"{count} lines were"
    message = (
        f"{lines} longer than can be read ({limit_mib} MiB): counted by length alone, "
        "without tokens or cost; jarvisctl show BLOCK says how many of a block"
    )
    return Problem(
        kind="lines_not_read", message=message, since_ms=since_ms, count=count
    )


def _compressed(paths: list[str], since_ms: int) -> Problem:
    count = len(paths)
    what = "1 compressed rollout" if count == 1 else f"{count:,} compressed rollouts"
    return Problem(
        kind="compressed_files",
        message=f"{what} cannot be read to the end, and may be missing from reports "
        f"({min(paths)}{'' if count == 1 else ', ...'})",
        since_ms=since_ms,
        count=count,
    )


def _source_faults(faults: list[Fault]) -> Problem:
    count, first = len(faults), faults[0]
    others = f" and {count - 1:,} more" if count > 1 else ""
    return Problem(
        kind="source_faults",
        message=f"cannot be read: {first.path}{others}: {first.reason}; "
        "what was counted stays, and reading goes on once it can",
        since_ms=first.since_ms,
        count=count,
    )


def _hints_lost(count: int, at_ms: int) -> Problem:
    return Problem(
        kind="hints_lost",
        message="the system did not tell of some changes; they were found by scanning",
        since_ms=at_ms,
        count=count,
    )


def _rows_refused(refused: Refusals) -> Problem:
    return Problem(
        kind="rows_refused",
        message=f"a row could not be stored and was put aside ({refused.where}); "
        "everything else is stored. The daemon's log says when; please report it",
        since_ms=refused.since_ms,
        count=refused.count,
    )


def _numbers_left_out(left_out: Refusals) -> Problem:
    return Problem(
        kind="numbers_left_out",
        message="a number in a transcript is outside of what its field can be, last in "
        f"block {left_out.where}; it counts as absent, the rest of its line counts",
        since_ms=left_out.since_ms,
        count=left_out.count,
    )


def _rss_bytes() -> int:
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError):
        return 0

    return pages * os.sysconf("SC_PAGE_SIZE")
