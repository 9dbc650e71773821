"""Where the hooks of Codex are entered.

It passes over events that it does not know, but drops commands that are to run in the
background, and runs none that was not trusted.

Facts: its source (codex-rs/hooks), up to 0.169.
"""

import tomllib

from jarvisd.agents.codex.places import FOLDERS, own_roots
from jarvisd.core.hook_settings import HookSettings

EVENTS = (
    *("SessionStart", "UserPromptSubmit", "PreToolUse", "PermissionRequest"),
    *("PostToolUse", "Stop", "SubagentStart", "SubagentStop"),
    *("PreCompact", "PostCompact", "SessionEnd"),
)


def advice(config: str) -> str:
    """Return the remaining steps for a person, given the text of *config*.toml."""
    off = _is_switched_off(config)
    switch = "set `hooks = true` under `[features]` in config.toml"
    return (
        "Codex runs no hook that you have not trusted: start it, enter `/hooks` and "
        f"trust those of jarvisctl. {'First ' if off else 'If it knows no `/hooks`, '}"
        f"{switch}."
    )


def _is_switched_off(config: str) -> bool:
    try:
        features = tomllib.loads(config).get("features", {})
    except ValueError:
        return False

    if not isinstance(features, dict):
        return False

    return features.get("hooks", features.get("codex_hooks")) is False


SETTINGS = HookSettings(
    folders=own_roots,
    leaves=frozenset(FOLDERS),
    file="hooks.json",
    events=dict.fromkeys(EVENTS, ()),
    advisor="config.toml",
    advice=advice,
)
