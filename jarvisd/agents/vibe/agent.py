"""Mistral Vibe, as the daemon and the command line know it."""

from jarvisd.agents._shared.outline import of_objects
from jarvisd.agents.vibe.about import ABOUT
from jarvisd.agents.vibe.places import find
from jarvisd.agents.vibe.traits import TESTED, TRAITS
from jarvisd.core.agent import Agent, AgentReader, ReaderContext
from jarvisd.core.message import Said
from jarvisd.core.presence_evidence import Evidence
from jarvisd.core.sources.jsonlines.lines import Condenser


def _reader(context: ReaderContext, saved: bytes) -> AgentReader:
    from jarvisd.agents.vibe.read import VibeReader  # noqa: PLC0415 - loaded at first use

    return VibeReader(context, saved)


def _condense() -> Condenser:
    from jarvisd.agents.vibe.read import condense  # noqa: PLC0415 - loaded at first use

    return condense()


def _presence() -> Evidence:
    from jarvisd.agents.vibe.presence import EVIDENCE  # noqa: PLC0415 - loaded at first use

    return EVIDENCE


def _messages(text: bytes) -> Said | None:
    from jarvisd.agents.vibe.messages import spoken  # noqa: PLC0415 - loaded at first use

    return spoken(text)


AGENT = Agent(
    name="vibe",
    title="Mistral Vibe",
    roots=find,
    reader=_reader,
    condense=_condense,
    outline=of_objects,
    traits=TRAITS,
    presence=_presence,
    messages=_messages,
    about=ABOUT,
    tested=TESTED,
)
