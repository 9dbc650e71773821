"""The agents that come with the daemon, as tests use them."""

from jarvisd import agents
from jarvisd.core.agent import Agent, AgentReader, ReaderContext, discover_agents
from jarvisd.core.origin import Origin
from jarvisd.core.record import Record

AGENTS = discover_agents(agents.__name__)
traits_of = AGENTS.traits_of


def fresh_reader(agent: str | Agent, origin: Origin | None = None) -> AgentReader:
    """Return the reader of a stream from its start."""
    found = AGENTS[agent] if isinstance(agent, str) else agent
    context = ReaderContext()
    if origin is not None:
        context = ReaderContext(origin.session_id, origin.parent_session_id)

    return found.reader(context, b"")


def read_alone(agent: str, text: bytes, *, offset: int = 0) -> Record | None:
    """Return what one item says to a reader that has read nothing before."""
    return fresh_reader(agent).read(text, offset=offset)
