"""What the daemon says of itself: whether all is well, and what is not.

Fields are only ever added, as in `jarvisd.base.wire_types`.
"""

from typing import Literal, NamedTuple

import msgspec

from jarvisd.base.wire_types import Params, Result
from jarvisd.core.wire import Backfill, Problem
from jarvisd.presence.wire import HookReceipt
from jarvisd.sinks.wire import SinkHealth


class Health(Params, frozen=True, kw_only=True):
    """Ask whether all is well."""


class StoreHealth(Result, frozen=True, kw_only=True):
    """The state of the database."""

    path: str | None
    size_bytes: int
    schema_version: int
    revision: int
    dirty_blocks: int
    last_flush_ms: int | None
    last_backup_ms: int | None
    error: str | None


class WatchHealth(Result, frozen=True, kw_only=True):
    """How file changes are noticed now, and what the last full look cost.

    *missed_files* counts files that went before they were read to their end,
    *compressed_files* transcripts that are compressed and cannot be read.
    """

    live: str
    trees: str
    watched_folders: int
    last_scan_ms: int | None
    scan_took_ms: float
    known_files: int
    open_files: int
    missed_files: int = 0
    compressed_files: int = 0


class DriftItem(Result, frozen=True, kw_only=True):
    """One thing in an agent's logs that its reader does not know.

    *kind* `record_type` is a type of line, `usage_field` a field of a response's token
    counts, `no_tokens` a type of line that reports a response without token counts;
    more kinds may come. *name* is the word in the log, or `other` for those after the
    first 32; *count* how many lines had it.
    """

    kind: str
    name: str
    count: int


class AgentDrift(Result, frozen=True, kw_only=True):
    """What is not known of one version of an agent, since the start of the daemon.

    *version* is None where the lines do not say. *newer* is True if it is newer than
    *newest_tested*, the newest version whose logs were read in tests; *transcripts* is
    how many of such a version were read.
    """

    agent: str
    version: str | None
    newer: bool
    newest_tested: str
    transcripts: int
    first_ms: int
    last_ms: int
    items: list[DriftItem]


class HealthResult(Result, frozen=True, kw_only=True):
    """All is well when *status* is `ok`; else *problems* says what is not.

    `degraded` means that counting goes on and something is not stored or not seen
    as fast as it should be.
    """

    status: Literal["ok", "degraded"]
    version: str
    pid: int
    started_ms: int
    uptime_s: float
    store: StoreHealth
    watch: WatchHealth
    backfill: Backfill
    blocks: int
    live_blocks: int
    clients: int
    subscriptions: int
    rss_bytes: int
    problems: list[Problem]
    hooks: list[HookReceipt] = msgspec.field(default_factory=list)
    sinks: list[SinkHealth] = msgspec.field(default_factory=list)
    drift: list[AgentDrift] = msgspec.field(default_factory=list)


class HealthTurned(NamedTuple):
    """Problems or the import of history have come or gone."""

    health: HealthResult
