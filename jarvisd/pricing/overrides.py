"""Parses the user's own prices in the configuration.

    [prices."my-model"]
    input = 0.5            # dollars per million tokens
    output = 2
    cache_read = 0.05      # optional, as cache_write_5m and cache_write_1h: as input
    window = 128000        # tokens; optional

    [prices]
    aliases = { "work-claude" = "claude-opus-4-8" }

They apply to every date and variant, since users who set a price know what they pay.
Pure functions of the decoded table; the caller adds the file to messages.
"""

import math
import zlib
from collections.abc import Mapping
from typing import Any

import msgspec

from jarvisd.base.errors import ConfigError
from jarvisd.pricing.price_table import MAX_WINDOW
from jarvisd.pricing.rate import MAX_DOLLARS, PICO_PER_MICRO, TokenPrices, TokenRate

ALIASES = "aliases"
PRICE_KEYS = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output")
KEYS = (*PRICE_KEYS, "window")


class Overrides(msgspec.Struct, frozen=True):
    """The user's prices, by model name in lower case."""

    rates: dict[str, TokenRate] = {}
    windows: dict[str, int] = {}
    aliases: dict[str, str] = {}

    @property
    def version(self) -> str:
        """Return a text that identifies these prices; "" if there are none."""
        if not (self.rates or self.windows or self.aliases):
            return ""

        return f" own {zlib.crc32(msgspec.json.encode(self, order='sorted')):08x}"


NO_OVERRIDES = Overrides()


def parse_overrides(prices: Mapping[str, Any]) -> Overrides:
    """Return the overrides in the `[prices]` table of the configuration.

    Raises:
        ConfigError: A key or value is invalid; the message names it.

    """
    models = {key: value for key, value in prices.items() if key != ALIASES}
    for model, entry in models.items():
        _check_entry(model, entry)

    return Overrides(
        rates={model.lower(): _rate(model, entry) for model, entry in models.items()},
        windows={
            model.lower(): _window(model, entry["window"])
            for model, entry in models.items()
            if "window" in entry
        },
        aliases=_aliases(prices.get(ALIASES, {})),
    )


def _check_entry(model: str, entry: object) -> None:
    if not isinstance(entry, dict):
        raise ConfigError(
            f'prices."{model}" must be a table with input and output, '
            "in dollars per million tokens"
        )

    for key in entry:
        if key not in KEYS:
            raise ConfigError(
                f'prices."{model}".{key} is not known; use {", ".join(KEYS)}'
            )

    for key in ("input", "output"):
        if key not in entry:
            raise ConfigError(
                f'prices."{model}".{key} is missing; '
                "give dollars per million tokens, 0 if it is free"
            )


def _rate(model: str, entry: Mapping[str, Any]) -> TokenRate:
    pico = (
        _pico(f'prices."{model}".{key}', entry.get(key, entry["input"]))
        for key in PRICE_KEYS
    )
    return TokenRate(TokenPrices(*pico))


def _pico(name: str, dollars: object) -> int:
    if isinstance(dollars, bool) or not isinstance(dollars, int | float):
        raise ConfigError(
            f"{name} must be a number of dollars per million tokens, not {dollars!r}"
        )

    if not (math.isfinite(dollars) and 0 <= dollars <= MAX_DOLLARS):
        raise ConfigError(
            f"{name} must lie between 0 and {MAX_DOLLARS} "
            f"dollars per million tokens, not {dollars!r}"
        )

    return round(dollars * PICO_PER_MICRO)


def _window(model: str, tokens: object) -> int:
    if isinstance(tokens, bool) or not isinstance(tokens, int) or tokens <= 0:
        raise ConfigError(
            f'prices."{model}".window must be a number of tokens, not {tokens!r}'
        )

    if tokens > MAX_WINDOW:
        raise ConfigError(
            f'prices."{model}".window must be at most {MAX_WINDOW} tokens, not {tokens}'
        )

    return tokens


def _aliases(aliases: object) -> dict[str, str]:
    if not isinstance(aliases, dict):
        raise ConfigError("prices.aliases must be a table of name = model")

    for name, target in aliases.items():
        if not isinstance(target, str) or not target:
            raise ConfigError(
                f'prices.aliases."{name}" must be the name of a model, not {target!r}'
            )

    return {name.lower(): target for name, target in aliases.items()}
