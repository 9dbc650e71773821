from typing import Any

import pytest

from jarvisd.base.errors import ConfigError
from jarvisd.base.usage import STANDARD, Tokens, Variant
from jarvisd.pricing.book import PriceBook
from jarvisd.pricing.overrides import parse_overrides

MINE = {"input": 0.5, "output": 2, "cache_read": 0.05, "window": 32_000}


def book(prices: dict[str, Any]) -> PriceBook:
    return PriceBook.load(parse_overrides(prices))


def test_the_users_price_is_used_for_every_way_of_serving() -> None:
    own = book({"Claude-Opus-4-8": MINE})

    for variant in (STANDARD, Variant(speed="fast"), Variant(tier="batch")):
        tokens = Tokens(1_000_000, 1_000_000, 1_000_000, 0, 1_000_000)
        assert own.cost_micros("claude-opus-4-8", variant, 0, tokens) == 3_050_000


@pytest.mark.parametrize(
    "model",
    ["my/model", "My/Model", "my/model-20260101", "my/model[1m]"],
)
def test_the_users_model_is_known_under_its_spellings(model: str) -> None:
    own = book({"my/model": MINE})

    assert own.cost_micros(model, STANDARD, 0, Tokens(1_000_000)) == 500_000
    assert own.window(model) == 32_000


def test_a_dated_name_of_the_user_is_dearer_than_the_plain_one() -> None:
    own = book(
        {"m": {"input": 1, "output": 1}, "m-20260101": {"input": 2, "output": 2}}
    )

    assert own.cost_micros("m-20260101", STANDARD, 0, Tokens(10)) == 20


def test_an_alias_stands_for_a_listed_model_or_for_the_users_own() -> None:
    aliases = {"Work": "anthropic/claude-opus-4-8", "play": "mine"}
    own = book({"mine": MINE, "aliases": aliases})

    assert own.cost_micros("work", STANDARD, 0, Tokens(1_000)) == 5_000
    assert own.cost_micros("play", STANDARD, 0, Tokens(1_000)) == 500
    assert own.window("work") == 1_000_000


def test_a_free_model_costs_nothing_which_is_not_unknown() -> None:
    own = book({"local": {"input": 0, "output": 0}})

    assert own.cost_micros("local", STANDARD, 0, Tokens(5, output=5)) == 0


def test_the_version_tells_the_users_prices_apart() -> None:
    versions = [
        book({}).table_version,
        book({"m": MINE}).table_version,
        book({"m": MINE | {"input": 0.6}}).table_version,
    ]

    assert len(set(versions)) == 3
    assert book({"m": MINE}).table_version == versions[1]


@pytest.mark.parametrize(
    ("prices", "complaint"),
    [
        ({"m": 3}, r'prices\."m" must be a table'),
        ({"m": {"input": 1}}, r'prices\."m"\.output is missing'),
        ({"m": {"output": 1}}, r'prices\."m"\.input is missing'),
        ({"m": MINE | {"inptu": 1}}, r'prices\."m"\.inptu is not known; use input,'),
        ({"m": MINE | {"input": "3"}}, r'prices\."m"\.input must be a number'),
        ({"m": MINE | {"input": True}}, r'prices\."m"\.input must be a number'),
        ({"m": MINE | {"output": -1}}, r'prices\."m"\.output must lie between'),
        ({"m": MINE | {"output": float("nan")}}, r"must lie between"),
        ({"m": MINE | {"cache_read": float("inf")}}, r"cache_read must lie between"),
        (
            {"m": MINE | {"window": 0}},
            r'prices\."m"\.window must be a number of tokens',
        ),
        ({"aliases": ["m"]}, r"prices\.aliases must be a table"),
        ({"aliases": {"a": 1}}, r'prices\.aliases\."a" must be the name of a model'),
    ],
)
def test_a_mistake_is_told_with_its_key(prices: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        parse_overrides(prices)
