"""Where the hooks of Claude Code are entered.

It leaves out a whole settings file, permissions and all, when that has an event which
this version does not know. So each event has the version that brought it, and where the
version cannot be told only the old ones are used. It shows a line for each command in
the background that ends, so that none is told to run there.

Facts: its changelogs, up to 2.1.329.
"""

from jarvisd.agents.claude.places import own_roots
from jarvisd.core.hook_settings import HookSettings, Version

EVENTS: dict[str, Version] = {
    "SessionStart": (1, 0, 62),
    "UserPromptSubmit": (1, 0, 54),
    "PreToolUse": (1, 0, 38),
    "PermissionRequest": (2, 0, 45),
    "PermissionDenied": (2, 1, 89),
    "PostToolUse": (1, 0, 38),
    "PostToolUseFailure": (2, 1, 49),
    "Notification": (1, 0, 38),
    "Stop": (1, 0, 38),
    "StopFailure": (2, 1, 78),
    "SubagentStart": (2, 0, 43),
    "SubagentStop": (1, 0, 41),
    "PreCompact": (1, 0, 48),
    "PostCompact": (2, 1, 76),
    "SessionEnd": (1, 0, 85),
}


def advice(_: str) -> str:
    """Return the remaining steps for a person."""
    return (
        "Claude Code runs them in new sessions; restart a session that was open "
        "already if no hook comes from it."
    )


SETTINGS = HookSettings(
    folders=own_roots,
    leaves=frozenset({"projects"}),
    file="settings.json",
    events=EVENTS,
    program="claude",
    places=("local/claude", ".local/bin/claude"),
    oldest=(2, 0, 45),
    advice=advice,
)
