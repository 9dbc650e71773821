"""Which folders are looked through: what agents use and what the user configured."""

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from jarvisd.base import paths
from jarvisd.config import Config
from jarvisd.core.agent import AgentRegistry
from jarvisd.core.roots import Tree


def configured_trees(
    config: Config, environ: Mapping[str, str], agents: AgentRegistry
) -> tuple[Tree, ...]:
    """Return every tree of every enabled agent, each folder once.

    Roots that are links are resolved here and only here, so that a root which is
    listed twice, or reached by two names, is read once.
    """
    home = Path(paths.home(environ))
    found: dict[tuple[str, str], Tree] = {}
    for agent in agents:
        settings = config.agent(agent.name)
        if not settings.enabled:
            continue

        for tree in agent.roots(environ, home, settings.roots):
            real = os.path.realpath(tree.root)
            resolved = msgspec.structs.replace(tree, root=Path(real))
            found.setdefault((agent.name, real), resolved)

    return tuple(found.values())
