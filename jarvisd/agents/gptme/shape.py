"""The shape of a line of gptme: only the fields that mean something to us."""

from typing import Annotated

from msgspec import Meta, Raw, Struct

from jarvisd.agents._shared.decode import ABSENT
from jarvisd.agents._shared.numbers import Dollars, TokenCount

Duration = Annotated[float, Meta(ge=0, le=2**40)]
"""How long something took, in ms."""


class GptmeUsage(Struct, gc=False):
    """Token counts in disjoint buckets; *output_tokens* hold the reasoning."""

    input_tokens: TokenCount | None = None
    output_tokens: TokenCount | None = None
    cache_read_tokens: TokenCount | None = None
    cache_creation_tokens: TokenCount | None = None
    reasoning_tokens: TokenCount | None = None


class Timings(Struct, gc=False):
    """How long a response and its calls took."""

    ttft_ms: Duration | None = None
    gen_ms: Duration | None = None
    tool_ms: Duration | None = None


class GptmeMetadata(GptmeUsage, gc=False):
    """What is known of a message; older versions have the token counts right in it."""

    model: str | None = None
    served_model: str | None = None
    cost: Dollars | None = None
    usage: GptmeUsage | None = None
    timings: Timings | None = None
    tool: str | None = None
    input_log_digest: str | None = None


class GptmeLine(Struct, gc=False):
    """One line: a message."""

    role: str = ""
    content: Raw = ABSENT
    timestamp: str | None = None
    call_id: str | None = None
    metadata: GptmeMetadata | None = None
