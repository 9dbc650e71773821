"""Rates: prices per token as integers, and their history.

Prices are integer pico-dollars (10^-12) per token: a dollar per million tokens is a
million of them, so that every published price, and 110 % of it, is exact.
"""

from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from jarvisd.base.usage import Tokens

PICO_PER_MICRO = 1_000_000
MAX_DOLLARS = 1_000_000
"""The highest price per million tokens; more is probably in the wrong unit."""

DECIMALS = 6
"""Decimals of a price in dollars per million tokens; more are below a pico-dollar."""

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
    """The prices of one model in one variant; *tiers* ascend by prompt length."""

    base: TokenPrices
    tiers: tuple[PriceTier, ...] = ()

    def cost_micros(self, tokens: Tokens) -> int:
        """Return the cost of one response in micro-dollars, rounded half up."""
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
        """Return the prices of all tokens of a request with such a prompt."""
        for tier in reversed(self.tiers):
            if prompt_tokens > tier.above_tokens:
                return tier.prices

        return self.base


class Term(NamedTuple):
    """One rate, valid from *since_ms* on, or only in some *minutes* of each day, UTC."""

    since_ms: int
    rate: TokenRate
    minutes: tuple[int, int] | None = None


class Schedule:
    """A history of rates: of those that are valid at a time, the last listed applies."""

    __slots__ = ("_newest_first",)

    def __init__(self, terms: list[Term]) -> None:
        self._newest_first = tuple(reversed(terms))

    def at(self, at_ms: int) -> TokenRate | None:
        """Return the rate at *at_ms* (Unix ms), or None before the first."""
        for since_ms, rate, minutes in self._newest_first:
            if at_ms >= since_ms and (minutes is None or _is_within(minutes, at_ms)):
                return rate

        return None


def _is_within(minutes: tuple[int, int], at_ms: int) -> bool:
    start, end = minutes
    minute = at_ms // MS_PER_MINUTE % MINUTES_PER_DAY
    if start <= end:
        return start <= minute < end

    return minute >= start or minute < end  # the period spans midnight


NO_SCHEDULE = Schedule([])


def constant_schedule(rate: TokenRate) -> Schedule:
    """Return the schedule of a rate that is valid at any time."""
    return Schedule([Term(BEGINNING_MS, rate)])


def parse_rate(text: str, *, percent: int = 100) -> TokenRate:
    """Parse a rate that is written as `I R W5 W1 O; 200000: I R W5 W1 O`.

    The five numbers are dollars per million tokens, the number before a colon is the
    prompt length above which the next five apply. *percent* scales them all.

    Raises:
        ValueError: The text has another form.
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
    pico = int(whole + fraction.ljust(DECIMALS, "0"))
    if not 0 <= pico <= MAX_DOLLARS * PICO_PER_MICRO:
        raise ValueError(f"a price must lie between 0 and {MAX_DOLLARS}, not {word}")

    return pico


def parse_term(since: str, rate: TokenRate, *, from_ms: int = BEGINNING_MS) -> Term:
    """Return the term of *rate*, which starts at *from_ms* at the earliest.

    *since* is empty, an ISO date or time, or the hours of a day, `01:00-04:00`; all in
    UTC.

    Raises:
        ValueError: *since* has another form.

    """
    if len(since) == len("00:00-00:00") and since[2] == ":":
        start, end = since.split("-")
        return Term(from_ms, rate, (_minute(start), _minute(end)))

    return Term(max(from_ms, parse_moment(since)), rate)


def parse_moment(since: str) -> int:
    """Return an ISO date or time as Unix ms; BEGINNING_MS for an empty text."""
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
