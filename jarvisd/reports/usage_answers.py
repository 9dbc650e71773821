"""Answers about usage: from sums of days in memory, or as they were given before."""

from collections.abc import Callable, Iterator, Mapping
from datetime import tzinfo
from functools import partial
from operator import itemgetter

from jarvisd.base.folder import is_named
from jarvisd.base.json_guard import encode_safe
from jarvisd.base.paging import Place, page, place_at
from jarvisd.base.work_in_turns import InTurns
from jarvisd.ledger.engine import Ledger
from jarvisd.ledger.model import Cell
from jarvisd.reports import usage_report
from jarvisd.reports.days import Days
from jarvisd.reports.families import FactsOf
from jarvisd.reports.report_params import days_of, keys_of_account, zone_of
from jarvisd.reports.usage_report import UsageReport
from jarvisd.reports.wire import ReportUsage

MAX_ZONES = 2
"""Time zones whose days are kept, at some megabytes each: the user's, and UTC."""

MAX_CACHED = 64
MAX_CACHED_ROWS = 64
MAX_CACHED_BYTES = 128 * 1024

Stamp = tuple[int, bool, int]
"""Revision, whether complete, and how often usage has changed."""


class UsageAnswers:
    """Answers `report.usage`.

    Args:
        ledger: Usage.
        facts: Returns the facts of a session.
        revision: Returns the number of flushes ever committed.
        is_complete: Returns whether all history has been read.
        accounts: Returns the configuration folder of each account, by its key.

    """

    def __init__(
        self,
        ledger: Ledger,
        facts: FactsOf,
        *,
        revision: Callable[[], int],
        is_complete: Callable[[], bool],
        accounts: Callable[[], Mapping[str, str]],
    ) -> None:
        self._ledger = ledger
        self._facts = facts
        self._revision = revision
        self._is_complete = is_complete
        self._account_folders = accounts
        self._days: dict[str, Days] = {}
        self._answers: dict[ReportUsage, tuple[Stamp, bytes]] = {}

    def add_up(self, tz: str, zone: tzinfo, now_ms: int) -> InTurns[int]:
        """Sum past days of the *zone* called *tz*; return how many were summed."""
        return self._days_in(tz, zone).add_up(now_ms)

    def usage(self, asked: ReportUsage) -> bytes | Iterator[bytes]:
        """Return usage, from the cache if nothing has changed since the last request.

        Raises:
            ProtocolError: There is no such time zone or date.

        """
        changes = self._ledger.rollup.changes
        stamp = (self._revision(), self._is_complete(), changes)
        known = self._answers.get(asked)
        if known is not None and known[0] == stamp:
            return known[1]

        first, last = days_of(asked)
        zone = zone_of(asked.tz)
        is_period = asked.by in usage_report.PERIODS
        numbers, names = (0, 1) if is_period else (2, 2)
        after = place_at(asked.after, numbers=numbers, names=names)
        found = usage_report.usage(
            self._days_in(asked.tz, zone),
            asked.by,
            self._facts,
            first=first,
            last=last,
            agent=asked.agent,
            project=None
            if asked.project is None
            else partial(is_named, wanted=asked.project),
            cell=self._place_filter(asked),
            accounts=self._account_folders(),
        )
        return self._made(asked, stamp, found, after)

    def _place_filter(self, asked: ReportUsage) -> Callable[[Cell], bool] | None:
        """Return whether a cell is of the branch and account that are asked for."""
        if asked.branch is None and asked.account is None:
            return None

        keys = keys_of_account(asked.account, self._account_folders())

        def matches(cell: Cell) -> bool:
            return asked.branch in {None, cell.branch} and (
                keys is None or cell.account in keys
            )

        return matches

    def _made(
        self,
        asked: ReportUsage,
        stamp: Stamp,
        work: InTurns[UsageReport],
        after: Place | None,
    ) -> Iterator[bytes]:
        """Yield the answer to *asked*, and keep a small one."""
        found = yield from work
        head = {
            "revision": stamp[0],
            "by": asked.by,
            "tz": asked.tz,
            "complete": stamp[1],
            "total": found.total,
        }
        pieces = page(
            encode_safe(head)[:-1] + b',"rows":[',
            found.rows(after),
            limit=asked.limit,
            view=itemgetter(1),
            place_of=itemgetter(0),
        )
        kept = bytearray()
        is_small = len(found) <= MAX_CACHED_ROWS
        for each in pieces:
            yield each
            if is_small:
                kept += each

        if is_small and len(kept) <= MAX_CACHED_BYTES:
            self._answers[asked] = (stamp, bytes(kept))
            if len(self._answers) > MAX_CACHED:
                del self._answers[next(iter(self._answers))]

    def _days_in(self, name: str, zone: tzinfo) -> Days:
        days = self._days.pop(name, None)
        rollup = self._ledger.rollup
        if days is None or days.rollup is not rollup:  # or the database was replaced
            days = Days(rollup, zone)

        self._days[name] = days
        if len(self._days) > MAX_ZONES:
            del self._days[next(iter(self._days))]

        return days
