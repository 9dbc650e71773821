"""Warnings of budgets for `jarvisctl notify`: each once, and none in quiet hours."""

from collections.abc import Callable

import msgspec

from jarvisd.budgets.model import BudgetWarning
from jarvisd.budgets.wire import ReportBudget, ReportBudgetResult
from jarvisd.cli import wall_clock
from jarvisd.cli.daemon_connection import DaemonConnection, decode
from jarvisd.cli.notices import Notice, budget_notice
from jarvisd.cli.notification_queue import QUIET_LOOK_MS
from jarvisd.rpc.client_wire import Topic

FIRST_MS = 24 * 3_600_000
"""The first run notifies of warnings of the last day: the budget may be as new."""


class BudgetNotices:
    """The warnings of budgets that have to be notified.

    Args:
        is_quiet: Whether a moment lies in quiet hours.
        wanted: Whether anything is notified.

    Attributes:
        is_behind: Warnings may have come while nobody was subscribed.
        last: The number of the last warning that was notified; None before the first
            run.

    """

    def __init__(self, is_quiet: Callable[[int], bool], *, wanted: bool) -> None:
        self.last: int | None = None
        self.is_behind = True
        self._is_quiet = is_quiet
        self._wanted = wanted
        self._waiting: dict[int, BudgetWarning] = {}

    @property
    def topics(self) -> tuple[Topic, ...]:
        """Return the topics to subscribe to."""
        return ("budget",) if self._wanted else ()

    def catch_up(self, connection: DaemonConnection) -> None:
        """Apply the warnings that came while nobody was subscribed."""
        if not self._wanted or not self.is_behind:
            return

        missed = connection.call(ReportBudget(), ReportBudgetResult).warnings
        if self.last is None:
            since_ms = wall_clock.unix_ms() - FIRST_MS
            old = (each.number for each in missed if each.at_ms < since_ms)
            self.last = max(old, default=0)

        for each in missed:
            self._add(each)

        self.is_behind = False

    def apply(self, data: msgspec.Raw) -> None:
        """Apply the *data* of an event."""
        self._add(decode("event", data, BudgetWarning))

    def notify(
        self, *, before: Callable[[], object], show: Callable[[Notice], None]
    ) -> None:
        """Show the warnings that are due, oldest first; call *before* once they are settled."""
        if not self._waiting or self._is_quiet(wall_clock.unix_ms()):
            return

        due = [each for _, each in sorted(self._waiting.items())]
        self.last = due[-1].number
        self._waiting.clear()
        before()
        for each in due:
            show(budget_notice(each))

    @property
    def wait_s(self) -> float | None:
        """Return when to look again, in seconds; None if only news can change that."""
        return QUIET_LOOK_MS / 1000 if self._waiting else None

    def _add(self, warning: BudgetWarning) -> None:
        if self.last is not None and warning.number > self.last:
            self._waiting[warning.number] = warning
