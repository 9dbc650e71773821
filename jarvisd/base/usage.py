"""Usage: the tokens of one model response, and the variant that served it.

The buckets are disjoint, so that their sum is right whichever agent wrote them; the
readers convert. Only *reasoning* is a subset, of *output*, and part of no sum.
"""

from collections.abc import Callable, Container
from typing import Any, Final, Literal

import msgspec

Speed = Literal["standard", "fast"]
Tier = Literal["standard", "priority", "flex", "batch"]


class Tokens(msgspec.Struct, frozen=True, gc=False):
    """Tokens by how they are billed; never negative.

    Attributes:
        input: Prompt tokens that were neither read from nor written to a cache.
        cache_read: Prompt tokens that were read from a cache.
        cache_write_5m: Prompt tokens that were written to a cache for five minutes, or
            for a time that the log does not contain.
        cache_write_1h: Prompt tokens that were written to a cache for an hour.
        output: Generated tokens, including reasoning.
        reasoning: The part of *output* that was reasoning.

    """

    input: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    output: int = 0
    reasoning: int = 0

    @property
    def prompt_total(self) -> int:
        """Return the length of the prompt, which occupies the context window."""
        return _prompt_total(self)

    @property
    def total(self) -> int:
        """Return all tokens, each counted once."""
        return _total(self)

    def __add__(self, other: "Tokens") -> "Tokens":
        return _sum(self, other)

    def __sub__(self, other: "Tokens") -> "Tokens":
        return _difference(self, other)

    def greatest(self, other: "Tokens") -> "Tokens":
        """Return the greater of both in each bucket."""
        return _greatest(self, other)


NO_TOKENS: Final = Tokens()

BUCKETS: Final = Tokens.__struct_fields__
"""The names of the buckets: whatever is done to each of them follows from these."""


def each_bucket(
    form: str, term: str, between: str = ", ", *, but: Container[str] = ()
) -> Callable[..., Any]:
    """Return the function of the tokens *a* and *b* that does *term* to each bucket.

    `{}` stands for the bucket in *term*, and for all terms in *form*. Compiled: a loop
    over six buckets takes four times as long, and each line of a log needs one.
    """
    terms = between.join(term.format(each) for each in BUCKETS if each not in but)
    source = f"lambda a, b=None: {form.format(terms)}"
    function: Callable[..., Any] = eval(source, {"Tokens": Tokens})  # noqa: S307 - our own names
    return function


_prompt_total: Callable[[Tokens], int] = each_bucket(
    "{}", "a.{}", " + ", but={"output", "reasoning"}
)
_total: Callable[[Tokens], int] = each_bucket("{}", "a.{}", " + ", but={"reasoning"})
_sum: Callable[[Tokens, Tokens], Tokens] = each_bucket("Tokens({})", "a.{0} + b.{0}")
_difference: Callable[[Tokens, Tokens], Tokens] = each_bucket(
    "Tokens({})", "a.{0} - b.{0}"
)
_greatest: Callable[[Tokens, Tokens], Tokens] = each_bucket(
    "Tokens({})", "a.{0} if a.{0} > b.{0} else b.{0}"
)


class Variant(msgspec.Struct, frozen=True, gc=False):
    """The way in which a response was served, as far as it affects the price.

    Attributes:
        speed: "fast" is the faster and more expensive mode of Claude.
        tier: OpenAI's and Anthropic's service tier; "batch" is bulk processing.
        geo_us: Inference was restricted to the United States.

    """

    speed: Speed = "standard"
    tier: Tier = "standard"
    geo_us: bool = False


STANDARD = Variant()
"""The variant of nearly every response."""
