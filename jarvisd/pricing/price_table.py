"""The shipped price table, and the model records in it.

`prices.json` is made by `tools/refresh_prices.py` from genai-prices (MIT, see
LICENSE.genai-prices) and never edited by hand: it carries its own checksum. It is
split into records at the start and each is decoded when its model is first met, for
a machine meets a dozen models of the six hundred.
"""

import zlib
from pathlib import Path

import msgspec

from jarvisd.base.usage import Variant
from jarvisd.pricing.names import Name
from jarvisd.pricing.rate import (
    Schedule,
    Term,
    parse_moment,
    parse_rate,
    parse_term,
)

TABLE_FILE = Path(__file__).with_name("prices.json")

Row = tuple[str, str]
"""Since when, and the prices, as `parse_term` and `parse_rate` read them."""


class PricedModel(msgspec.Struct, frozen=True):
    """One model of one provider: its prices over time, for each way it is served."""

    standard: tuple[Row, ...]
    fast: tuple[Row, ...] = ()
    priority: tuple[Row, ...] = ()
    flex: tuple[Row, ...] = ()
    batch: tuple[Row, ...] = ()
    window: int | None = None
    us_percent: int = 100

    def rows(self, variant: Variant, *, fast: bool) -> tuple[Row, ...]:
        """Return the history for one way of serving.

        Asked for a tier that a model is not sold in, providers serve and bill it as
        standard. Fast and batch are what was served, so without a price there is
        none. OpenAI's fast is its priority tier under another name.
        """
        if fast or variant.speed == "fast":
            return self.fast or self.priority

        match variant.tier:
            case "batch":
                return self.batch
            case "priority":
                return self.priority or self.standard
            case "flex":
                return self.flex or self.standard
            case "standard":
                return self.standard


class Era(msgspec.Struct, frozen=True):
    """From *since_ms* on, a name means *model*."""

    since_ms: int
    model: PricedModel


class PriceTable(msgspec.Struct, frozen=True):
    """All prices that come with this version.

    Attributes:
        version: The day, the source's version and the checksum.
        providers: Every name of a provider, to the one its price list is under.
        aliases: Names that mean other models: pairs of since when, and which.
        names: For each provider, other spellings of its models.
        models: For each provider, its models, not yet decoded.

    """

    version: str = "none"
    providers: dict[str, str] = {}
    aliases: dict[str, tuple[Row, ...]] = {}
    names: dict[str, dict[str, str]] = {}
    models: dict[str, dict[str, msgspec.Raw]] = {}

    def find(self, name: Name) -> tuple[list[Era], bool]:
        """Return what *name* meant over time, and whether it asks for fast mode."""
        for spelling in name.spellings:
            if eras := self._eras(name.provider, spelling):
                return eras, False

        for spelling in name.fast:
            if eras := self._eras(name.provider, spelling):
                return eras, True

        return [], False

    def _eras(self, provider: str | None, spelling: str) -> list[Era]:
        meanings = self.aliases.get(spelling, (("", spelling),))
        found = [(since, self._model(provider, target)) for since, target in meanings]
        return [Era(parse_moment(since), model) for since, model in found if model]

    def _model(self, provider: str | None, spelling: str) -> PricedModel | None:
        for candidate in self.models if provider is None else (provider,):
            known = self.names.get(candidate, {})
            record = self.models.get(candidate, {}).get(known.get(spelling, spelling))
            if record is not None:
                return msgspec.json.decode(record, type=PricedModel)

        return None


def load_table(path: Path) -> tuple[PriceTable, str | None]:
    """Return the table, and what is wrong with it; a broken one is empty."""
    try:
        data = path.read_bytes()
        table = msgspec.json.decode(data, type=PriceTable)
    except (OSError, ValueError) as error:
        return PriceTable(), f"no prices: {path} cannot be read: {error}"

    # The first two lines hold the version, and the last closes the object.
    body = data.split(b"\n", 2)[-1].removesuffix(b"}\n")
    if not table.version.endswith(f" {zlib.crc32(body):08x}"):
        return PriceTable(), f"no prices: {path} is damaged or was edited by hand"

    known = {provider: provider for provider in table.models}
    return msgspec.structs.replace(table, providers=known | table.providers), None


def schedule(eras: list[Era], variant: Variant, *, fast: bool) -> Schedule:
    """Return the rates that a name has over time, served as *variant*."""
    terms: list[Term] = []
    for era in eras:
        percent = era.model.us_percent if variant.geo_us else 100
        terms = [term for term in terms if term.since_ms < era.since_ms]
        terms += [
            parse_term(since, parse_rate(prices, percent=percent), from_ms=era.since_ms)
            for since, prices in era.model.rows(variant, fast=fast)
        ]

    return Schedule(terms)
