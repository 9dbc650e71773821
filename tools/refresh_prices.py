"""Make `jarvisd/pricing/prices.json` from genai-prices and `tools/prices.toml`.

Run by `make prices`, in an environment that has genai-prices; the daemon itself
never imports it. The same inputs give the same bytes, so the diff of a refresh is
what changed in the world. docs/pricing.md tells the maintainer's side.

Prices are read through genai-prices' own resolution, at each date on which anything
changes, so that its rules for partial variants and history are not rewritten here.
"""

import argparse
import json
import re
import sys
import tomllib
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, time
from decimal import Decimal
from importlib import metadata
from pathlib import Path
from typing import Any

from genai_prices.data import providers as all_providers
from genai_prices.types import (
    ClauseAnd,
    ClauseEquals,
    ClauseOr,
    ClauseStartsWith,
    ModelInfo,
    ModelPrice,
    Provider,
    StartDateConstraint,
    TieredPrices,
    TimeOfDateConstraint,
)

HERE = Path(__file__).parent
TABLE = HERE.parent / "jarvisd" / "pricing" / "prices.json"
PICO = Decimal("0.000001")
"""The finest price kept: a millionth of a dollar per million tokens."""

Row = list[str]
"""[since, prices]: since is "", a date, or the UTC hours "HH:MM-HH:MM"."""

KEYS = (
    ("input_mtok",),
    ("cache_read_mtok", "input_mtok"),
    ("cache_write_5m_mtok", "cache_write_mtok", "input_mtok"),
    ("cache_write_1h_mtok", "cache_write_mtok", "input_mtok"),
    ("output_mtok",),
)
"""Per bucket the keys to look under: a kind of token without a price of its own is
billed as the next wider kind."""

CONTEXTS = {
    "fast": {"speed": "fast"},
    "priority": {"service_tier": "priority"},
    "flex": {"service_tier": "flex"},
    "batch": {"processing": "batch"},
}


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description="Refresh the vendored price table.")
    parser.add_argument("--as-of", required=True, help="today, YYYY-MM-DD")
    as_of = parser.parse_args().as_of
    table = build(tomllib.loads((HERE / "prices.toml").read_text()))
    body = render(table)
    digest = f"{zlib.crc32(body.encode()):08x}"
    if TABLE.exists() and f' {digest}"' in TABLE.read_text():
        sys.stdout.write("Nothing has changed; the table keeps its version.\n")
        return

    version = f"{as_of} genai-prices {metadata.version('genai-prices')} {digest}"
    TABLE.write_text(f'{{\n"version": {json.dumps(version)},\n{body}}}\n')
    count = sum(len(models) for models in table["models"].values())
    sys.stdout.write(f"{count} models, {TABLE.stat().st_size} bytes: {version}\n")


def build(extra: dict[str, Any]) -> dict[str, Any]:
    """Return the table, all but its version."""
    by_id = {provider.id: provider for provider in all_providers}
    models, names = {}, {}
    for provider_id in extra["order"]:
        provider = by_id[provider_id]
        chosen = [m for m in provider.models if is_wanted(provider_id, m, extra)]
        models[provider_id] = {m.id: record(m, extra) for m in chosen}
        names[provider_id] = spellings(provider, chosen)
        for name, added in extra.get("models", {}).get(provider_id, {}).items():
            models[provider_id][name] = {
                "window": added["window"],
                "standard": [["", added["prices"]]],
            }

    aliases = {
        name: target if isinstance(target, list) else [["", target]]
        for name, target in extra["aliases"].items()
    }
    return {
        "providers": extra["providers"],
        "aliases": aliases,
        "names": names,
        "models": models,
    }


def is_wanted(provider_id: str, model: ModelInfo, extra: dict[str, Any]) -> bool:
    """Say whether *model* writes text for tokens, and may be met."""
    if provider_id == "openrouter":
        vendor, slash, name = model.id.partition("/")
        if not slash or ":" in name or vendor not in extra["openrouter_vendors"]:
            return False

    if model.id.startswith("ft:"):
        return False

    first = next(prices_of(model))
    return first.input_mtok is not None and first.output_mtok is not None


def prices_of(model: ModelInfo) -> Iterator[ModelPrice]:
    """Yield all standard prices *model* ever had."""
    if isinstance(model.prices, ModelPrice):
        yield model.prices
    else:
        yield from (row.prices for row in model.prices)


def record(model: ModelInfo, extra: dict[str, Any]) -> dict[str, Any]:
    """Return all that is kept of *model*."""
    window = model.context_window or extra["windows"].get(model.id)
    kept: dict[str, Any] = {"window": window} if window else {}
    if model.id in extra["us"]["models"]:
        kept["us_percent"] = extra["us"]["percent"]

    kept["standard"] = standard_rows(model)
    for name, context in CONTEXTS.items():
        if rows := variant_rows(model, context, kept["standard"]):
            kept[name] = rows

    if times := extra["fast"].get(model.id):
        kept["fast"] = [
            [since, scaled(text, times)] for since, text in kept["standard"]
        ]

    return kept


def standard_rows(model: ModelInfo) -> list[Row]:
    """Return the price history; the last row that applies at a moment holds."""
    if isinstance(model.prices, ModelPrice):
        return [["", price_text(model.prices)]]

    return [
        [since_text(row.constraint), price_text(row.prices)] for row in model.prices
    ]


def since_text(constraint: StartDateConstraint | TimeOfDateConstraint | None) -> str:
    """Return when a price applies, as the table spells it."""
    match constraint:
        case None:
            return ""
        case StartDateConstraint():
            return constraint.start_date.isoformat()
        case TimeOfDateConstraint():
            return f"{constraint.start_time:%H:%M}-{constraint.end_time:%H:%M}"


def variant_rows(
    model: ModelInfo, context: dict[str, str], standard: list[Row]
) -> list[Row]:
    """Return the price history of one variant, or nothing where it is not sold.

    A variant's first date is the day somebody noted it down. It is taken back to
    the day the standard price of that time began, for the two are published
    together, and no further.
    """
    variants = [v for v in model.price_variants or () if v.when == context]
    if not variants:
        return []

    noted = min(since_text(v.constraint) for v in variants)
    dates = {since for since, _ in standard if "-" in since and ":" not in since}
    began = max((day for day in dates if day <= noted), default="")
    changes = dates | {since_text(v.constraint) for v in variants}
    days = [noted, *sorted(day for day in changes if day > noted)]
    rows = [[day, price_text(prices_at(model, day, context))] for day in days]
    rows[0][0] = began
    return rows


def prices_at(model: ModelInfo, day: str, context: dict[str, str]) -> ModelPrice:
    """Return what genai-prices says for the noon of *day*."""
    moment = datetime.fromisoformat(day or "2020-01-01")
    return model.get_prices(datetime.combine(moment, time(12), UTC), context)


def price_text(prices: ModelPrice) -> str:
    """Return the five prices, and again for each long-context threshold."""
    found = [
        next(p for key in keys if (p := getattr(prices, key)) is not None)
        for keys in KEYS
    ]
    starts = {
        tier.start for p in found if isinstance(p, TieredPrices) for tier in p.tiers
    }
    parts = [five(found, 0)]
    parts += [f"{start}: {five(found, start + 1)}" for start in sorted(starts)]
    return "; ".join(parts)


def five(found: list[Decimal | TieredPrices], prompt: int) -> str:
    """Return the five prices for a prompt of that many tokens."""
    return " ".join(number(price_for(price, prompt)) for price in found)


def price_for(price: Decimal | TieredPrices, prompt: int) -> Decimal:
    """Return the price that a prompt of that many tokens pays."""
    if isinstance(price, Decimal):
        return price

    reached = [tier.price for tier in price.tiers if prompt > tier.start]
    return reached[-1] if reached else price.base


def scaled(text: str, times: int) -> str:
    """Return the prices of *text*, multiplied; thresholds stay."""
    return re.sub(
        r"[\d.]+(?!\d*[:.\d])",
        lambda price: number(Decimal(price[0]) * times),
        text,
    )


def number(value: Decimal) -> str:
    """Return *value* without needless zeros."""
    return f"{value.quantize(PICO).normalize():f}"


def spellings(provider: Provider, chosen: list[ModelInfo]) -> dict[str, str]:
    """Return every name that genai-prices would resolve to each model."""
    found = {}
    for model in chosen:
        for name in sorted({model.id, *clause_texts(model.match)}):
            match = provider.find_model(name.lower())
            is_whole = name[-1] not in "-@"
            if is_whole and match and match.id == model.id != name.lower():
                found[name.lower()] = model.id

    return found


def clause_texts(clause: Any) -> Iterator[str]:
    """Yield the names that a matching rule spells out."""
    match clause:
        case ClauseOr():
            for part in clause.or_:
                yield from clause_texts(part)
        case ClauseAnd():
            for part in clause.and_:
                yield from clause_texts(part)
        case ClauseEquals():
            yield clause.equals
        case ClauseStartsWith():
            yield clause.starts_with
        case _:
            pass


def render(table: dict[str, Any]) -> str:
    """Return the table as JSON members, one model a line, so that diffs are read."""
    lines = [
        f'"{section}": {json.dumps(table[section], sort_keys=True)},\n'
        for section in ("providers", "aliases")
    ]
    for section in ("names", "models"):
        lines.append(f'"{section}": {{\n')
        lines.append(",\n".join(members(table[section])))
        lines.append("}" + ("," if section == "names" else "") + "\n")

    return "".join(lines)


def members(section: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Yield each provider of *section*, in the order of search."""
    for provider_id, entries in section.items():
        body = ",\n".join(
            f"{json.dumps(key)}: {json.dumps(entries[key], separators=(',', ':'))}"
            for key in sorted(entries)
        )
        yield f"{json.dumps(provider_id)}: {{\n{body}}}"


if __name__ == "__main__":
    main()
