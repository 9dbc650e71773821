"""A rate: prices per token in whole numbers, and the history of them.

Prices are integer pico-dollars (10^-12) per token: a dollar per million tokens is a
million of them, so that every published price, and a tenth more than it, is exact.
"""

from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from jarvisd.base.usage import Tokens

PICO_PER_MICRO = 1_000_000
DECIMALS = 6
"""Of a price in dollars per million tokens; the rest would be below a pico-dollar."""

MS_PER_MINUTE = 60_000
MINUTES_PER_DAY = 1_440
BEGINNING_MS = -(2**62)


class TokenPrices(msgspec.Struct, frozen=True, gc=False):
    """Pico-dollars per token of each bucket, in the order of `Tokens`."""

    input: int
    cache_read: int
    cache_write_5m: int
    cache_write_1h: int
    output: int


class PriceTier(msgspec.Struct, frozen=True, gc=False):
    """The prices of a request whose prompt is longer than *above_tokens*."""

    above_tokens: int
    prices: TokenPrices


class TokenRate(msgspec.Struct, frozen=True, gc=False):
    """The prices of one model, served one way; *tiers* ascend by prompt length."""

    base: TokenPrices
    tiers: tuple[PriceTier, ...] = ()

    def cost_micros(self, tokens: Tokens) -> int:
        """Return the micro-dollars for one response, rounded half up."""
        prices = self.prices_for(tokens.prompt_total) if self.tiers else self.base
        pico = (
            tokens.input * prices.input
            + tokens.cache_read * prices.cache_read
            + tokens.cache_write_5m * prices.cache_write_5m
            + tokens.cache_write_1h * prices.cache_write_1h
            + tokens.output * prices.output
        )
        return (pico + PICO_PER_MICRO // 2) // PICO_PER_MICRO

    def prices_for(self, prompt_tokens: int) -> TokenPrices:
        """Return what all tokens of a request with such a prompt pay."""
        for tier in reversed(self.tiers):
            if prompt_tokens > tier.above_tokens:
                return tier.prices

        return self.base


class Term(NamedTuple):
    """One rate, and when it holds: from a moment on, or in some minutes of a day."""

    since_ms: int
    rate: TokenRate
    minutes: tuple[int, int] | None = None


class Schedule:
    """A history of rates: of those that hold at a moment, the last listed applies."""

    __slots__ = ("_newest_first",)

    def __init__(self, terms: list[Term]) -> None:
        self._newest_first = tuple(reversed(terms))

    def at(self, at_ms: int) -> TokenRate | None:
        """Return the rate at *at_ms* (Unix ms), or None before there was any."""
        for since_ms, rate, minutes in self._newest_first:
            if at_ms >= since_ms and (minutes is None or _is_within(minutes, at_ms)):
                return rate

        return None


def _is_within(minutes: tuple[int, int], at_ms: int) -> bool:
    start, end = minutes
    minute = at_ms // MS_PER_MINUTE % MINUTES_PER_DAY
    if start <= end:
        return start <= minute < end

    return minute >= start or minute < end


NEVER = Schedule([])


def always(rate: TokenRate) -> Schedule:
    """Return the history of a price that never changed."""
    return Schedule([Term(BEGINNING_MS, rate)])


def parse_rate(text: str, *, percent: int = 100) -> TokenRate:
    """Return the rate written as `I R W5 W1 O; 200000: I R W5 W1 O`.

    The five are dollars per million tokens, the number with a colon is the prompt
    length above which the next five apply. *percent* scales them all.

    Raises:
        ValueError: It is not written so.
        TypeError: There are not five prices.

    """
    base, *above = text.split(";")
    tiers = [part.split(":") for part in above]
    return TokenRate(
        _prices(base, percent),
        tuple(PriceTier(int(start), _prices(part, percent)) for start, part in tiers),
    )


def _prices(text: str, percent: int) -> TokenPrices:
    return TokenPrices(*(_pico(word) * percent // 100 for word in text.split()))


def _pico(word: str) -> int:
    whole, _, fraction = word.partition(".")
    return int(whole + fraction.ljust(DECIMALS, "0"))


def parse_term(since: str, rate: TokenRate, *, from_ms: int = BEGINNING_MS) -> Term:
    """Return when *rate* holds, but not before *from_ms*.

    *since* is empty, an ISO date or moment, or the hours of a day, `01:00-04:00`;
    all UTC.

    Raises:
        ValueError: It is none of these.

    """
    if len(since) == len("00:00-00:00") and since[2] == ":":
        start, end = since.split("-")
        return Term(from_ms, rate, (_minute(start), _minute(end)))

    return Term(max(from_ms, parse_moment(since)), rate)


def parse_moment(since: str) -> int:
    """Return an ISO date or moment as Unix ms; nothing is the beginning of time."""
    if not since:
        return BEGINNING_MS

    moment = datetime.fromisoformat(since)
    return (
        int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
        * 1000
    )


def _minute(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)
