"""What may be asked about prices.

Fields are only ever added, as in `jarvisd.base.wire_types`.
"""

from typing import Annotated

import msgspec

from jarvisd.base.wire_types import Params, Result

MAX_TABLE_CHARS = 900_000
"""Ten times the table that is shipped; a request may have a little more."""


class PricesGet(Params, frozen=True, kw_only=True):
    """Request the version of the prices in force."""


class PricesUpdate(Params, frozen=True, kw_only=True):
    """Replace the price table by a newer one, and recount all costs.

    *table* is the text of a file like the `prices.json` that is shipped.
    """

    table: Annotated[str, msgspec.Meta(max_length=MAX_TABLE_CHARS)]


class PricesResult(Result, frozen=True, kw_only=True):
    """The prices in force.

    *version* names the table with its day, and the prices of the configuration if there
    are any; *day* is that of the table, *shipped_day* that of the one that came with
    this version. *problem* is the error of a table that cannot be used.
    """

    version: str
    day: str
    shipped_day: str
    problem: str | None = None


PRICE_METHODS: dict[str, tuple[type[Params], type[msgspec.Struct]]] = {
    "prices.get": (PricesGet, PricesResult),
    "prices.update": (PricesUpdate, PricesResult),
}
