"""The prices in force: one place that ledger and store ask, and a reload changes."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import structlog

from jarvisd.base.clock import Clock
from jarvisd.base.errors import StoreError, protocol_error
from jarvisd.base.usage import Tokens, Variant
from jarvisd.base.wire_types import Method, Params
from jarvisd.core.flush import Flusher
from jarvisd.ledger.engine import Ledger
from jarvisd.pricing.book import PriceBook, web_search_micros
from jarvisd.pricing.overrides import parse_overrides
from jarvisd.pricing.price_table import (
    TABLE_FILE,
    decode_table,
    load_table,
    unusable_record,
)
from jarvisd.pricing.wire import PricesGet, PricesResult, PricesUpdate

RETRY_S = 10.0
DAY_S = 86_400

log = structlog.get_logger()

UNDATED_MS = 2**53
"""A response without a time costs what is listed now."""


class PricesInForce:
    """The price book of now, behind functions that stay the same."""

    def __init__(
        self, configured: Mapping[str, Any], *, updated: Path, clock: Clock
    ) -> None:
        """Read the prices: shipped, *updated* in that file, and *configured*."""
        self._configured = configured
        self._updated = updated
        self._clock = clock
        self._book = self._read(configured)
        self.changed = anyio.Event()
        self._updating = anyio.Lock()

    @property
    def version(self) -> str:
        """Return the name of the prices behind every cost, the user's included."""
        return self._book.table_version

    def change(self, configured: Mapping[str, Any]) -> None:
        """Take other prices of the user's.

        Raises:
            ConfigError: They cannot be used; those so far stay.

        """
        self._book, self._configured = self._read(configured), configured
        self.changed.set()
        self.changed = anyio.Event()

    def methods(self) -> dict[type[Params], Method]:
        """Return the handler of each method, by the type of its params."""
        return {PricesGet: self._get, PricesUpdate: self._update}

    async def _get(self, _: PricesGet) -> PricesResult:
        return PricesResult(
            version=self.version,
            day=self._book.table.day,
            shipped_day=load_table(TABLE_FILE)[0].day,
            problem=self._book.problem,
        )

    async def _update(self, params: PricesUpdate) -> PricesResult:
        async with self._updating:  # one file is written, and then read
            return await self._updated_by(params)

    async def _updated_by(self, params: PricesUpdate) -> PricesResult:
        data = params.table.encode()
        table, problem = decode_table(data)
        problem = problem or unusable_record(table)
        tomorrow = datetime.fromtimestamp(
            self._clock.unix_ms() / 1000 + DAY_S, UTC
        ).date()
        if problem is None and table.day < self._book.table.day:
            problem = (
                f"is of {table.day}, older than the prices of {self._book.table.day}"
            )
        elif problem is None and table.day > tomorrow.isoformat():
            problem = f"is of {table.day}, which is in the future"

        if problem is not None:
            raise protocol_error(
                "invalid_params", f"the price table {problem}", field="table"
            )

        await anyio.to_thread.run_sync(_write, self._updated, data)
        self.change(self._configured)
        log.info("prices.updated", version=self.version)
        return await self._get(PricesGet())

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
        book = PriceBook.load(parse_overrides(configured), paths=[self._updated])
        if book.problem is not None:
            log.error("prices.unreadable", reason=book.problem)

        return book


def _write(path: Path, data: bytes) -> None:
    """Write a file for this user alone, whole or not at all.

    Raises:
        StoreError: It cannot be written.

    """
    new = path.with_name(f".{path.name}.new")
    try:
        new.unlink(missing_ok=True)
        new.touch(mode=0o600)
        new.write_bytes(data)
        new.replace(path)
    except OSError as exc:
        raise StoreError(f"{path}: {exc.strerror or exc}") from exc


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
