"""Token counts of opencode as disjoint buckets, and the key of a response.

Input leaves out both caches. Newer versions write output without the reasoning, and the
total of a step proves it; older ones write what the provider gave.
"""

import msgspec
from msgspec import Raw, Struct

from jarvisd.agents._shared.unknown_fields import drift_of_usage, field_names
from jarvisd.agents.opencode.shape import CacheCounts, StepTokens
from jarvisd.base.usage import Tokens
from jarvisd.core.record import Drift, DriftKind

MICROS = 1_000_000
_MAX_MS = 2**40

_KNOWN = field_names(StepTokens)
_KNOWN_CACHE = field_names(CacheCounts)
_NEEDED = ("input", "output")
_NO_CACHE = CacheCounts()
_APART = ("google", "vertex", "gemini")
"""Providers that report output without reasoning, where no total tells."""


def buckets(tokens: StepTokens, provider: str | None) -> Tokens:
    """Return *tokens* as disjoint buckets."""
    cache = tokens.cache or _NO_CACHE
    output, reasoning = tokens.output, tokens.reasoning
    if reasoning and not _holds_reasoning(tokens, cache, provider):
        output += reasoning

    return Tokens(
        input=tokens.input,
        cache_read=cache.read,
        cache_write_5m=cache.write,
        output=output,
        reasoning=reasoning,
    )


def _holds_reasoning(
    tokens: StepTokens, cache: CacheCounts, provider: str | None
) -> bool:
    """Whether the output of *tokens* includes the reasoning."""
    if tokens.total is not None:
        rest = tokens.total - tokens.input - cache.read - cache.write
        if rest in {tokens.output, tokens.output + tokens.reasoning}:
            return rest == tokens.output

    if tokens.reasoning > tokens.output:
        return False

    # Without a proof, as the providers count.
    return not (provider or "").startswith(_APART)


def response_key(message: str, tokens: StepTokens) -> str:
    """Return the key of a response of the *message* with that key.

    The message repeats the counts of its last step, and so has the same key as that.
    """
    cache = tokens.cache or _NO_CACHE
    return (
        f"{message}:{tokens.input}.{tokens.output}."
        f"{tokens.reasoning}.{cache.read}.{cache.write}"
    )


def message_key(created_ms: int, message_id: str | None) -> str:
    """Return the key of a message, alike in every copy of it.

    A fork copies messages under new ids, with the same times and counts.
    """
    return f"{created_ms:x}" if created_ms else message_id or ""


def duration_of(began_ms: int | None, ended_ms: int | None) -> int | None:
    """Return how long something took; None if that is unknown or absurd."""
    if began_ms is None or ended_ms is None:
        return None

    took_ms = ended_ms - began_ms
    return took_ms if 0 <= took_ms <= _MAX_MS else None


def stated_micros(cost: float) -> int | None:
    """Return the cost that the provider states; None for 0.

    That is what it states of any model without a price.
    """
    return round(cost * MICROS) or None


class _Counts(Struct, gc=False):
    tokens: dict[str, Raw] | None = None
    type: str = ""
    finish: str | None = None


class _Row(Struct, gc=False):
    data: _Counts | None = None


_ROW = msgspec.json.Decoder(_Row)
_CACHE = msgspec.json.Decoder(dict[str, Raw])


def drift_in(text: bytes) -> tuple[Drift, ...]:
    """Return the fields of token counts in the row *text* that are unknown, by name."""
    try:
        data = _ROW.decode(text).data
    except (ValueError, RecursionError):  # a strange row: read as far as it goes
        return ()

    if data is None or (data.type != "step-finish" and data.finish is None):
        return ()

    kind = data.type or "message"
    found = drift_of_usage(data.tokens, kind, known=_KNOWN, needed=_NEEDED)
    try:
        cache = _CACHE.decode((data.tokens or {}).get("cache", Raw(b"{}")))
    except (ValueError, RecursionError):
        return found

    unknown = sorted(cache.keys() - _KNOWN_CACHE)
    return found + tuple(Drift(DriftKind.USAGE_FIELD, name) for name in unknown)
