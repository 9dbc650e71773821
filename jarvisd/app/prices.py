"""The prices in force: one place that ledger and store ask, and a reload changes."""

from collections.abc import Mapping
from typing import Any

import anyio
import structlog

from jarvisd.base.errors import StoreError
from jarvisd.base.usage import Tokens, Variant
from jarvisd.core.flush import Flusher
from jarvisd.ledger.engine import Ledger
from jarvisd.pricing.book import PriceBook, web_search_micros
from jarvisd.pricing.overrides import parse_overrides

RETRY_S = 10.0

log = structlog.get_logger()

UNDATED_MS = 2**53
"""A response without a time costs what is listed now."""


class PricesInForce:
    """The price book of now, behind functions that stay the same."""

    def __init__(self, configured: Mapping[str, Any]) -> None:
        self._book = self._read(configured)
        self.changed = anyio.Event()

    @property
    def version(self) -> str:
        """Return the name of the prices behind every cost, the user's included."""
        return self._book.table_version

    def change(self, configured: Mapping[str, Any]) -> None:
        """Take other prices of the user's.

        Raises:
            ConfigError: They cannot be used; those so far stay.

        """
        self._book = self._read(configured)
        self.changed.set()
        self.changed = anyio.Event()

    def cost_micros(
        self,
        model: str | None,
        variant: Variant,
        at_ms: int | None,
        tokens: Tokens,
        web_searches: int,
    ) -> int | None:
        """Return the cost of one response in millionths of a dollar; None without a price."""
        if model is None:
            return None

        when = UNDATED_MS if at_ms is None else at_ms
        cost = self._book.cost_micros(model, variant, when, tokens)
        if cost is None or not web_searches:
            return cost

        return cost + web_search_micros(web_searches)

    def window(self, model: str) -> int | None:
        """Return the context window of *model* in tokens."""
        return self._book.window(model)

    def _read(self, configured: Mapping[str, Any]) -> PriceBook:
        book = PriceBook.load(overrides=parse_overrides(configured))
        if book.problem is not None:
            log.error("prices.unreadable", reason=book.problem)

        return book


async def keep_priced(prices: PricesInForce, ledger: Ledger, flusher: Flusher) -> None:
    """Recount costs, beside everything else, whenever prices have changed."""
    while True:
        changed = prices.changed
        ledger.use_prices(prices.version)
        try:
            await flusher.flush_while(ledger.needs_repricing)
        except StoreError:  # the flusher says why
            await anyio.sleep(RETRY_S)
        else:
            await changed.wait()
