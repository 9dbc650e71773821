"""Answers about tools: from days that are kept, and from the store where these do not do."""

from collections.abc import Callable
from datetime import tzinfo
from functools import partial

from jarvisd.base.folder import is_named
from jarvisd.base.work_in_turns import PAUSE, RUN, InTurns
from jarvisd.core.feature import SessionKey
from jarvisd.core.storage.readable_store import ReadableStore
from jarvisd.ledger.engine import Ledger
from jarvisd.ledger.model import QUARTER_MS
from jarvisd.ledger.rollup import Rollup
from jarvisd.ledger.session_totals import Session
from jarvisd.reports import calendar
from jarvisd.reports.model import Attribution, ToolRow
from jarvisd.reports.report_params import MAX_DAYS, days_of, tools_of, zone_of
from jarvisd.reports.store import replace_attributions
from jarvisd.reports.tool_days import ToolDays, ToolsWanted
from jarvisd.reports.turn_taking import finish
from jarvisd.reports.wire import (
    AttributionImport,
    AttributionImportResult,
    ReportTools,
)

MAX_ZONES = 2
"""Time zones whose days are kept: the user's, and UTC."""


class ToolsReport:
    """Answers `report.tools` and `attribution.import`."""

    def __init__(
        self,
        ledger: Ledger,
        store: ReadableStore,
        project_of: Callable[[Session], str | None],
    ) -> None:
        self._ledger = ledger
        self._store = store
        self._project_of = project_of
        self._rollup: Rollup = ledger.rollup
        self._days: dict[str, ToolDays] = {}

    async def rows(self, asked: ReportTools, now_ms: int) -> list[ToolRow]:
        """Return the rows that *asked* selects.

        Raises:
            ProtocolError: There is no such time zone or date.

        """
        zone, (first, last) = zone_of(asked.tz), days_of(asked)
        if asked.project is None and _is_whole(zone, now_ms):
            days = self._days_in(asked.tz, zone)
            is_plugin = asked.by == "plugin"
            wanted = ToolsWanted(first, last, asked.daily, asked.agent, is_plugin)
            return await self._store.read(
                partial(days.rows, wanted=wanted, max_days=MAX_DAYS)
            )

        sessions = None
        if asked.project is not None:
            sessions = await finish(self._sessions_in(asked.project))

        read = partial(tools_of, asked=asked, zone=zone, sessions=sessions)
        return await self._store.read(read)

    async def attribute(self, asked: AttributionImport) -> AttributionImportResult:
        """Replace the attributions."""
        entries = asked.entries
        await self._store.change(partial(replace_attributions, rows=entries))
        self._days = {}
        return AttributionImportResult(
            curated=_names(entries, "curated"), flea=_names(entries, "flea")
        )

    def _days_in(self, name: str, zone: tzinfo) -> ToolDays:
        if self._rollup is not self._ledger.rollup:  # the database was replaced
            self._rollup, self._days = self._ledger.rollup, {}

        days = self._days.pop(name, None) or ToolDays(zone)
        self._days[name] = days
        if len(self._days) > MAX_ZONES:
            del self._days[next(iter(self._days))]

        return days

    def _sessions_in(self, project: str) -> InTurns[list[SessionKey]]:
        """Return the sessions that work in *project*, in turns."""
        found: list[SessionKey] = []
        for index, each in enumerate(list(self._ledger.sessions())):
            folders = self._project_of(each), each.place and each.place[1]
            if any(is_named(folder, project) for folder in folders):
                found.append((each.agent, each.session_id))

            if index % RUN == 0:
                yield PAUSE

        return found


def _is_whole(zone: tzinfo, now_ms: int) -> bool:
    """Whether days of *zone* begin with a quarter of an hour, as those of all places do."""
    today = calendar.day_of(now_ms, zone)
    return calendar.start_of(today, zone) % QUARTER_MS == 0


def _names(entries: list[Attribution], source: str) -> int:
    return len(
        {
            (each.kind, each.name.removeprefix("/"))
            for each in entries
            if each.source == source
        }
    )
