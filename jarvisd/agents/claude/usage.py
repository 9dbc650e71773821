"""Claude Code's usage as copies that the ledger can merge.

Buckets are disjoint as the provider writes them: `input_tokens` leaves out both
caches, `output_tokens` holds the thinking. A response is known by its message id
alone: one message replayed as a side question has another request id, and standard
output has none.
"""

from collections.abc import Iterator
from typing import Literal

from jarvisd.agents.claude.shape import CacheCreation, Iteration, Message, Usage
from jarvisd.agents.decode import count
from jarvisd.model.events import Event, UsageReported
from jarvisd.model.usage import STANDARD, Tokens, Variant

SYNTHETIC = "<synthetic>"
"""The model of a line that no model wrote: a local notice."""

_NO_SPLIT = CacheCreation()


def usage_in(message: Message, *, key: str | None) -> Iterator[Event]:
    """Say what *message* cost; *key* identifies a message that has no id."""
    usage, response = message.usage, message.id or key
    if usage is None or message.model == SYNTHETIC:
        return

    yield report(usage, response=response, model=message.model)
    for index, iteration in enumerate(usage.iterations or ()):
        if iteration.type == "advisor_message":
            yield _advice(iteration, response=f"{response}:advisor:{index}")


def report(
    usage: Usage,
    *,
    response: str | None,
    model: str | None,
    follows: bool = False,
    in_context: bool = True,
) -> UsageReported:
    """Return one copy of what *response* cost."""
    split = usage.cache_creation or _NO_SPLIT
    details, server = usage.output_tokens_details, usage.server_tool_use
    tokens = Tokens(
        count(usage.input_tokens),
        count(usage.cache_read_input_tokens),
        count(split.ephemeral_5m_input_tokens),
        count(split.ephemeral_1h_input_tokens),
        count(usage.output_tokens),
        0 if details is None else count(details.thinking_tokens),
    )
    return UsageReported(
        response=response,
        model=model or None,
        tokens=tokens,
        cache_write_flat=count(usage.cache_creation_input_tokens),
        has_cache=_has_cache(usage),
        has_input=usage.input_tokens is not None,
        variant=_variant(usage),
        web_searches=0 if server is None else count(server.web_search_requests),
        follows=follows,
        in_context=in_context,
    )


def _advice(iteration: Iteration, *, response: str) -> UsageReported:
    return report(iteration, response=response, model=iteration.model, in_context=False)


def _has_cache(usage: Usage) -> bool:
    return (
        usage.cache_read_input_tokens is not None
        or usage.cache_creation_input_tokens is not None
        or usage.cache_creation is not None
    )


def _variant(usage: Usage) -> Variant:
    fast = usage.speed == "fast"
    tier = _tier(usage.service_tier)
    geo_us = usage.inference_geo == "us"
    if not fast and not geo_us and tier == "standard":
        return STANDARD

    return Variant("fast" if fast else "standard", tier, geo_us)


def _tier(word: str | None) -> Literal["standard", "priority", "batch"]:
    match word:
        case "priority" | "batch":
            return word
        case _:
            return "standard"
