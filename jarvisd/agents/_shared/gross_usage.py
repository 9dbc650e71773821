"""Token counts whose prompt includes the cache and whose output includes reasoning.

That is how providers with the interface of OpenAI count, and agents that pass it on.
"""

from jarvisd.base.usage import Tokens


def disjoint_buckets(
    prompt: int, output: int, *, read: int = 0, written: int = 0, reasoning: int = 0
) -> Tokens:
    """Return the counts as disjoint buckets; parts are cut to their sums."""
    read = min(read, prompt)
    written = min(written, prompt - read)
    return Tokens(
        input=prompt - read - written,
        cache_read=read,
        cache_write_5m=written,
        output=output,
        reasoning=min(reasoning, output),
    )


def micros_of(dollars: float | None) -> int | None:
    """Return a stated cost in millionths of a dollar; None if none is stated.

    Agents write 0 for models whose prices they do not know.
    """
    return round(dollars * 1_000_000) if dollars else None
