"""The files that configure agents to run our hooks: which, and with what in them.

What each agent wants is its own (`jarvisd.agents.NAME.settings`). None is configured to run our
command in the background: events would overtake each other.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jarvisd import agents, config
from jarvisd.base import paths
from jarvisd.base.errors import JarvisError
from jarvisd.core.agent import discover_agents
from jarvisd.core.hook_settings import HookSettings, Version

TIMEOUT_S = 2
"""For the agent to give up on our command, which takes 0.2 s at most. Codex allows no
more than 3 s at the end of a session, Claude Code 1.5 s for all hooks together."""

VERSION_LIMIT_S = 10.0

AGENTS = discover_agents(agents.__name__)

SETTINGS = {each.name: each.settings for each in AGENTS if each.settings is not None}
"""The agents whose hooks can be installed."""

_VERSION = re.compile(r"\b(\d+)\.(\d+)\.(\d+)\b")


class NoAgentError(JarvisError):
    """There is no agent whose hooks could be installed."""

    code = "no_agent"

    def __init__(self, looked: list[str]) -> None:
        where = ", ".join(looked)
        super().__init__(f"no agent has a folder here; looked for {where}")


@dataclass(frozen=True, slots=True)
class HookFile:
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
        return AGENTS[self.agent].title


def targets(
    environ: Mapping[str, str], agent: str | None, root: str | None
) -> list[HookFile]:
    """Return the files of *agent*, or of all of them; only in *root* if given.

    Raises:
        NoAgentError: None of the folders is there.

    """
    names = [agent] if agent else list(SETTINGS)
    folders = [
        (each, folder)
        for each in names
        for folder in ([Path(root)] if root else roots(environ, each))
    ]
    found = [(name, folder) for name, folder in folders if folder.is_dir()]
    if not found:
        raise NoAgentError([str(folder) for _, folder in folders])

    return [_target(name, folder, environ) for name, folder in found]


def roots(environ: Mapping[str, str], agent: str) -> list[Path]:
    """Return the folders in which *agent* may keep its settings, each once."""
    settings, home = SETTINGS[agent], Path(paths.home(environ))
    # As the daemon looks for transcripts, but for a relative XDG_CONFIG_HOME.
    usual = {**environ, "XDG_CONFIG_HOME": paths.config_home(environ)}
    configured = config.read([], environ).agent(agent).roots
    found = (*settings.folders(usual, home), *configured)
    folders = (root.parent if root.name in settings.leaves else root for root in found)
    return list(dict.fromkeys(folders))


def _target(agent: str, folder: Path, environ: Mapping[str, str]) -> HookFile:
    settings = SETTINGS[agent]
    command = {"type": "command", "command": command_of(agent), "timeout": TIMEOUT_S}
    version = version_of(settings, environ, folder)
    known = [event for event, since in settings.events.items() if since <= version]
    return HookFile(
        agent,
        folder / settings.file,
        {event: dict(command) for event in known},
        tuple(event for event in settings.events if event not in known),
    )


def command_of(agent: str) -> str:
    """Return the command line that *agent* shall run.

    Whatever becomes of our program, a missing file or one too old to know the command,
    this succeeds and says nothing: an agent takes status 2 for a veto.
    """
    script = Path(sys.executable).with_name("jarvisctl")
    program = shlex.quote(str(script))
    if not script.is_file():
        program = f"{shlex.quote(sys.executable)} -m jarvisd.cli.main"

    return f"{program} hook {agent} >/dev/null 2>&1 || true"


def version_of(
    settings: HookSettings, environ: Mapping[str, str], folder: Path
) -> Version:
    """Return the version of the oldest program of the agent there is."""
    if settings.program is None:
        return settings.oldest

    in_folder, in_home = settings.places
    places = (folder / in_folder, Path(paths.home(environ)) / in_home)
    found = shutil.which(settings.program, path=environ.get("PATH"))
    programs = [each for each in map(str, places) if os.access(each, os.X_OK)]
    versions = [
        version
        for program in {os.path.realpath(each) for each in (*programs, found) if each}
        if (version := _version(program, environ)) is not None
    ]
    return min(versions, default=settings.oldest)


def _version(program: str, environ: Mapping[str, str]) -> Version | None:
    try:
        printed = subprocess.run(
            [program, "--version"],
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=VERSION_LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None

    numbers = _VERSION.search(printed.stdout.decode(errors="replace"))
    return tuple(map(int, numbers.groups())) if numbers else None


def advice(target: HookFile) -> str:
    """Return the steps that are left to a person after the hooks were installed."""
    settings = SETTINGS[target.agent]
    if settings.advisor is None:
        return settings.advice("")

    try:
        path = target.path.with_name(settings.advisor)
        return settings.advice(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return settings.advice("")
