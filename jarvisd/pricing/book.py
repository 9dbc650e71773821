"""The price book: the cost of a model's response at a given time, in micro-dollars.

Three rules. A price is looked up for each response, never for sums, because a long
prompt changes the price of all its tokens. An unknown price is None: never 0, and never
that of a model with a similar name. And a cost is stored with `table_version`, so that
it can be recalculated from stored tokens when prices change, without reading logs again.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Self, TypeVar

from jarvisd.base.usage import STANDARD, Tokens, Variant
from jarvisd.pricing.names import MAX_CHARS, MILLION_SUFFIX, Name, parse_name
from jarvisd.pricing.overrides import NO_OVERRIDES, Overrides
from jarvisd.pricing.price_table import (
    TABLE_FILE,
    PriceTable,
    load_table,
    schedule,
    unusable_record,
)
from jarvisd.pricing.rate import NO_SCHEDULE, Schedule, TokenRate, constant_schedule

WEB_SEARCH_MICROS = 10_000
"""Anthropic's price of one web search: $10 per thousand."""

MILLION_WINDOW = 1_000_000
"""The context window that the suffix [1m] of a Claude model selects."""

CACHE_LIMIT = 4096
"""Cached names, limited since names come from logs, which anybody may write."""

Value = TypeVar("Value")

Served = tuple[str | None, str, Variant]
"""A provider or None, a model's name as written, and the variant that served it."""


def web_search_micros(searches: int) -> int:
    """Return the cost of *searches* with Claude's web search tool, in micro-dollars."""
    return searches * WEB_SEARCH_MICROS


class PriceBook:
    """Prices by model, variant and time; the user's own prices override all others.

    Attributes:
        table: The table in force, without the user's prices.
        table_version: Identifies the prices, including the user's.
        problem: The error of a table, for one line in the log, or None.

    """

    def __init__(
        self,
        table: PriceTable,
        *,
        overrides: Overrides = NO_OVERRIDES,
        problem: str | None = None,
    ) -> None:
        self.table = table
        self._overrides = overrides
        self._schedules: dict[Served, Schedule] = {}
        self._windows: dict[tuple[str | None, str], int | None] = {}
        self.problem = problem
        self.table_version = f"{table.version}{overrides.version}"

    @classmethod
    def load(
        cls, overrides: Overrides = NO_OVERRIDES, *, paths: Sequence[Path] = ()
    ) -> Self:
        """Read the shipped table and those at *paths*; the one of the latest day counts.

        `problem` is set if a table that is there cannot be used.
        """
        newest, problem = load_table(TABLE_FILE)
        for path in paths:
            if path.exists():
                table, damage = load_table(path)
                if damage is None and (fault := unusable_record(table)) is not None:
                    damage = f"no prices: {path} {fault}"

                problem = problem or damage
                if damage is None and table.day > newest.day:
                    newest = table

        return cls(newest, overrides=overrides, problem=problem)

    def cost_micros(
        self,
        model: str,
        variant: Variant,
        at_ms: int,
        tokens: Tokens | None,
        *,
        provider: str | None = None,
    ) -> int | None:
        """Return the cost of one response in micro-dollars, rounded half up once.

        *tokens* is None if the log has only a total, which cannot be priced.
        """
        if tokens is None:
            return None

        rate = self.rate(provider, model, at_ms, variant)
        return None if rate is None else rate.cost_micros(tokens)

    def rate(
        self,
        provider: str | None,
        model: str,
        at_ms: int,
        variant: Variant = STANDARD,
    ) -> TokenRate | None:
        """Return the prices in force at *at_ms* (Unix ms), or None if unknown.

        Without a *provider*, the prices of the model's maker apply. A provider whose
        prices are unknown has no rates, even for a well-known model.
        """
        key = (provider, model, variant)
        found = self._schedules.get(key)
        if found is None and (
            len(model) > MAX_CHARS or len(provider or "") > MAX_CHARS
        ):
            return None  # no model has such a name, and it must not fill the cache

        if found is None:
            if len(self._schedules) >= CACHE_LIMIT:
                self._schedules.clear()

            found = self._schedules[key] = self._find_schedule(*key)

        return found.at(at_ms)

    def window(self, model: str, *, provider: str | None = None) -> int | None:
        """Return the context window of *model* in tokens, as of now."""
        key = (provider, model)
        if key in self._windows:
            return self._windows[key]

        found = self._find_window(provider, model)
        if len(model) <= MAX_CHARS and len(self._windows) < CACHE_LIMIT:
            self._windows[key] = found

        return found

    def _find_window(self, provider: str | None, model: str) -> int | None:
        name = self._resolve_name(provider, model)
        if (own := first_value(self._overrides.windows, name)) is not None:
            return own

        if model.lower().endswith(MILLION_SUFFIX):
            return MILLION_WINDOW

        eras, _ = self.table.find(name)
        return eras[-1].model.window if eras else None

    def _find_schedule(
        self, provider: str | None, model: str, variant: Variant
    ) -> Schedule:
        name = self._resolve_name(provider, model)
        if (own := first_value(self._overrides.rates, name)) is not None:
            return constant_schedule(own)

        eras, fast = self.table.find(name)
        return schedule(eras, variant, fast=fast) if eras else NO_SCHEDULE

    def _resolve_name(self, provider: str | None, model: str) -> Name:
        name = parse_name(provider, model, providers=self.table.providers)
        target = first_value(self._overrides.aliases, name)
        if target is None:
            return name

        return parse_name(None, target, providers=self.table.providers)


def first_value(values: dict[str, Value], name: Name) -> Value | None:
    """Return the value under the most exact spelling of *name*."""
    found = (values[text] for text in name.spellings if text in values)
    return next(found, None)
