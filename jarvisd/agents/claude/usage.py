"""Claude Code's usage as copies that the ledger can merge.

Buckets are disjoint as the provider writes them: `input_tokens` leaves out both
caches, `output_tokens` holds the thinking. A response is known by its message id
alone: one message replayed as a side question has another request id, and standard
output has none.
"""

from typing import Literal

import msgspec
from msgspec import Raw, Struct

from jarvisd.agents._shared.unknown_fields import drift_of_usage, field_names
from jarvisd.agents.claude.shape import (
    CacheCreation,
    ClaudeMessage,
    Iteration,
    MessageUsage,
    OutputDetails,
    ServerToolUse,
)
from jarvisd.base.usage import STANDARD, Tokens, Variant
from jarvisd.core.event import Event, UsageReported
from jarvisd.core.record import Drift

MICROS = 1_000_000

SYNTHETIC = "<synthetic>"
"""The model of a line that no model wrote: a local notice."""

_NO_SPLIT = CacheCreation()
_NOT_COUNTED = frozenset({"fallback_credit", "web_fetch_requests"})
_KNOWN = _NOT_COUNTED | field_names(
    MessageUsage, CacheCreation, OutputDetails, ServerToolUse
)
_NEEDED = ("input_tokens", "output_tokens")
_USUAL_TIERS = (None, "standard")


def usage_in(
    message: ClaudeMessage, *, key: str | None, dollars: float | None = None
) -> list[Event]:
    """Return the usage of *message*; *key* identifies a message that has no id.

    *dollars* is the cost that the line states.
    """
    usage, response = message.usage, message.id or key
    if usage is None or message.model == SYNTHETIC:
        return []

    found: list[Event] = [
        report(usage, response=response, model=message.model, dollars=dollars)
    ]
    if not usage.iterations:
        return found

    for index, iteration in enumerate(usage.iterations):
        if iteration.type == "advisor_message":
            found.append(_advice(iteration, response=f"{response}:advisor:{index}"))

    return found


def report(
    usage: MessageUsage,
    *,
    response: str | None,
    model: str | None,
    in_context: bool = True,
    dollars: float | None = None,
) -> UsageReported:
    """Return one copy of what *response* cost."""
    split, details = usage.cache_creation or _NO_SPLIT, usage.output_tokens_details
    uncached, read = usage.input_tokens, usage.cache_read_input_tokens
    written, server = usage.cache_creation_input_tokens, usage.server_tool_use
    return UsageReported(
        response=response,
        model=model or None,
        tokens=Tokens(
            uncached or 0,
            read or 0,
            split.ephemeral_5m_input_tokens or 0,
            split.ephemeral_1h_input_tokens or 0,
            usage.output_tokens or 0,
            0 if details is None else details.thinking_tokens or 0,
        ),
        cache_write_flat=written or 0,
        has_cache=read is not None
        or written is not None
        or usage.cache_creation is not None,
        has_input=uncached is not None,
        variant=_variant(usage),
        web_searches=0 if server is None else server.web_search_requests or 0,
        in_context=in_context,
        stated_micros=None if dollars is None else round(dollars * MICROS),
    )


def _advice(iteration: Iteration, *, response: str) -> UsageReported:
    return report(iteration, response=response, model=iteration.model, in_context=False)


def _variant(usage: MessageUsage) -> Variant:
    speed, geo, tier = usage.speed, usage.inference_geo, usage.service_tier
    if tier in _USUAL_TIERS and speed != "fast" and geo != "us":
        return STANDARD

    return Variant("fast" if speed == "fast" else "standard", _tier(tier), geo == "us")


def _tier(word: str | None) -> Literal["standard", "priority", "batch"]:
    match word:
        case "priority" | "batch":
            return word
        case _:
            return "standard"


class _Message(Struct, gc=False):
    id: str | None = None
    model: str | None = None
    usage: dict[str, Raw] | None = None


class _Response(Struct, gc=False):
    type: str = ""
    message: _Message | None = None


_RESPONSE = msgspec.json.Decoder(_Response)
_OBJECT = msgspec.json.Decoder(dict[str, Raw])


def drift_in(text: bytes) -> tuple[Drift, ...]:
    """Return the fields of usage in the line *text* that are unknown, by name."""
    try:
        line = _RESPONSE.decode(text)
        message = line.message
        if line.type != "assistant" or message is None or message.model == SYNTHETIC:
            return ()

        names = None if message.usage is None else dict(message.usage)
        for name in ("cache_creation", "output_tokens_details", "server_tool_use"):
            inner = None if names is None else names.get(name)
            if names is not None and inner is not None and bytes(inner)[:1] == b"{":
                names |= _OBJECT.decode(inner)
    except (ValueError, RecursionError):  # a strange line: read as far as it goes
        return ()

    return drift_of_usage(names, line.type, known=_KNOWN, needed=_NEEDED)
