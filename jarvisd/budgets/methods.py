"""Watches budgets: warns once of each share, and answers `report.budget`."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import anyio
import structlog
from anyio import lowlevel

from jarvisd.base.clock import Clock
from jarvisd.base.errors import StoreError, protocol_error
from jarvisd.base.wire_types import Method, Params
from jarvisd.budgets.engine import DAY_MS, BudgetEngine, Known
from jarvisd.budgets.model import BudgetWarning
from jarvisd.budgets.store import load_warnings, write_warnings
from jarvisd.budgets.wire import ReportBudget, ReportBudgetResult
from jarvisd.core.publisher import Publish
from jarvisd.core.storage.database_store import Store

log = structlog.get_logger()

PAUSE_S = 0.5
"""Seconds between two looks at whether anything was spent."""

IDLE_PAUSE_S = 2.0
"""The same while no budget is configured; a reload may bring one."""

LOOK_S = 60.0
"""Looks while nothing is spent: a pace falls, a period ends, prices change."""

KEPT_MS = 400 * DAY_MS
SHOWN_MS = 31 * DAY_MS


class BudgetCrossed(NamedTuple):
    """A warning of a budget is stored, and to be shown."""

    warning: BudgetWarning


class BudgetWatch:
    """Warns of budgets, each share of a period once, and answers what is spent.

    Args:
        engine: The sums of the budgets.
        store: Where given warnings are.
        clock: The time of periods.
        publish: Reports a warning that is stored.
        complete: Returns whether all history was read: before, sums are too low.

    """

    def __init__(
        self,
        engine: BudgetEngine,
        store: Store,
        clock: Clock,
        *,
        publish: Publish,
        complete: Callable[[], bool],
    ) -> None:
        self.engine = engine
        self._store = store
        self._clock = clock
        self._publish = publish
        self._is_complete = complete
        self._warnings: list[BudgetWarning] = []
        self._is_loaded = False
        self._looking = anyio.Lock()

    def methods(self) -> dict[type[Params], Method]:
        """Return the handler of each method, by the type of its params."""
        return {ReportBudget: self._answer}

    async def run(self) -> None:
        """Warn of budgets until cancelled."""
        seen, look_at = -1, 0.0
        while True:
            pause_s = PAUSE_S if self.engine.budgets else IDLE_PAUSE_S
            await self._clock.sleep_until(self._clock.monotonic() + pause_s)
            now, changes = self._clock.monotonic(), self.engine.changes
            if changes == seen and now < look_at:
                continue

            try:
                if self.engine.budgets and self._is_complete():
                    await self._warn()
                    seen, look_at = changes, now + LOOK_S
            except StoreError as exc:  # a warning that is not stored would come twice
                log.warning("budgets.postponed", reason=str(exc))

    async def _warn(self) -> None:
        now_ms = await self._refreshed()
        known: set[Known] = {
            (each.budget.name, each.scope, each.budget.limit_micros, each.share)
            for each in self._warnings
        }
        last = max((each.number for each in self._warnings), default=0)
        due = self.engine.due(known, now_ms, max(now_ms, last + 1))
        if not due:
            return

        await self._store.change(
            partial(write_warnings, warnings=due, before_ms=now_ms - KEPT_MS)
        )
        self._warnings += due
        for each in due:
            self._publish(BudgetCrossed(each))

    async def _refreshed(self) -> int:
        """Load the warnings, bring the sums up to date; return the time of both."""
        async with self._looking:
            if not self._is_loaded:
                since_ms = self._clock.unix_ms() - KEPT_MS
                read = partial(load_warnings, since_ms=since_ms)
                self._warnings, self._is_loaded = await self._store.read(read), True

            now_ms = self._clock.unix_ms()
            for _ in self.engine.refresh(now_ms):
                await lowlevel.checkpoint()

        return now_ms

    async def _answer(self, params: ReportBudget) -> ReportBudgetResult:
        names = [each.name for each in self.engine.budgets]
        if params.name not in {None, *names}:
            known = ", ".join(names) or "none"
            message = f"there is no budget {params.name!r}; configured are: {known}"
            raise protocol_error("invalid_params", message, field="name")

        now_ms = await self._refreshed()
        return ReportBudgetResult(
            now_ms=now_ms,
            complete=self._is_complete(),
            budgets=[
                each
                for each in self.engine.views(now_ms)
                if params.name in {None, each.name}
            ],
            warnings=[
                each
                for each in self._warnings
                if each.at_ms >= now_ms - SHOWN_MS
                and params.name in {None, each.budget.name}
            ],
        )
