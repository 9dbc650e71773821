"""Aider, as the daemon and the command line know it."""

from jarvisd.agents._shared.outline import of_text
from jarvisd.agents.aider.about import ABOUT
from jarvisd.agents.aider.places import find
from jarvisd.agents.aider.traits import TESTED, TRAITS
from jarvisd.core.agent import Agent, AgentReader, ReaderContext
from jarvisd.core.message import Said
from jarvisd.core.presence_evidence import Evidence
from jarvisd.core.sources.jsonlines.lines import Condenser


def _reader(context: ReaderContext, saved: bytes) -> AgentReader:
    from jarvisd.agents.aider.read import AiderReader  # noqa: PLC0415 - loaded at first use

    return AiderReader(context, saved)


def _condense() -> Condenser:
    from jarvisd.agents.aider.read import AiderLine  # noqa: PLC0415 - loaded at first use

    return AiderLine()


def _presence() -> Evidence:
    from jarvisd.agents.aider.presence import EVIDENCE  # noqa: PLC0415 - loaded at first use

    return EVIDENCE


def _messages(text: bytes) -> Said | None:
    from jarvisd.agents.aider.messages import spoken  # noqa: PLC0415 - loaded at first use

    return spoken(text)


AGENT = Agent(
    name="aider",
    title="Aider",
    roots=find,
    reader=_reader,
    condense=_condense,
    outline=of_text,
    undated=True,
    traits=TRAITS,
    presence=_presence,
    messages=_messages,
    about=ABOUT,
    tested=TESTED,
)
