"""What Claude Code tells its hooks.

A subagent's hooks have the session of the main thread and an `agent_id`, which some
versions write with the prefix that its transcript's name has.
"""

from jarvisd.agents._shared.hooks import HookPayload, called, payload_of
from jarvisd.core.origin import SessionId
from jarvisd.core.signal import HookCalled

_AGENT = "agent-"


def hooked(payload: bytes, *, at_ms: int) -> HookCalled | None:
    """Return the session and the event that the hook's *payload* reports."""
    found = payload_of(payload)
    if found is None:
        return None

    return called(found, agent="claude", session_id=_session(found), at_ms=at_ms)


def _session(payload: HookPayload) -> SessionId:
    if not (payload.session_id and payload.agent_id):
        return SessionId(payload.session_id or "")

    subagent = payload.agent_id.removeprefix(_AGENT)
    return SessionId(f"{payload.session_id}/{_AGENT}{subagent}")
