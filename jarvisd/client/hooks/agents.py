"""Whose hooks can be installed: which file, which events, what else a person must do.

Claude Code leaves out a whole settings file, permissions and all, when it has an event
that this version does not know. So each event has the version that brought it, and where
the version cannot be told only the old ones are used. Codex passes over events that it
does not know, but drops commands that are to run in the background, and runs none that
was not trusted. Neither is told to run ours in the background: Claude Code shows a line
for each that ends, and they would overtake each other.

Facts: the changelogs of Claude Code and the source of Codex (codex-rs/hooks), up to
2.1.329 and 0.169.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jarvisd import config, paths
from jarvisd.errors import JarvisError

Version = tuple[int, ...]

TIMEOUT_S = 2
"""For the agent to give up on our command, which takes 0.2 s at most. Codex allows no
more than 3 s at the end of a session, Claude Code 1.5 s for all hooks together."""

VERSION_LIMIT_S = 10.0
UNKNOWN_VERSION: Version = (2, 0, 45)

CLAUDE_EVENTS: dict[str, Version] = {
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
"""Every event we want, and the version from which on it may be written."""

CODEX_EVENTS = (
    *("SessionStart", "UserPromptSubmit", "PreToolUse", "PermissionRequest"),
    *("PostToolUse", "Stop", "SubagentStart", "SubagentStop"),
    *("PreCompact", "PostCompact", "SessionEnd"),
)

TITLES = {"claude": "Claude Code", "codex": "Codex"}
FILES = {"claude": "settings.json", "codex": "hooks.json"}

_VERSION = re.compile(r"\b(\d+)\.(\d+)\.(\d+)\b")


class NoAgentError(JarvisError):
    """There is no agent whose hooks could be installed."""

    code = "no_agent"

    def __init__(self, looked: list[str]) -> None:
        where = ", ".join(looked)
        super().__init__(f"no agent has a folder here; looked for {where}")


@dataclass(frozen=True, slots=True)
class Target:
    """One file of one agent, and what shall be in it.

    *left_out* are the events that this version would stumble over.
    """

    agent: str
    path: Path
    wanted: dict[str, dict[str, object]]
    left_out: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """Return the agent's name for people."""
        return TITLES[self.agent]


def targets(
    environ: Mapping[str, str], agent: str | None, root: str | None
) -> list[Target]:
    """Return the files of *agent*, or of all of them; only in *root* if given.

    Raises:
        NoAgentError: None of the folders is there.

    """
    agents = [agent] if agent else list(TITLES)
    folders = [
        (each, folder)
        for each in agents
        for folder in ([Path(root)] if root else roots(environ, each))
    ]
    found = [(name, folder) for name, folder in folders if folder.is_dir()]
    if not found:
        raise NoAgentError([str(folder) for _, folder in folders])

    return [_target(name, folder, environ) for name, folder in found]


def roots(environ: Mapping[str, str], agent: str) -> list[Path]:
    """Return the folders in which *agent* may keep its settings, each once."""
    home = Path(paths.home(environ))
    configured = config.read([], environ).agent(agent).roots
    if agent == "codex":
        own = _listed(environ, "CODEX_HOME", home) or [home / ".codex"]
    else:
        usual = [Path(paths.config_home(environ)) / "claude", home / ".claude"]
        own = _listed(environ, "CLAUDE_CONFIG_DIR", home) or usual

    found = [_without_leaf(each) for each in (*own, *configured)]
    return list(dict.fromkeys(found))


def _listed(environ: Mapping[str, str], name: str, home: Path) -> list[Path]:
    entries = (each.strip() for each in environ.get(name, "").split(","))
    return [
        home / each[2:] if each.startswith("~/") else Path(each)
        for each in entries
        if each
    ]


def _without_leaf(root: Path) -> Path:
    """Return the folder of settings where a root names that of transcripts."""
    leaves = {"projects", "sessions", "archived_sessions"}
    return root.parent if root.name in leaves else root


def _target(agent: str, folder: Path, environ: Mapping[str, str]) -> Target:
    path = folder / FILES[agent]
    command = {"type": "command", "command": command_of(agent), "timeout": TIMEOUT_S}
    if agent == "codex":
        return Target(agent, path, {event: dict(command) for event in CODEX_EVENTS})

    version = claude_version(environ, folder) or UNKNOWN_VERSION
    known = [event for event, since in CLAUDE_EVENTS.items() if since <= version]
    return Target(
        agent,
        path,
        {event: dict(command) for event in known},
        tuple(event for event in CLAUDE_EVENTS if event not in known),
    )


def command_of(agent: str) -> str:
    """Return the command line that *agent* shall run.

    Whatever becomes of our program, a missing file or one too old to know the command,
    this succeeds and says nothing: an agent takes status 2 for a veto.
    """
    script = Path(sys.executable).with_name("jarvisctl")
    program = shlex.quote(str(script))
    if not script.is_file():
        program = f"{shlex.quote(sys.executable)} -m jarvisd.client.main"

    return f"{program} hook {agent} >/dev/null 2>&1 || true"


def claude_version(environ: Mapping[str, str], folder: Path) -> Version | None:
    """Return the version of the oldest Claude Code there is; None if none tells."""
    home = Path(paths.home(environ))
    places = (folder / "local" / "claude", home / ".local" / "bin" / "claude")
    found = shutil.which("claude", path=environ.get("PATH"))
    programs = [each for each in map(str, places) if os.access(each, os.X_OK)]
    versions = [
        version
        for program in {os.path.realpath(each) for each in (*programs, found) if each}
        if (version := _version(program, environ)) is not None
    ]
    return min(versions, default=None)


def _version(program: str, environ: Mapping[str, str]) -> Version | None:
    try:
        told = subprocess.run(
            [program, "--version"],
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=VERSION_LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None

    numbers = _VERSION.search(told.stdout.decode(errors="replace"))
    return tuple(map(int, numbers.groups())) if numbers else None


def advice(target: Target) -> str:
    """Return what else a person must do, now that the hooks are in the file."""
    if target.agent == "claude":
        return (
            "Claude Code runs them in new sessions; restart a session that was open "
            "already if no hook comes from it."
        )

    off = _is_switched_off(target.path.with_name("config.toml"))
    switch = "set `hooks = true` under `[features]` in config.toml"
    return (
        "Codex runs no hook that you have not trusted: start it, enter `/hooks` and "
        f"trust those of jarvisctl. {'First ' if off else 'If it knows no `/hooks`, '}"
        f"{switch}."
    )


def _is_switched_off(path: Path) -> bool:
    try:
        features = tomllib.loads(path.read_text(encoding="utf-8")).get("features", {})
    except (OSError, ValueError):
        return False

    if not isinstance(features, dict):
        return False

    return features.get("hooks", features.get("codex_hooks")) is False
