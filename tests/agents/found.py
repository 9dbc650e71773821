"""The agents that come with the daemon, as tests use them, and those of the tests."""

from importlib import import_module
from pathlib import Path

from jarvisd import agents
from jarvisd.core.agent import (
    Agent,
    AgentReader,
    ReaderContext,
    discover_agents,
)
from jarvisd.core.agent_folders import agent_names
from jarvisd.core.origin import Origin
from jarvisd.core.record import Record
from tests import toy_agents

AGENTS = discover_agents(agents.__name__)
PACKAGES = (agents.__name__, toy_agents.__name__)
ALL_AGENTS = discover_agents(*PACKAGES)
"""Those of the tests as well: what every agent promises, they promise too."""
traits_of = AGENTS.traits_of


def agent_folders() -> dict[str, Path]:
    """Return the folder of each of ALL_AGENTS."""
    found = {}
    for package in PACKAGES:
        for name in agent_names(package):
            file = import_module(f"{package}.{name}").__file__
            assert file is not None
            found[name] = Path(file).parent

    return found


def fresh_reader(agent: str | Agent, origin: Origin | None = None) -> AgentReader:
    """Return the reader of a stream from its start."""
    found = ALL_AGENTS[agent] if isinstance(agent, str) else agent
    context = ReaderContext()
    if origin is not None:
        context = ReaderContext(origin.session_id, origin.parent_session_id)

    return found.reader(context, b"")


def read_alone(agent: str, text: bytes, *, offset: int = 0) -> Record | None:
    """Return the record of one item, by a reader that has read nothing before."""
    return fresh_reader(agent).read(text, offset=offset)
