"""What is expected of Hermes."""

import json
from collections.abc import Iterable
from typing import Any

from tests.conformance.expectations import Expected, Gap, Growth

_SUMS = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "api_call_count",
)


def message_rows(line: bytes) -> Iterable[bytes]:
    """Return a message of a replay as a row."""
    message: dict[str, Any] = json.loads(line)
    row = {
        "table": "messages",
        "id": int(message["_ts"] * 1000),
        "at": message["_ts"],
        "role": message["role"],
        "content": message["content"],
        "calls": json.loads(message["tool_calls"] or "[]"),
        "call": message["tool_call_id"] or None,
        "tool": message["tool_name"] or None,
        "finish": message["finish_reason"] or None,
    }
    yield json.dumps(row).encode()


_OTHERS = "the transcripts of other agents and sessions are not in the recording"

EXPECTED = Expected(
    replayed_as="hermes",
    gaps=(
        Gap(reason="errors of the provider are in no table", unknown=("errors",)),
        Gap(
            reason="the truth counts processes, and these went on with one session",
            runs="*/resume",
            unknown=("sessions",),
        ),
    ),
    growth=Growth(
        order={"messages": "timestamp", "session_model_usage": "first_seen"},
        counters={"sessions": _SUMS, "session_model_usage": (*_SUMS, "last_seen")},
    ),
    replay_items=message_rows,
    phases={
        ("hermes/3-2_background-subagent", "2026-08-03-00-49-34"): {
            "child_birth": _OTHERS,
            "child_link": _OTHERS,
        },
        ("hermes/4-2_multiple-agents-same-workspace", "2026-08-03-01-11-06"): {
            "agentB_turn_start": _OTHERS,
            "agentB_turn_done": _OTHERS,
        },
    },
)
