"""Usage of Gemini CLI: of one response, in disjoint buckets.

`input` holds what was read from the cache, `output` leaves out the thoughts, and `tool`
is a part of the prompt that `input` leaves out: in all recordings `total` is the sum of
`input`, `output`, `thoughts` and `tool`. Where it is also the sum with `cached`, the
input leaves out the cache.
"""

import msgspec
from msgspec import Struct

from jarvisd.agents._shared.decode import decode
from jarvisd.agents._shared.unknown_fields import Names, drift_of_usage, field_names
from jarvisd.agents.gemini.shape import GeminiMessage, GeminiTokens
from jarvisd.base.usage import Tokens
from jarvisd.core.event import UsageReported
from jarvisd.core.record import Drift

_KNOWN = field_names(GeminiTokens)
_NEEDED = ("input", "output")


class _Inspected(Struct, gc=False):
    type: str = ""
    tokens: Names | None = None


_INSPECT = msgspec.json.Decoder(_Inspected)


def usage_of(
    message: GeminiMessage, *, in_context: bool = True
) -> UsageReported | None:
    """Return the usage of the response *message*; None if it states none."""
    tokens = message.tokens
    if tokens is None or lacks_tokens(tokens):
        return None

    return UsageReported(
        response=message.id,
        model=message.model or None,
        tokens=disjoint(tokens),
        in_context=in_context,
    )


def disjoint(tokens: GeminiTokens) -> Tokens:
    """Return the counts of *tokens* in disjoint buckets."""
    prompt, output = tokens.input or 0, tokens.output or 0
    cached, thoughts = tokens.cached or 0, tokens.thoughts or 0
    tool = tokens.tool or 0
    if cached and tokens.total == prompt + output + thoughts + tool + cached:
        prompt += cached

    read = min(cached, prompt)
    return Tokens(
        input=prompt - read + tool,
        cache_read=read,
        output=output + thoughts,
        reasoning=thoughts,
    )


def lacks_tokens(tokens: GeminiTokens | None) -> bool:
    """Whether *tokens* of a response are there, and say nothing that can be counted."""
    return tokens is not None and tokens.input is None and tokens.output is None


def drift_in(text: bytes) -> tuple[Drift, ...]:
    """Return the unknown fields of the token counts in the line *text*."""
    line = decode(text, _INSPECT)
    if line is None or line.tokens is None:
        return ()

    return drift_of_usage(line.tokens, line.type, known=_KNOWN, needed=_NEEDED)
