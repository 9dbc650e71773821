"""Usage of Qwen Code: of one response, in disjoint buckets.

The prompt holds what was read from the cache. Whether the output holds the thoughts
depends on the provider, and shows in the total: all others leave them out.
"""

import msgspec
from msgspec import Raw, Struct, field

from jarvisd.agents._shared.decode import decode
from jarvisd.agents._shared.unknown_fields import Names, drift_of_usage, field_names
from jarvisd.agents.qwen.shape import UiEvent, UsageMetadata
from jarvisd.base.usage import Tokens
from jarvisd.core.record import Drift

RESPONSE = "qwen-code.api_response"

_KNOWN = field_names(UiEvent)
_COUNTS = "_token_count"
_NEEDED = ("input_token_count", "output_token_count")


class _Payload(Struct, gc=False):
    event: Names | None = field(default=None, name="uiEvent")


class _Inspected(Struct, gc=False):
    payload: _Payload | None = field(default=None, name="systemPayload")


_INSPECT = msgspec.json.Decoder(_Inspected)


def tokens_of_event(event: UiEvent) -> Tokens | None:
    """Return the tokens of a response; None if its telemetry has none."""
    return _disjoint(
        event.input_token_count,
        event.output_token_count,
        event.cached_content_token_count or 0,
        event.thoughts_token_count or 0,
        event.total_token_count,
    )


def tokens_of_message(usage: UsageMetadata) -> Tokens | None:
    """Return the tokens of a message; None if it has none."""
    return _disjoint(
        usage.promptTokenCount,
        usage.candidatesTokenCount,
        usage.cachedContentTokenCount or 0,
        usage.thoughtsTokenCount or 0,
        usage.totalTokenCount,
    )


def drift_in(text: bytes) -> tuple[Drift, ...]:
    """Return the unknown token counts in the line *text*."""
    line = decode(text, _INSPECT)
    event = None if line is None or line.payload is None else line.payload.event
    if event is None or bytes(event.get("event.name", Raw())) != _QUOTED:
        return ()

    counts = {name: each for name, each in event.items() if name.endswith(_COUNTS)}
    return drift_of_usage(counts, RESPONSE, known=_KNOWN, needed=_NEEDED)


_QUOTED = msgspec.json.encode(RESPONSE)


def _disjoint(
    prompt: int | None,
    output: int | None,
    cached: int,
    thoughts: int,
    total: int | None,
) -> Tokens | None:
    if prompt is None and output is None:
        return None

    prompt, output = prompt or 0, output or 0
    if total is not None and total == prompt + output + thoughts:
        output += thoughts

    read = min(cached, prompt)
    return Tokens(
        input=prompt - read,
        cache_read=read,
        output=output,
        reasoning=min(thoughts, output),
    )
