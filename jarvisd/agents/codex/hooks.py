"""What Codex tells its hooks.

A subagent is a thread of its own, whose id is `agent_id`; `session_id` is then that of
the thread which a person talks to.
"""

from jarvisd.agents._shared.hooks import called, payload_of
from jarvisd.core.origin import SessionId
from jarvisd.core.signal import HookCalled


def hooked(payload: bytes, *, at_ms: int) -> HookCalled | None:
    """Return the thread and the event that the hook's *payload* reports."""
    found = payload_of(payload)
    if found is None:
        return None

    thread = SessionId(found.agent_id or found.session_id or "")
    return called(found, agent="codex", session_id=thread, at_ms=at_ms)
