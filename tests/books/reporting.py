"""Reports over the books of a running daemon."""

from dataclasses import dataclass

from jarvisd.base.clock import Clock, SystemClock
from jarvisd.core.wire import Backfill
from jarvisd.reports.methods import Reports
from jarvisd.reports.model import Attribution, ExplainedLine, ToolRow
from jarvisd.reports.wire import (
    AttributionImport,
    ReportTools,
    SessionsExplain,
    SessionsExplainResult,
)
from tests.books.rig import Daemon
from tests.rpc.fakes import NOTHING_TO_READ, FakeDaemon, reports_of

DONE: Backfill = NOTHING_TO_READ


@dataclass(slots=True)
class Desk:
    """What asks the reports of *daemon*."""

    daemon: Daemon
    clock: Clock

    @property
    def reports(self) -> Reports:
        return reports_of(
            self.daemon.sessions,
            self.daemon.store,
            self.clock,
            FakeDaemon(revision=self.daemon.store.revision),
        )

    async def tools(self, **asked: object) -> list[ToolRow]:
        answer = await self.reports.tools(ReportTools(**asked))  # type: ignore[arg-type]
        return answer.rows

    async def attribute(self, *entries: Attribution) -> tuple[int, int]:
        known = await self.reports.attribute(AttributionImport(entries=list(entries)))
        return known.curated, known.flea

    async def explain(self, session_id: str, **asked: object) -> SessionsExplainResult:
        request = SessionsExplain(session_id=session_id, **asked)  # type: ignore[arg-type]
        entry = self.daemon.sessions.find(session_id)
        return await self.reports.explain(request, entry.session, entry.blocks)

    async def verdicts(self, session_id: str, **asked: object) -> list[str]:
        told = await self.explain(session_id, **asked)
        return [each.verdict for each in told.lines]


def desk(daemon: Daemon, clock: Clock | None = None) -> Desk:
    return Desk(daemon, clock or SystemClock())


def reasons(lines: list[ExplainedLine]) -> list[str]:
    return [each.reason for each in lines]
