"""The price book: what a response of a model cost at a moment, in micro-dollars.

Three things a stranger must know. A price is looked up per response and never on
sums, because long prompts pay another price for all of their tokens. No price is
None: never 0, and never that of a model with a similar name. And a cost is stored
with `table_version`, so that it can be counted again from stored tokens when prices
change; no log is read again for that.
"""

from pathlib import Path
from typing import Self, TypeVar

from jarvisd.base.usage import STANDARD, Tokens, Variant
from jarvisd.pricing.names import MAX_CHARS, MILLION_SUFFIX, Name, parse_name
from jarvisd.pricing.overrides import NO_OVERRIDES, Overrides
from jarvisd.pricing.price_table import TABLE_FILE, PriceTable, load_table, schedule
from jarvisd.pricing.rate import NEVER, Schedule, TokenRate, always

WEB_SEARCH_MICROS = 10_000
"""Anthropic's price of one web search: $10 per thousand."""

MILLION_WINDOW = 1_000_000
"""What the suffix [1m] of a Claude model asks for."""

CACHE_LIMIT = 4096
"""Model names come from logs, which anybody may write."""

Value = TypeVar("Value")

Served = tuple[str | None, str, Variant]
"""A provider or none, a model's name as written, and how it was served."""


def web_search_micros(searches: int) -> int:
    """Return what *searches* of Claude's web search tool cost, in micro-dollars."""
    return searches * WEB_SEARCH_MICROS


class PriceBook:
    """Prices by model, way of serving and moment; the user's own go before all.

    Attributes:
        table_version: Names the prices behind every answer, the user's included.
        problem: What is wrong with the shipped table, for one line in the log; it
            is None when all is well. With a problem only the user's prices are known.

    """

    def __init__(
        self,
        table: PriceTable,
        *,
        overrides: Overrides = NO_OVERRIDES,
        problem: str | None = None,
    ) -> None:
        self._table = table
        self._overrides = overrides
        self._schedules: dict[Served, Schedule] = {}
        self._windows: dict[tuple[str | None, str], int | None] = {}
        self.problem = problem
        self.table_version = f"{table.version}{overrides.version}"

    @classmethod
    def load(
        cls, overrides: Overrides = NO_OVERRIDES, *, path: Path = TABLE_FILE
    ) -> Self:
        """Read the shipped table; a missing or broken one is told in `problem`."""
        table, problem = load_table(path)
        return cls(table, overrides=overrides, problem=problem)

    def cost_micros(
        self,
        model: str,
        variant: Variant,
        at_ms: int,
        tokens: Tokens | None,
        *,
        provider: str | None = None,
    ) -> int | None:
        """Return what one response cost, in micro-dollars, rounded half up once.

        *tokens* is None where the log tells only a total, which has no price.
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

        Without a *provider* the model is looked for at its maker. One that sells
        models under prices unknown here has no rates, however famous the model.
        """
        key = (provider, model, variant)
        found = self._schedules.get(key)
        if found is None:
            found = self._remember(key)

        return found.at(at_ms)

    def window(self, model: str, *, provider: str | None = None) -> int | None:
        """Return the context window of *model* in tokens, as of now."""
        key = (provider, model)
        if key in self._windows:
            return self._windows[key]

        found = self._look_up_window(provider, model)
        if len(model) <= MAX_CHARS and len(self._windows) < CACHE_LIMIT:
            self._windows[key] = found

        return found

    def _look_up_window(self, provider: str | None, model: str) -> int | None:
        name = self._name(provider, model)
        if (own := first(self._overrides.windows, name)) is not None:
            return own

        if model.lower().endswith(MILLION_SUFFIX):
            return MILLION_WINDOW

        eras, _ = self._table.find(name)
        return eras[-1].model.window if eras else None

    def _remember(self, key: Served) -> Schedule:
        provider, model, _ = key
        if len(model) > MAX_CHARS or len(provider or "") > MAX_CHARS:
            return NEVER

        if len(self._schedules) >= CACHE_LIMIT:
            self._schedules.clear()

        found = self._schedules[key] = self._look_up(*key)
        return found

    def _look_up(self, provider: str | None, model: str, variant: Variant) -> Schedule:
        name = self._name(provider, model)
        if (own := first(self._overrides.rates, name)) is not None:
            return always(own)

        eras, fast = self._table.find(name)
        return schedule(eras, variant, fast=fast) if eras else NEVER

    def _name(self, provider: str | None, model: str) -> Name:
        name = parse_name(provider, model, providers=self._table.providers)
        target = first(self._overrides.aliases, name)
        if target is None:
            return name

        return parse_name(None, target, providers=self._table.providers)


def first(values: dict[str, Value], name: Name) -> Value | None:
    """Return the value under the most exact spelling of *name*."""
    found = (values[text] for text in name.spellings if text in values)
    return next(found, None)
