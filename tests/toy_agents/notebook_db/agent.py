"""Notebook DB, as the daemon and the command line know it."""

from jarvisd.agents._shared.outline import of_objects
from jarvisd.core.agent import Agent, AgentReader, ReaderContext
from jarvisd.core.sources.jsonlines.lines import Condenser
from tests.toy_agents.notebook_db.about import ABOUT
from tests.toy_agents.notebook_db.places import find
from tests.toy_agents.notebook_db.traits import TESTED, TRAITS


def _reader(context: ReaderContext, saved: bytes) -> AgentReader:
    from tests.toy_agents.notebook_db.read import (  # noqa: PLC0415 - loaded at first use
        DatabaseRowReader,
    )

    return DatabaseRowReader(context, saved)


def _condense() -> Condenser:
    from tests.toy_agents.notebook_db.read import (  # noqa: PLC0415 - loaded at first use
        condense,
    )

    return condense()


AGENT = Agent(
    name="notebook_db",
    title="Notebook DB",
    roots=find,
    reader=_reader,
    condense=_condense,
    outline=of_objects,
    traits=TRAITS,
    about=ABOUT,
    tested=TESTED,
)
