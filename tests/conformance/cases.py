"""Logs of a line or two that tools count in different ways, and what each says of them.

docs/accuracy.md has the same table.
"""

import json
from typing import Any, NamedTuple

Lines = list[str]
COMPACT = (",", ":")


class Case(NamedTuple):
    """One log of Claude Code; what each says of it is its tokens and their cost."""

    where: str
    lines: Lines
    ccusage: str
    tokscale: str
    jarvisd: str


def reply(
    *,
    second: int = 0,
    request: str | None = "req_1",
    separators: tuple[str, str] = COMPACT,
    sidechain: bool = False,
    **usage: Any,
) -> str:
    """Return a line of one and the same response: 9,410 tokens for $0.00873."""
    fields: dict[str, Any] = {
        "type": "assistant",
        "timestamp": f"2025-11-20T10:00:{second:02}.000Z",
        "sessionId": "s1",
        "isSidechain": sidechain,
        "message": {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude-sonnet-4-5-20250929",
            "usage": {
                "input_tokens": 10,
                "cache_read_input_tokens": 9_000,
                "cache_creation_input_tokens": 0,
                "output_tokens": 400,
                **usage,
            },
        },
    }
    if request is not None:
        fields["requestId"] = request

    return json.dumps(fields, separators=separators)


HOUR = {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 1_000}

ONCE = "9,410 tokens, $0.008730"
TWICE = "18,820 tokens, $0.017460"
NOTHING = "0 tokens, $0.000000"

CASES = (
    Case(
        "a reply replayed under another request id",
        [reply(), reply(second=9, request="req_2")],
        ccusage=TWICE,
        tokscale=TWICE,
        jarvisd=ONCE,
    ),
    Case(
        "the same in a side chain",
        [reply(), reply(second=9, request="req_2", sidechain=True)],
        ccusage=ONCE,
        tokscale=TWICE,
        jarvisd=ONCE,
    ),
    Case(
        "streamed copies without a request id (Bedrock, Vertex)",
        [reply(request=None, output_tokens=1), reply(second=4, request=None)],
        ccusage="18,421 tokens, $0.011475",
        tokscale=ONCE,
        jarvisd=ONCE,
    ),
    Case(
        "JSON with spaces after colons",
        [reply(separators=(", ", ": "))],
        ccusage=NOTHING,
        tokscale=ONCE,
        jarvisd=ONCE,
    ),
    Case(
        '`"speed": null`',
        [reply(speed=None)],
        ccusage=NOTHING,
        tokscale=ONCE,
        jarvisd=ONCE,
    ),
    Case(
        "1,000 tokens written to a cache for an hour",
        [reply(cache_creation_input_tokens=1_000, cache_creation=HOUR)],
        ccusage="10,410 tokens, $0.014730",
        tokscale="10,410 tokens, $0.012480",
        jarvisd="10,410 tokens, $0.014730",
    ),
)
