"""What agents tell their hooks, as a signal: the parts that are alike for all of them.

Codex took over the payloads of Claude Code, so one Struct names the fields of both.
Which fields may be looked at is said in `base/hook_fields.py`. Pure and total: whatever the
bytes are, the answer is a signal or None.

Facts: the payloads of Claude Code 2.1.329 and Codex 0.169, and their documentation.
"""

from msgspec import Struct, json

from jarvisd.agents._shared.decode import decode
from jarvisd.agents._shared.troubles import TROUBLES
from jarvisd.base.hook_fields import DETAIL, MAX_CHARS
from jarvisd.core.event import Trouble
from jarvisd.core.origin import SessionId
from jarvisd.core.signal import HookCalled
from jarvisd.core.traits import HookWords, Moment

MAX_WORD_CHARS = 200
"""Of ids and names; what is longer was not made by an agent."""

INTERRUPT = "interrupt"

FREE_MODES = frozenset({"bypassPermissions", "dontAsk"})
EDIT_MODES = frozenset({"acceptEdits"})
"""Modes in the words of payloads; see `Traits`."""

WORDS = HookWords(
    moments={
        "SessionStart": Moment.SESSION_STARTED,
        "SessionEnd": Moment.SESSION_ENDED,
        "UserPromptSubmit": Moment.PROMPTED,
        "Stop": Moment.TURN_ENDED,
        "StopFailure": Moment.TURN_FAILED,
        "SubagentStart": Moment.SUBAGENT_STARTED,
        "SubagentStop": Moment.SUBAGENT_ENDED,
        "PreToolUse": Moment.CALLING,
        "PermissionRequest": Moment.ASKING,
        "PermissionDenied": Moment.DENIED,
        "PostToolUse": Moment.CALLED,
        "PostToolUseFailure": Moment.CALL_FAILED,
        "Notification": Moment.NOTIFIED,
        "PreCompact": Moment.COMPACTING,
        "PostCompact": Moment.COMPACTED,
    },
    compacted="compact",
    interrupted=INTERRUPT,
    idle="idle_prompt",
    form="elicitation_dialog",
    dialogs=frozenset({"permission_prompt", "elicitation_dialog"}),
    limit="rate_limit",
    troubles=TROUBLES,
    failures={
        Trouble.LOGGED_OUT: "authentication_failed",
        Trouble.BILLING: "billing_error",
        Trouble.API_ERROR: "unknown",
    },
)
"""What the hooks of both agents say, and what that means."""


class HookPayload(Struct, gc=False):
    """The fields that are evidence; each is text, and may be absent."""

    session_id: str | None = None
    agent_id: str | None = None
    hook_event_name: str | None = None
    cwd: str | None = None
    permission_mode: str | None = None
    tool_name: str | None = None
    tool_use_id: str | None = None
    transcript_path: str | None = None
    source: str | None = None
    reason: str | None = None
    trigger: str | None = None
    notification_type: str | None = None
    error: str | None = None
    is_interrupt: bool | None = None


_decoder = json.Decoder(HookPayload)


def payload_of(text: bytes) -> HookPayload | None:
    """Return the fields that *text* has, or None if it is no JSON object."""
    return decode(text, _decoder)


def called(
    payload: HookPayload, *, agent: str, session_id: SessionId, at_ms: int
) -> HookCalled | None:
    """Return the signal; None where neither session nor event are named."""
    event = _word(payload.hook_event_name)
    if event is None or not session_id:
        return None

    return HookCalled(
        agent=agent,
        session_id=session_id,
        event=event,
        at_ms=at_ms,
        tool=_word(payload.tool_name),
        call_id=_word(payload.tool_use_id),
        agent_id=_word(payload.agent_id),
        detail=_detail(payload, event),
        mode=_word(payload.permission_mode),
        cwd=_path(payload.cwd),
        transcript=_path(payload.transcript_path),
    )


def _detail(payload: HookPayload, event: str) -> str | None:
    if event == "PostToolUseFailure":
        return INTERRUPT if payload.is_interrupt else None

    name = DETAIL.get(event)
    return None if name is None else _word(getattr(payload, name))


def _word(text: str | None) -> str | None:
    return text if text and len(text) <= MAX_WORD_CHARS else None


def _path(text: str | None) -> str | None:
    return text if text and len(text) <= MAX_CHARS else None
