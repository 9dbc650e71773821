"""Our arithmetic against genai-prices', where a maintainer has it installed.

Run it after `make prices`, in an environment that has both.
"""

import random
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal

import msgspec
import pytest

from jarvisd.base.usage import STANDARD, Tokens, Variant
from jarvisd.pricing.book import PriceBook
from jarvisd.pricing.price_table import TABLE_FILE, PricedModel, load_table

DRAWS = 3_000
WAYS = {
    "standard": (STANDARD, {}),
    "fast": (Variant(speed="fast"), {"speed": "fast"}),
    "priority": (Variant(tier="priority"), {"service_tier": "priority"}),
    "flex": (Variant(tier="flex"), {"service_tier": "flex"}),
    "batch": (Variant(tier="batch"), {"processing": "batch"}),
}
OURS_ALONE = {"magistral-small"}
"""Added by us, or known to them under longer names only."""

SLACK_MICROS = {"openrouter": 1}
"""It lists some prices as fractions without an end, which we cut at pico-dollars."""

SIX_TIMES = {"claude-opus-4-6", "claude-opus-4-7"}
NOTED = datetime(2026, 10, 16, tzinfo=UTC)
"""Since then all variants are dated; before, ours reach further back on purpose."""


def draw_tokens(rng: random.Random) -> Tokens:
    scale = rng.choice([100, 20_000, 150_000])
    return Tokens(*(rng.randrange(scale) for _ in range(5)))


@pytest.mark.prices
def test_random_responses_cost_what_genai_prices_says() -> None:
    theirs = pytest.importorskip("genai_prices", reason="genai-prices not installed")
    table, _ = load_table(TABLE_FILE)
    models = [
        (provider, name, msgspec.json.decode(record, type=PricedModel))
        for provider, records in table.models.items()
        for name, record in records.items()
        if name not in OURS_ALONE
    ]
    spellings = {
        (provider, name): spelling
        for provider, names in table.names.items()
        for spelling, name in names.items()
    }
    rng = random.Random(20261120)
    book = PriceBook.load()

    for _ in range(DRAWS):
        provider, name, model = rng.choice(models)
        sold = [way for way in WAYS if getattr(model, way)]
        way = rng.choice(sold)
        if way == "fast" and name in SIX_TIMES:
            continue

        spelling = spellings.get((provider, name), name)
        variant, context = WAYS[way]
        start = datetime(2025, 1, 1, tzinfo=UTC) if way == "standard" else NOTED
        end = datetime(2027, 3, 1, tzinfo=UTC)
        at = start + (end - start) * rng.random()
        tokens = draw_tokens(rng)
        price = theirs.calc_price(
            theirs.Usage(
                input_tokens=tokens.prompt_total,
                cache_read_tokens=tokens.cache_read,
                cache_write_tokens=tokens.cache_write_5m + tokens.cache_write_1h,
                cache_write_5m_tokens=tokens.cache_write_5m,
                cache_write_1h_tokens=tokens.cache_write_1h,
                output_tokens=tokens.output,
            ),
            spelling,
            provider_id=provider,
            genai_request_timestamp=at,
            price_context=context,
        ).total_price
        expected = (price * 1_000_000).quantize(Decimal(1), ROUND_HALF_UP)

        at_ms = int(at.timestamp()) * 1000
        ours = book.cost_micros(spelling, variant, at_ms, tokens, provider=provider)
        assert ours is not None
        assert abs(ours - expected) <= SLACK_MICROS.get(provider, 0), (
            provider,
            spelling,
            way,
            at,
            tokens,
        )
