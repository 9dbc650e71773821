"""Cells at moments that a person can read."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from jarvisd.base.paging import Place
from jarvisd.base.usage import Tokens
from jarvisd.base.work_in_turns import at_once
from jarvisd.core.origin import SessionId
from jarvisd.ledger.model import QUARTER_MS, Cell
from jarvisd.ledger.rollup import Rollup
from jarvisd.reports.days import Days
from jarvisd.reports.families import SessionFacts
from jarvisd.reports.model import UsageRow
from jarvisd.reports.usage_report import UsageReport, usage


def ms(text: str) -> int:
    """Return a moment in UTC, as `2026-11-21 10:00`, in Unix ms."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def cell(
    at: str | None,
    *,
    session: str = "s1",
    cost: int = 1000,
    output: int = 10,
    **fields: Any,
) -> Cell:
    """Return what was spent at *at*, None for a time that nobody knows."""
    usual: dict[str, Any] = {"agent": "claude", "model": "opus"}
    return Cell(
        quarter=0 if at is None else ms(at) // QUARTER_MS,
        session_id=SessionId(session),
        tokens=Tokens(output=output),
        cost_micros=cost,
        **{"responses": 1, **usual, **fields},
    )


def days(*cells: Cell, zone: str = "UTC") -> Days:
    rollup = Rollup()
    rollup.restore(cells)
    return Days(rollup, ZoneInfo(zone))


def usage_now(*wanted: Any, **more: Any) -> UsageReport:
    """Return the report without turns for others."""
    return at_once(usage(*wanted, **more))


def rows_of(report: UsageReport, after: Place | None = None) -> list[UsageRow]:
    """Return the rows behind the place *after*, in order."""
    return [each[1] for each in report.rows(after) if each is not None]


def no_facts(agent: str, session_id: SessionId) -> SessionFacts:
    del agent
    return SessionFacts(session_id)
