"""Usage: the tokens of one model response, and the way it was served.

The buckets are disjoint, so that a sum over them is right without knowing which
agent wrote them; the parsers convert. *reasoning* alone is a subset, of *output*,
and enters no sum.
"""

from typing import Literal

import msgspec

Speed = Literal["standard", "fast"]
Tier = Literal["standard", "priority", "flex", "batch"]


class Tokens(msgspec.Struct, frozen=True, gc=False):
    """Tokens by how they are billed; never negative.

    Attributes:
        input: Of the prompt, neither read from nor written to a cache.
        cache_read: Of the prompt, served from a cache.
        cache_write_5m: Of the prompt, written to a cache for five minutes, or for a
            time the log does not tell.
        cache_write_1h: Of the prompt, written to a cache for an hour.
        output: Generated, reasoning included.
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
        """Return the length of the prompt: what occupies the context window."""
        return self.input + self.cache_read + self.cache_write_5m + self.cache_write_1h

    @property
    def total(self) -> int:
        """Return all tokens, each counted once."""
        return self.prompt_total + self.output

    def __add__(self, other: "Tokens") -> "Tokens":
        return Tokens(
            self.input + other.input,
            self.cache_read + other.cache_read,
            self.cache_write_5m + other.cache_write_5m,
            self.cache_write_1h + other.cache_write_1h,
            self.output + other.output,
            self.reasoning + other.reasoning,
        )

    def __sub__(self, other: "Tokens") -> "Tokens":
        return Tokens(
            self.input - other.input,
            self.cache_read - other.cache_read,
            self.cache_write_5m - other.cache_write_5m,
            self.cache_write_1h - other.cache_write_1h,
            self.output - other.output,
            self.reasoning - other.reasoning,
        )


class Variant(msgspec.Struct, frozen=True, gc=False):
    """How a response was served, as far as it changes the price.

    Attributes:
        speed: "fast" is the dearer, quicker mode of Claude.
        tier: OpenAI's and Anthropic's service tier; "batch" is processing in bulk.
        geo_us: Inference was asked to stay in the United States.

    """

    speed: Speed = "standard"
    tier: Tier = "standard"
    geo_us: bool = False


STANDARD = Variant()
"""What nearly every response is."""
