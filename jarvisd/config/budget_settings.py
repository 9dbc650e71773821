"""The settings of `[[budgets]]`: how much may be spent on something in a time."""

import re
from collections.abc import Iterable
from typing import Annotated, Final, Literal

import msgspec

from jarvisd.base.errors import ConfigError

BudgetPeriod = Literal["day", "week", "month", "session"]

MIN_LIMIT: Final = 0.000_001
"""Amounts are counted in millionths of a dollar."""

MAX_LIMIT: Final = 1_000_000_000.0
MAX_SHARE: Final = 1_000

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")

Share = Annotated[int, msgspec.Meta(ge=1, le=MAX_SHARE)]


class BudgetSettings(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True
):
    """One budget: *limit* dollars at list prices in each *period*.

    Attributes:
        name: What messages call it.
        limit: Dollars.
        period: A day, week or month of the local time zone, or the life of each session
            with its subagents.
        agent: Only what this agent spends; likewise *project* (a folder or the end of
            its path), *branch*, *account* and *session* (the beginning of its id).
        warn_at: Percent of the limit at which to warn.
        forecast: Whether to warn as well when the pace of late reaches the limit before
            the period ends.

    """

    name: str
    limit: Annotated[float, msgspec.Meta(ge=MIN_LIMIT, le=MAX_LIMIT)]
    period: BudgetPeriod = "month"
    agent: str | None = None
    project: str | None = None
    branch: str | None = None
    account: str | None = None
    session: str | None = None
    warn_at: tuple[Share, ...] = (80, 100)
    forecast: bool = True

    @property
    def limit_micros(self) -> int:
        """Return the limit in millionths of a dollar."""
        return round(self.limit * 1_000_000)


BUDGET_KEYS: Final = BudgetSettings.__struct_fields__
"""The keys of each table of `budgets`."""


def check_budgets(budgets: Iterable[BudgetSettings], origin: str) -> None:
    """Check the rules that types cannot express.

    Raises:
        ConfigError: A name is invalid or taken, or two budgets limit the same thing.

    """
    names: dict[str, int] = {}
    scopes: dict[tuple[str | None, ...], int] = {}
    for index, each in enumerate(budgets):
        where = f"{origin}: `budgets[{index}]"
        if not _NAME.fullmatch(each.name):
            raise ConfigError(
                f"{where}.name` is {each.name!r}: expected up to 64 of a-z, 0-9, - and _"
            )

        if each.name in names:
            raise ConfigError(
                f"{where}.name` is {each.name!r}, which is the name of another budget"
            )

        scope = (
            each.period,
            each.agent,
            each.project,
            each.branch,
            each.account,
            each.session,
        )
        if scope in scopes:
            other = f"`budgets[{scopes[scope]}]`"
            raise ConfigError(
                f"{where}` limits the same as {other}: keep one, with several `warn_at`"
            )

        names[each.name], scopes[scope] = index, index
