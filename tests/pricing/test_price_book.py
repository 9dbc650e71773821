"""The priced cases of the ledger, with amounts computed by hand from list prices."""

import zlib
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from jarvisd.base.usage import STANDARD, Tokens, Variant
from jarvisd.pricing.book import PriceBook, web_search_micros
from jarvisd.pricing.names import Name
from jarvisd.pricing.overrides import parse_overrides
from jarvisd.pricing.price_table import (
    TABLE_FILE,
    PricedModel,
    load_table,
    schedule,
    unusable_record,
)

BOOK = PriceBook.load()
FAST = Variant(speed="fast")
PRIORITY = Variant(tier="priority")
FLEX = Variant(tier="flex")
BATCH = Variant(tier="batch")
US = Variant(geo_us=True)


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1000


NOW = ms("2026-11-20T12:00")
HUNDRED = Tokens(input=100_000, output=10_000)
LONG = Tokens(input=300_000, output=10_000)
CACHED = Tokens(input=40_000, cache_read=60_000, output=10_000)


def cost(
    model: str,
    tokens: Tokens | None = HUNDRED,
    *,
    variant: Variant = STANDARD,
    at_ms: int = NOW,
    provider: str | None = None,
) -> int | None:
    return BOOK.cost_micros(model, variant, at_ms, tokens, provider=provider)


@pytest.mark.parametrize(
    ("model", "tokens", "micros"),
    [
        pytest.param("claude-sonnet-4-5", HUNDRED, 450_000, id="PR-001"),
        pytest.param("claude-sonnet-4-5", LONG, 2_025_000, id="PR-003"),
        pytest.param(
            "claude-sonnet-4-5",
            Tokens(10_000, 50_000, 20_000, 30_000, 1_000),
            315_000,
            id="PR-004",
        ),
        pytest.param("claude-sonnet-4-6", Tokens(300_000), 900_000, id="PR-006-sonnet"),
        pytest.param("claude-opus-4-8", Tokens(300_000), 1_500_000, id="PR-006-opus-4"),
        pytest.param("claude-opus-5", Tokens(300_000), 1_500_000, id="PR-006-opus-5"),
        pytest.param("gpt-5.5", HUNDRED, 800_000, id="PR-009"),
        pytest.param("claude-opus-4-8", HUNDRED, 750_000, id="PR-010"),
        pytest.param("gpt-5", CACHED, 157_500, id="PR-012"),
        pytest.param("gemini-2.5-pro", LONG, 900_000, id="PR-013-long"),
        pytest.param("gemini-2.5-pro", CACHED, 157_500, id="PR-013-cached"),
        # $0.0159375, a half micro-dollar, goes up.
        pytest.param(
            "claude-haiku-4.5",
            Tokens(10, cache_write_5m=12_602, output=35),
            15_938,
            id="PR-015",
        ),
    ],
)
def test_a_response_costs_what_its_maker_lists(
    model: str, tokens: Tokens, micros: int
) -> None:
    assert cost(model, tokens) == micros


@pytest.mark.parametrize(
    ("model", "variant", "micros"),
    [
        pytest.param("gpt-5.5", PRIORITY, 2_000_000, id="PR-009-priority"),
        pytest.param("gpt-5.5", FAST, 2_000_000, id="PR-009-fast"),
        pytest.param("gpt-5.5", FLEX, 400_000, id="PR-009-flex"),
        pytest.param("gpt-5.5", BATCH, 400_000, id="PR-009-batch"),
        pytest.param("claude-opus-4-8", FAST, 1_500_000, id="PR-010-fast"),
        pytest.param("claude-opus-4-8", BATCH, 375_000, id="PR-010-batch"),
        pytest.param("claude-opus-4-7", FAST, 4_500_000, id="six-times"),
        pytest.param("claude-opus-4-8", US, 825_000, id="us"),
        pytest.param("claude-opus-4-8", Variant("fast", geo_us=True), 1_650_000),
        pytest.param("claude-opus-4-5", US, 750_000, id="us-before-opus-4-6"),
        pytest.param("gpt-5.4-fast", STANDARD, 800_000, id="fast-in-the-name"),
        pytest.param("claude-opus-4-8", PRIORITY, 750_000, id="no-such-tier"),
        pytest.param("claude-sonnet-4-5", FAST, None, id="fast-without-a-price"),
        pytest.param("kimi-k2.5", BATCH, None, id="batch-without-a-price"),
    ],
)
def test_the_way_of_serving_changes_the_price(
    model: str, variant: Variant, micros: int | None
) -> None:
    assert cost(model, variant=variant) == micros


@pytest.mark.parametrize(
    ("model", "at", "tokens", "variant", "micros"),
    [
        pytest.param(
            "claude-opus-4-6", "2026-03-12", LONG, STANDARD, 3_375_000, id="PR-007-tier"
        ),
        pytest.param(
            "claude-opus-4-6", "2026-03-14", LONG, STANDARD, 1_750_000, id="PR-007-flat"
        ),
        pytest.param(
            "claude-opus-4-6", "2026-03-12", LONG, FAST, 20_250_000, id="fast-and-long"
        ),
        pytest.param(
            "claude-opus-4-6", "2026-03-14", LONG, FAST, 10_500_000, id="fast-and-flat"
        ),
        pytest.param("o3", "2025-06-09", HUNDRED, STANDARD, 1_400_000, id="before-cut"),
        pytest.param("o3", "2025-06-10", HUNDRED, STANDARD, 280_000, id="after-cut"),
        pytest.param(
            "gpt-5.6-luna", "2026-08-01", HUNDRED, PRIORITY, 64_000, id="same-standard"
        ),
        pytest.param(
            "gpt-5.6-luna", "2026-07-29", HUNDRED, PRIORITY, None, id="never-noted"
        ),
        pytest.param(
            "deepseek-v4-pro", "2026-09-01T00:59", HUNDRED, STANDARD, 85_800, id="calm"
        ),
        pytest.param(
            "deepseek-v4-pro", "2026-09-01T01:00", HUNDRED, STANDARD, 171_600, id="rush"
        ),
        pytest.param(
            "codex-auto-review", "2026-03-10", HUNDRED, STANDARD, 400_000, id="CX-037"
        ),
        pytest.param(
            "codex-auto-review", "2026-05-01", HUNDRED, STANDARD, 800_000, id="CX-037-b"
        ),
        pytest.param(
            "kimi-for-coding",
            "2026-04-20T15:28:09",
            HUNDRED,
            STANDARD,
            90_000,
            id="k2.5",
        ),
        pytest.param(
            "kimi-for-coding",
            "2026-04-20T15:28:10",
            HUNDRED,
            STANDARD,
            135_000,
            id="k2.6",
        ),
    ],
)
def test_a_response_costs_what_was_listed_on_its_day(
    model: str, at: str, tokens: Tokens, variant: Variant, micros: int | None
) -> None:
    assert cost(model, tokens, variant=variant, at_ms=ms(at)) == micros


@pytest.mark.parametrize(
    ("fresh", "micros"),
    [
        pytest.param(50_000, 412_500, id="at-the-threshold"),
        pytest.param(50_001, 825_006, id="above-it"),
    ],
)
def test_the_long_price_is_for_all_of_the_prompt_however_it_was_cached(
    fresh: int, micros: int
) -> None:
    tokens = Tokens(fresh, 100_000, 30_000, 20_000)

    assert cost("claude-sonnet-4-5", tokens) == micros


@pytest.mark.parametrize(
    "model",
    [
        pytest.param("gpt-99", id="PR-016"),
        pytest.param("", id="nothing"),
        pytest.param("claude-opus-4-10", id="sibling-by-prefix"),
        pytest.param("claude-opus-4-8-mini", id="sibling-by-suffix"),
        pytest.param("gpt-5.3-codex-spark", id="never-listed"),
        pytest.param("gpt-5.3-spark", id="never-listed-alias"),
        pytest.param("big-pickle", id="given-away"),
        pytest.param("<synthetic>", id="no-model"),
        pytest.param("claude-" + "x" * 10_000_000, id="hostile"),
        pytest.param("databricks-meta-llama-3-3-70b", id="another-maker"),
        pytest.param(
            "arn:aws:bedrock:us-east-1:1:application-inference-profile/a1b2c3",
            id="a-profile-of-ones-own",
        ),
    ],
)
def test_an_unknown_model_has_no_price_and_no_window(model: str) -> None:
    assert cost(model) is None
    assert BOOK.window(model) is None


@pytest.mark.parametrize(
    ("provider", "model", "like"),
    [
        pytest.param(None, "claude-sonnet-4-5-20250929", "claude-sonnet-4-5", id="day"),
        pytest.param(None, "claude-sonnet-4@20250514", "claude-sonnet-4", id="vertex"),
        pytest.param(None, "claude-opus-4-8[1m]", "claude-opus-4-8", id="million"),
        pytest.param(None, "claude-opus-4.8", "claude-opus-4-8", id="dot"),
        pytest.param(None, "Claude-Opus-4-8", "claude-opus-4-8", id="capitals"),
        pytest.param(None, "anthropic/claude-opus-4-8", "claude-opus-4-8", id="maker"),
        pytest.param(
            None,
            "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "claude-sonnet-4-5",
            id="bedrock",
        ),
        pytest.param(
            None,
            "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/"
            "eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "claude-sonnet-4-5",
            id="bedrock-profile",
        ),
        pytest.param(
            None,
            "arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/"
            "anthropic.claude-sonnet-4-5-20250929-v1:0:200k",
            "claude-sonnet-4-5",
            id="bedrock-model",
        ),
        pytest.param(
            None,
            "us-gov.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "claude-sonnet-4-5",
            id="bedrock-government",
        ),
        pytest.param(
            None,
            "bedrock/us.anthropic.claude-opus-4-8-v1:0[1m]",
            "claude-opus-4-8",
            id="bedrock-of-litellm",
        ),
        pytest.param(
            None,
            "bedrock/converse/us-east-1/anthropic.claude-opus-4-8-v1",
            "claude-opus-4-8",
            id="bedrock-by-a-route",
        ),
        pytest.param(
            None, "databricks-claude-opus-4-8", "claude-opus-4-8", id="databricks"
        ),
        pytest.param(
            None,
            "databricks/databricks-gemini-2-5-pro",
            "gemini-2.5-pro",
            id="databricks-without-dots",
        ),
        pytest.param(
            "databricks", "databricks-gpt-5-1", "gpt-5.1", id="databricks-apart"
        ),
        pytest.param(None, "openrouter/openai/gpt-5.5", "gpt-5.5", id="openrouter"),
        pytest.param("openrouter", "openai/gpt-5.5", "gpt-5.5", id="openrouter-apart"),
        pytest.param("amazon-bedrock", "claude-opus-5", "claude-opus-5", id="cloud"),
        pytest.param(
            None, "gemini-2.5-pro-preview-05-06", "gemini-2.5-pro", id="preview"
        ),
        pytest.param(None, "models/gemini-2.5-pro", "gemini-2.5-pro", id="google"),
        pytest.param("openai", "gpt-5.5-2026-04-23", "gpt-5.5", id="dashes"),
        pytest.param("openai", "codex-auto-review", "gpt-5.5", id="alias-of-its-maker"),
    ],
)
def test_a_model_is_known_under_all_its_spellings(
    provider: str | None, model: str, like: str
) -> None:
    assert cost(model, provider=provider) == cost(like)
    assert cost(like) is not None


def test_a_seller_without_a_price_list_here_has_no_prices() -> None:
    assert cost("gpt-oss-120b", provider="ollama") is None
    assert cost("gpt-oss-120b", provider="openai") is not None


def test_the_maker_decides_where_several_sell_one_model() -> None:
    assert BOOK.rate(None, "glm-4.6", NOW) == BOOK.rate("zai", "glm-4.6", NOW)


def test_a_prompt_wholly_from_the_cache_is_priced() -> None:
    """PR-018: the parser has cut the fresh part to nothing, which is no error."""
    assert cost("gpt-5", Tokens(cache_read=60_000)) == 7_500


def test_a_bare_total_has_no_price() -> None:
    """PR-019: without the split into buckets any amount would be a guess."""
    assert cost("gpt-5", None) is None


def test_nothing_used_costs_nothing() -> None:
    assert cost("gpt-5", Tokens()) == 0


def test_reasoning_is_paid_as_output_and_only_once() -> None:
    assert cost("gpt-5", Tokens(output=1_000, reasoning=900)) == 10_000


def test_a_long_life_of_tokens_is_counted_exactly() -> None:
    tokens = Tokens(cache_read=10**15 + 1)

    assert cost("claude-opus-4-8", tokens) == (10**15 + 1) // 2 + 1


def test_web_searches_cost_ten_dollars_a_thousand() -> None:
    assert web_search_micros(2) == 20_000


@pytest.mark.parametrize(
    ("model", "window"),
    [
        ("claude-sonnet-4-5", 200_000),
        ("claude-sonnet-4-5[1m]", 1_000_000),
        ("claude-opus-4-6", 1_000_000),
        ("gpt-5", 400_000),
        ("gemini-2.5-pro", 1_048_576),
    ],
)
def test_a_context_window_is_told_from_the_name(model: str, window: int) -> None:
    assert BOOK.window(model) == window


def test_any_number_of_names_is_answered() -> None:
    book = PriceBook.load()

    for number in range(10_000):
        assert book.rate(None, f"model-{number}", NOW) is None

    assert book.rate(None, "gpt-5", NOW) is not None


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(None, id="missing"),
        pytest.param(b"", id="empty"),
        pytest.param(b"\xff\x00 no json", id="bytes"),
        pytest.param(TABLE_FILE.read_bytes()[:9_000], id="cut"),
        pytest.param(TABLE_FILE.read_bytes().replace(b"15", b"16", 1), id="edited"),
        pytest.param(b'{"version": 3}', id="other-shape"),
    ],
)
def test_a_broken_table_leaves_costs_unknown_and_says_so_once(
    tmp_path: Path, content: bytes | None
) -> None:
    """PR-021."""
    path = tmp_path / "prices.json"
    if content is not None:
        path.write_bytes(content)

    table, problem = load_table(path)
    book = PriceBook(
        table, overrides=parse_overrides({"mine": {"input": 1, "output": 2}})
    )

    assert problem is not None
    assert str(path) in problem
    assert book.cost_micros("claude-opus-4-8", STANDARD, NOW, HUNDRED) is None
    assert book.cost_micros("mine", STANDARD, NOW, HUNDRED) == 120_000
    assert book.table_version.startswith("none")


def dated(day: str, body: bytes = b"") -> bytes:
    """Return the shipped table, or *body*, as one of *day* with a checksum that fits."""
    body = body or TABLE_FILE.read_bytes().split(b"\n", 2)[-1]
    checksum = zlib.crc32(body.removesuffix(b"}\n"))
    return b'{\n"version": "%b test %08x",\n%b' % (day.encode(), checksum, body)


@pytest.mark.parametrize(
    ("content", "day", "problem"),
    [
        pytest.param(dated("2099-01-01"), "2099-01-01", None, id="newer"),
        pytest.param(dated("2020-01-01"), None, None, id="older"),
        pytest.param(
            dated("2099-01-01")[:-9] + b"}\n", None, "is no price table", id="cut"
        ),
        pytest.param(
            dated("2099-01-01").replace(b"15", b"16", 1),
            None,
            "is damaged",
            id="edited",
        ),
    ],
)
def test_the_latest_table_that_is_whole_counts(
    tmp_path: Path, content: bytes, day: str | None, problem: str | None
) -> None:
    path = tmp_path / "prices.json"
    path.write_bytes(content)

    book = PriceBook.load(paths=[path, tmp_path / "missing.json"])

    assert book.table.day == (day or BOOK.table.day)
    assert (problem is None) == (book.problem is None)
    assert problem is None or problem in str(book.problem)
    assert book.rate(None, "claude-opus-4-8", NOW) is not None


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        pytest.param(b"[1]", "cannot be used: 'm'", id="record of another shape"),
        pytest.param(
            b'{"standard":[["soon","1 1 1 1 1"]]}', "cannot be used", id="no time"
        ),
        pytest.param(
            b'{"standard":[["","1 1 1 1"]]}', "cannot be used", id="four prices"
        ),
        pytest.param(
            b'{"standard":[["","1 1 1 1 -1"]]}', "cannot be used", id="below nothing"
        ),
        pytest.param(
            b'{"standard":[["","1 1 1 1 9999999"]]}', "cannot be used", id="too much"
        ),
        pytest.param(
            b'{"standard":[],"window":0}', "cannot be used", id="window of nothing"
        ),
        pytest.param(b"[" * 100_000, "is no price table", id="brackets"),
    ],
)
def test_a_table_whose_records_cannot_be_used_is_refused_whole(
    tmp_path: Path, body: bytes, problem: str
) -> None:
    path = tmp_path / "prices.json"
    path.write_bytes(dated("2099-01-01", b'"models":{"maker":{"m":%b}}}\n' % body))

    book = PriceBook.load(paths=[path])

    assert problem in str(book.problem)
    assert book.table.day == BOOK.table.day
    assert book.rate(None, "claude-opus-4-8", NOW) is not None


def test_the_shipped_table_is_whole_and_every_record_of_it_is_priced() -> None:
    table, problem = load_table(TABLE_FILE)
    assert problem is None
    assert unusable_record(table) is None

    for provider, records in table.models.items():
        assert set(table.names[provider].values()) <= set(records)
        for name, record in records.items():
            model = msgspec.json.decode(record, type=PricedModel)
            eras, _ = table.find(Name(provider, (name,)))
            assert [era.model for era in eras] == [model], name
            for variant in (STANDARD, FAST, PRIORITY, FLEX, BATCH, US):
                schedule(eras, variant, fast=False).at(NOW)


def test_every_alias_means_models_of_the_table_or_none() -> None:
    table, _ = load_table(TABLE_FILE)
    unpriced = {name for name in table.aliases if BOOK.rate(None, name, NOW) is None}

    assert unpriced == {"gpt-5.3-spark"}
