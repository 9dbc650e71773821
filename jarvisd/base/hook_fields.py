"""The fields of a hook's payload that are used; all others are content or irrelevant.

`jarvisctl hook` sends no other field over the socket, and the daemon reads no other:
never a prompt, a tool's input or its output. Plain constants, since that command starts
once for each tool call and imports this module.
"""

EVENT = "hook_event_name"

KEPT = frozenset(
    (
        *("session_id", "agent_id", EVENT, "cwd", "permission_mode"),
        *("tool_name", "tool_use_id", "transcript_path"),
    )
)
"""Text fields that any event may have."""

DETAIL = {
    "SessionStart": "source",
    "SessionEnd": "reason",
    "PreCompact": "trigger",
    "PostCompact": "trigger",
    "Notification": "notification_type",
    "StopFailure": "error",
}
"""By event, one more field, which distinguishes events of that name.

Only for these events: the `reason` of a PermissionDenied and the `error` of a failed
tool are prose, and may quote the tool's input.
"""

MESSAGES = {
    "is waiting for your input": "idle_prompt",
    "needs your permission": "permission_prompt",
}
"""The type of a Notification by its message, for versions that send no type.

The message itself is never sent, because it may name files.
"""

INTERRUPTED = "is_interrupt"
"""True in a PostToolUseFailure if a person stopped the tool."""

MAX_CHARS = 4096
"""The longest value; a longer one is omitted, since no id or path is that long."""
