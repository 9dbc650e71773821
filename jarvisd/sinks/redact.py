"""Restricts what may leave the machine to the events and properties listed here.

They are numbers, words of closed vocabularies, and hashes. A property that is not
listed, or not of its type, is removed; an event that is not listed is not sent. So
a text that somebody wrote cannot leak through another field.
"""

import hashlib
import math
import re
from collections.abc import Callable, Collection, Mapping
from typing import Final

from jarvisd import agents
from jarvisd.core.agent_folders import agent_names
from jarvisd.segments.model import Closed, Segment

EVENT: Final = "chat_session_ended"
MAX_CHARS: Final = 200
OTHER: Final = "other"
UNKNOWN: Final = "unknown"

AGENT_WORDS: Final = frozenset({*agent_names(agents.__name__), "chat", OTHER})
ENGINE_WORDS: Final = frozenset(
    {
        "anthropic", "openai", "google", "cloud", "ollama", "vllm", "llamacpp",
        "sglang", "mlx", "lmstudio", "exo", "nexa", UNKNOWN,
    }
)  # fmt: skip

_HASH: Final = re.compile(r"[0-9a-f]{16}")

Value = int | float | str
Check = Callable[[object], bool]


def _count(value: object) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _number(value: object) -> bool:
    return _count(value) or (
        type(value) is float and math.isfinite(value) and value >= 0
    )


def _hash(value: object) -> bool:
    return isinstance(value, str) and _HASH.fullmatch(value) is not None


def _one_of(words: Collection[str]) -> Check:
    return lambda value: isinstance(value, str) and value in words


ALLOWED: Final[Mapping[str, Mapping[str, Check]]] = {
    EVENT: {
        "turn_count": _count,
        "tokens_in": _count,
        "tokens_out": _count,
        "latency_ms_p50": _number,
        "latency_ms_p95": _number,
        "tool_count": _count,
        "unique_tools": _count,
        "unique_models": _count,
        "error_count": _count,
        "duration_ms": _count,
        "cost_micros": _count,
        "unpriced": _count,
        "segment": _count,
        "started_ms": _count,
        "ended_ms": _count,
        "reason": _one_of(frozenset(Closed)),
        "agent": _one_of(AGENT_WORDS),
        "engine": _one_of(ENGINE_WORDS),
        "model_hash": _hash,
        "session_hash": _hash,
        "project_hash": _hash,
    }
}
"""Every event that may be sent, with the type of each of its properties. The names of
the first ten, of `engine` and of `model_hash` are those that OpenJarvis sends."""


def filter_allowed(
    event: str, properties: Mapping[str, object]
) -> dict[str, Value] | None:
    """Return the *properties* that may be sent; None if *event* may not be sent."""
    allowed = ALLOWED.get(event)
    if allowed is None:
        return None

    return {
        name: value
        for name, value in properties.items()
        if name in allowed
        and isinstance(value, int | float | str)
        and not (isinstance(value, str) and len(value) > MAX_CHARS)
        and allowed[name](value)
    }


def redact(segment: Segment, *, salt: str) -> dict[str, Value]:
    """Return the properties that are sent for *segment*.

    Args:
        segment: The whole record.
        salt: Secret of this installation. The path of a project can be guessed, and its
            hash without a salt would confirm the guess.

    """
    engine = segment.engine if segment.engine in ENGINE_WORDS else UNKNOWN
    properties = {
        "turn_count": segment.turns,
        "tokens_in": segment.tokens_in,
        "tokens_out": segment.tokens_out,
        "latency_ms_p50": segment.latency_p50_ms,
        "latency_ms_p95": segment.latency_p95_ms,
        "tool_count": segment.tools,
        "unique_tools": segment.unique_tools,
        "unique_models": segment.unique_models,
        "error_count": segment.errors,
        "duration_ms": segment.duration_ms,
        "cost_micros": segment.cost_micros,
        "unpriced": segment.unpriced,
        "segment": segment.segment,
        "started_ms": segment.started_ms,
        "ended_ms": segment.ended_ms,
        "reason": str(segment.reason),
        "agent": segment.agent if segment.agent in AGENT_WORDS else OTHER,
        "engine": segment.engine and engine,
        "model_hash": short_hash(segment.model or ""),
        "session_hash": short_hash(segment.session_id),
        "project_hash": short_hash(
            f"{salt} {segment.project}" if segment.project else ""
        ),
    }
    return filter_allowed(EVENT, properties) or {}


def short_hash(text: str) -> str:
    """Return the first 16 hex digits of the SHA-256 of *text*; "" for an empty text."""
    data = text.encode(errors="replace")
    return hashlib.sha256(data).hexdigest()[:16] if text else ""


def fingerprint(record_id: str) -> str:
    """Return *record_id* if it is a hash, as it should be, else its hash."""
    return record_id if _hash(record_id) else short_hash(record_id)
