"""Lines with one absurd number each, in every numeric field that a shape has.

The fields are found in the shapes themselves, so a new one is covered by itself.
"""

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from itertools import pairwise
from typing import Any, NamedTuple, get_args

import msgspec
from msgspec import Struct

from jarvisd.agents._shared.entry_shape import TreeEntry
from jarvisd.agents.aider import shape as aider
from jarvisd.agents.claude import shape as claude
from jarvisd.agents.cline import shape as cline
from jarvisd.agents.codex import shape as codex
from jarvisd.agents.continue_cli import shape as continue_cli
from jarvisd.agents.copilot import shape as copilot
from jarvisd.agents.gemini import shape as gemini
from jarvisd.agents.gptme import shape as gptme
from jarvisd.agents.hermes import shape as hermes
from jarvisd.agents.kimi import shape as kimi
from jarvisd.agents.mini import shape as mini
from jarvisd.agents.opencode import shape as opencode
from jarvisd.agents.openhands import shape as openhands
from jarvisd.agents.qwen import shape as qwen
from jarvisd.agents.vibe import shape as vibe

ABSURD = (
    "9223372036854775808",
    "-9223372036854775809",
    "18446744073709551616",
    "1" + "0" * 40,
    "1e308",
    "1e999",
    "-1",
    "9007199254740991",
    "12.5",
    '"NaN"',
    '"Infinity"',
    "true",
)
"""As they stand in the line."""

Path = tuple[str | int, ...]

_AT = "2026-11-21T02:51:24.939Z"
_AIDER_SENT = {"main_model": "m", "prompt_tokens": 3, "completion_tokens": 7, "cost": 1}
_AIDER: tuple[dict[str, Any], ...] = (
    {"event": "launched", "time": 1796100000},
    {"event": "message_send", "time": 1796100000, "properties": _AIDER_SENT},
)
_USAGE = {"input_tokens": 3, "output_tokens": 7, "cache_read_input_tokens": 100}
_MESSAGE = {
    "id": "msg_1",
    "model": "claude-opus-4-8",
    "content": [{"type": "text", "text": "Done."}],
    "stop_reason": "end_turn",
    "usage": {
        **_USAGE,
        "server_tool_use": {"web_search_requests": 1},
        "iterations": [{"type": "advisor_message", "model": "claude-opus-4-8"}],
    },
}
_RESULT = [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "ok"}]
_THREAD = "0199c2f4-7a11-7000-8000-000000000001"

_CLAUDE: tuple[dict[str, Any], ...] = (
    {"type": "assistant", "message": _MESSAGE},
    {"type": "assistant", "isApiErrorMessage": True, "message": _MESSAGE},
    {"type": "user", "message": {"content": "do it"}},
    {"type": "user", "message": {"content": _RESULT}, "toolUseResult": {}},
    {"type": "system", "subtype": "turn_duration"},
    {"type": "system", "subtype": "stop_hook_summary"},
    {"type": "system", "subtype": "compact_boundary", "compactMetadata": {}},
    {"type": "system", "subtype": "api_error"},
    {"type": "progress", "data": {"message": {"message": _MESSAGE}}},
    {"type": "stream_event", "event": {"type": "message_start", "message": _MESSAGE}},
    {"type": "stream_event", "event": {"type": "message_delta", "usage": _USAGE}},
)
_CODEX: tuple[dict[str, Any], ...] = (
    {"type": "session_meta", "payload": {"id": _THREAD, "cwd": "/home/dev/x"}},
    {"type": "turn_context", "payload": {"model": "gpt-5.2"}},
    {"type": "token_usage_record", "payload": {"response_id": "r", "usage": _USAGE}},
    *(
        {"type": "event_msg", "payload": payload}
        for payload in (
            {"type": "token_count", "info": {"total_token_usage": _USAGE}},
            {"type": "token_count", "rate_limits": {"primary": {"used_percent": 4}}},
            {"type": "task_started", "turn_id": "t"},
            {"type": "task_complete", "turn_id": "t"},
            {"type": "turn_aborted", "turn_id": "t"},
            {"type": "exec_command_end", "call_id": "c"},
            {
                "type": "item_completed",
                "item": {"type": "CommandExecution", "id": "exec-1"},
            },
        )
    ),
    {"type": "turn.completed", "usage": _USAGE},
    {"type": "other", "data": {"usage": _USAGE}},
)
_ENTRY_USAGE = {"input": 3, "output": 7, "cacheRead": 100, "cost": {"total": 0.2}}
_ANSWER = {"role": "assistant", "model": "m", "stopReason": "stop"}
ENTRIES: tuple[dict[str, Any], ...] = (
    {"type": "session", "cwd": "/home/dev/x"},
    {"type": "message", "message": {**_ANSWER, "usage": _ENTRY_USAGE}},
    {"type": "message", "message": {"role": "toolResult", "toolCallId": "t"}},
    {"type": "compaction", "usage": _ENTRY_USAGE},
    {"type": "usage", "model": "m", "usage": _ENTRY_USAGE},
)
"""Entries of session trees."""
_KIMI_USAGE = {"inputOther": 3, "output": 7, "inputCacheRead": 100}
_WRAPPED = {"context_tokens": 9, "token_usage": {"input_other": 3, "output": 7}}
_KIMI: tuple[dict[str, Any], ...] = (
    {"type": "usage.record", "model": "m", "usage": _KIMI_USAGE},
    {"type": "turn.ended", "reason": "failed", "error": {"details": {}}},
    {"type": "turn.step.retrying", "errorName": "e"},
    {"type": "context.apply_compaction"},
    *(
        {"type": "context.append_loop_event", "event": event}
        for event in (
            {"type": "step.end", "uuid": "s", "usage": _KIMI_USAGE},
            {"type": "tool.result", "toolCallId": "c", "result": {}},
        )
    ),
    {"message": {"type": "StatusUpdate", "payload": _WRAPPED}},
)

_GEMINI: tuple[dict[str, Any], ...] = (
    {"type": "gemini", "tokens": {"input": 3, "output": 7, "cached": 2, "total": 10}},
    {"$set": {"messages": [{"id": "m1", "type": "gemini", "tokens": {"input": 3}}]}},
)

_COPILOT: tuple[dict[str, Any], ...] = (
    {"type": "session.usage_record", "data": {"usage": {"inputTokens": 3}}},
    {"type": "assistant.message", "data": {"messageId": "m1", "model": "m"}},
    {"type": "tool.execution_complete", "data": {"toolCallId": "c1"}},
    {"type": "session.compaction_complete", "data": {"compactionTokensUsed": {}}},
    {"type": "session.error", "data": {}},
)

_GPTME: tuple[dict[str, Any], ...] = (
    {"role": "assistant", "content": "Hi.", "metadata": {"usage": {"input_tokens": 3}}},
    {"role": "assistant", "content": "@shell(c1): {}", "metadata": {"timings": {}}},
)

_QWEN: tuple[dict[str, Any], ...] = (
    {"type": "assistant", "usageMetadata": {"promptTokenCount": 3}},
    {"type": "system", "subtype": "chat_compression", "systemPayload": {"info": {}}},
    *(
        {
            "type": "system",
            "subtype": "ui_telemetry",
            "systemPayload": {"uiEvent": {"event.name": f"qwen-code.{name}"}},
        }
        for name in ("api_response", "api_error", "tool_call")
    ),
)


_OWNER = {"owner_role": "assistant", "owner_created": 1796100000000, "message": "m1"}
_OPENCODE: tuple[dict[str, Any], ...] = (
    {"table": "session", "title": "Plots", "updated": 1796100000000},
    *(
        {"table": "message", "created": 1796100000000, "data": data}
        for data in (
            {"role": "user"},
            {
                "role": "assistant",
                "finish": "stop",
                "tokens": {"input": 3, "output": 7},
            },
            {"role": "assistant", "error": {"name": "APIError"}},
        )
    ),
    *(
        {"table": "part", **_OWNER, "data": data}
        for data in (
            {"type": "text", "text": "Done."},
            {"type": "step-finish", "tokens": {"input": 3, "output": 7}},
            {
                "type": "tool",
                "tool": "bash",
                "callID": "c",
                "state": {"status": "error"},
            },
            {
                "type": "tool",
                "tool": "bash",
                "callID": "c",
                "state": {"status": "completed"},
            },
            {"type": "retry"},
        )
    ),
    {"id": "msg_1", "role": "assistant", "tokens": {"input": 3, "output": 7}},
)

_METRICS = {"inputTokens": 130, "outputTokens": 7, "cacheReadTokens": 100, "cost": 0.2}
_CLINE: tuple[dict[str, Any], ...] = (
    {"role": "assistant", "id": "m1", "ts": 1_796_081_673_397, "metrics": _METRICS},
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1"}]},
    {"session_id": "1796081669440_px50f", "status": "running", "version": 1},
)


_CONTINUE: tuple[dict[str, Any], ...] = (
    {"message": {"role": "assistant", "usage": {"prompt_tokens": 3}}},
    {"totals": {"promptTokens": 9, "completionTokens": 2}},
)
_MINI: tuple[dict[str, Any], ...] = (
    {
        "role": "assistant",
        "written_at": 1_795_230_361.9,
        "extra": {"response": {"id": "r", "usage": {"prompt_tokens": 3}}},
    },
    {"role": "tool", "tool_call_id": "c", "extra": {"timestamp": 1_795_230_361.9}},
)
_OPENHANDS: tuple[dict[str, Any], ...] = (
    {"usage_id": "agent", "usage": {"prompt_tokens": 3, "completion_tokens": 7}},
    {"kind": "ObservationEvent", "tool_call_id": "c", "observation": {}},
    {"execution_status": "running"},
)

_HERMES: tuple[dict[str, Any], ...] = (
    {"table": "messages", "role": "user", "content": "hi"},
    {"table": "messages", "role": "assistant", "content": "hi", "finish": "stop"},
    {"table": "session_model_usage", "model": "m", "requests": 1, "input": 3},
    {"table": "sessions", "title": "Plots"},
)


_VIBE_STATE = {"session": {"tokenUsage": {"inputTokens": 9, "outputTokens": 7}}}
_VIBE_EFFECT = {"type": "effect", "id": "e", "state": {"status": "completed"}}
_VIBE: tuple[dict[str, Any], ...] = (
    {"type": "state", "state": _VIBE_STATE},
    {"type": "entry", "entry": _VIBE_EFFECT},
    {"type": "meta", "meta": {"stats": {"session_prompt_tokens": 9}}},
    {"type": "projection_delta", "payload": {"delta": [{"state": _VIBE_STATE}]}},
)


class Agent(NamedTuple):
    """The shape of an agent's lines, and lines that each of its fields means sth in."""

    shape: type[Struct]
    lines: tuple[dict[str, Any], ...]


AGENTS = {
    "vibe": Agent(vibe.VibeItem, _VIBE),
    "aider": Agent(aider.AnalyticsEvent, _AIDER),
    "claude": Agent(
        claude.TranscriptLine,
        tuple({**each, "timestamp": _AT, "uuid": "u1"} for each in _CLAUDE),
    ),
    "cline": Agent(cline.ClineItem, _CLINE),
    "codex": Agent(
        codex.RolloutLine, tuple({**each, "timestamp": _AT} for each in _CODEX)
    ),
    "gemini": Agent(
        gemini.GeminiLine,
        tuple({**each, "id": "m1", "timestamp": _AT} for each in _GEMINI),
    ),
    "hermes": Agent(
        hermes.HermesRow, tuple({**each, "session": "s1"} for each in _HERMES)
    ),
    "kilo": Agent(opencode.OpencodeRow, _OPENCODE),
    "opencode": Agent(opencode.OpencodeRow, _OPENCODE),
    "copilot": Agent(
        copilot.CopilotLine,
        tuple({**each, "id": "e1", "timestamp": _AT} for each in _COPILOT),
    ),
    "gptme": Agent(
        gptme.GptmeLine, tuple({**each, "timestamp": _AT} for each in _GPTME)
    ),
    "qwen": Agent(
        qwen.QwenLine, tuple({**each, "uuid": "u1", "timestamp": _AT} for each in _QWEN)
    ),
    "kimi": Agent(
        kimi.WireRecord, tuple({**each, "time": 1_795_229_484_939} for each in _KIMI)
    ),
    "continue_cli": Agent(continue_cli.ContinueItem, _CONTINUE),
    "mini": Agent(mini.MiniItem, _MINI),
    "openhands": Agent(openhands.OpenHandsItem, _OPENHANDS),
    "openclaw": Agent(
        TreeEntry, tuple({**each, "id": "e1", "timestamp": _AT} for each in ENTRIES)
    ),
    "pi": Agent(
        TreeEntry, tuple({**each, "id": "e1", "timestamp": _AT} for each in ENTRIES)
    ),
}


class Poisoned(NamedTuple):
    """A line, the same without the number, and whether the number is one to leave out."""

    text: bytes
    without: bytes
    is_number: bool
    is_allowed: bool


def numeric_fields(shape: type[Struct]) -> dict[Path, Any]:
    """Return where numbers are allowed below *shape*, and of what type."""
    return dict(_fields(shape, (), (shape,)))


def poisoned(agent: str) -> Iterator[Poisoned]:
    """Give every line of *agent*, with every absurd value in every numeric field."""
    shape, lines = AGENTS[agent]
    fields = numeric_fields(shape)
    for line in lines:
        for path, kind in fields.items():
            for literal in ABSURD:
                yield Poisoned(
                    _with(line, path, literal),
                    _encoded(_without(line, path)),
                    is_number=literal[0] in "-0123456789",
                    is_allowed=_allows(kind, literal),
                )


def _fields(
    shape: type[Struct], path: Path, above: tuple[type[Struct], ...]
) -> Iterator[tuple[Path, Any]]:
    for field in msgspec.structs.fields(shape):
        if not field.encode_name:
            continue

        here: Path = (*path, field.encode_name)
        is_tuple = getattr(field.type, "__origin__", None) is tuple
        for kind in (field.type, *(() if is_tuple else get_args(field.type))):
            if getattr(kind, "__origin__", None) is tuple:
                (item, _) = get_args(kind)
                below: Path = (*here, 0)
            else:
                item, below = kind, here

            if isinstance(item, type) and issubclass(item, Struct):
                if item not in above:
                    yield from _fields(item, below, (*above, item))
            elif item in {int, float} or _bounded(item):
                yield here, field.type


def _bounded(kind: Any) -> bool:
    return getattr(kind, "__origin__", None) in {int, float}


def _allows(kind: Any, literal: str) -> bool:
    try:
        msgspec.json.decode(literal, type=kind)
    except msgspec.ValidationError:
        return False

    return True


def _with(line: Mapping[str, Any], path: Path, literal: str) -> bytes:
    copy = deepcopy(dict(line))
    _at(copy, path)[path[-1]] = "@"
    return _encoded(copy).replace(b'"@"', literal.encode())


def _without(line: Mapping[str, Any], path: Path) -> dict[str, Any]:
    copy = deepcopy(dict(line))
    _at(copy, path).pop(path[-1], None)
    return copy


def _at(line: dict[str, Any], path: Path) -> Any:
    """Return the object that the last step of *path* is in, made where there is none."""
    place: Any = line
    for step, following in pairwise(path):
        if isinstance(step, int):
            if not place:
                place.append({})
        elif not isinstance(place.get(step), list if following == 0 else dict):
            place[step] = [] if following == 0 else {}

        place = place[step]

    return place


def _encoded(line: dict[str, Any]) -> bytes:
    return json.dumps(line, separators=(",", ":")).encode()
