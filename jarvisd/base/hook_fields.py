"""Which words of a hook's payload are evidence; all others are content, or nothing to us.

The program that agents run sends no more than this over the socket, and the daemon
looks at no more than this: a prompt, a tool's input and its output are never among it.
Plain constants: that program starts once for every tool call, and imports this.
"""

EVENT = "hook_event_name"

KEPT = frozenset(
    (
        *("session_id", "agent_id", EVENT, "cwd", "permission_mode"),
        *("tool_name", "tool_use_id", "transcript_path"),
    )
)
"""What every event may have, as text."""

DETAIL = {
    "SessionStart": "source",
    "SessionEnd": "reason",
    "PreCompact": "trigger",
    "PostCompact": "trigger",
    "Notification": "notification_type",
    "StopFailure": "error",
}
"""By event, the one more word that tells events of that name apart.

Only of these: the `reason` of a PermissionDenied and the `error` of a failed tool are
prose, and may quote what the tool was given.
"""

MESSAGES = {
    "is waiting for your input": "idle_prompt",
    "needs your permission": "permission_prompt",
}
"""What a Notification of versions that name no type is about, by its message.

The message itself is never sent: it may name files.
"""

INTERRUPTED = "is_interrupt"
"""True in a PostToolUseFailure where a person stopped the tool."""

MAX_CHARS = 4096
"""Of one value; a longer one is left out, as no id or path is that long."""
