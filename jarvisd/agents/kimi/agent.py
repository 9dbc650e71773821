"""Kimi Code, as the daemon and the command line know it."""

from jarvisd.agents._shared.outline import of_objects
from jarvisd.agents.kimi.about import ABOUT
from jarvisd.agents.kimi.places import find
from jarvisd.agents.kimi.traits import TESTED, TRAITS
from jarvisd.core.agent import Agent, AgentReader, ReaderContext
from jarvisd.core.message import Said
from jarvisd.core.presence_evidence import Evidence
from jarvisd.core.sources.jsonlines.lines import Condenser


def _reader(context: ReaderContext, saved: bytes) -> AgentReader:
    from jarvisd.agents.kimi.read import KimiReader  # noqa: PLC0415 - loaded at first use

    return KimiReader(context, saved)


def _condense() -> Condenser:
    from jarvisd.agents.kimi.read import condense  # noqa: PLC0415 - loaded at first use

    return condense()


def _presence() -> Evidence:
    from jarvisd.agents.kimi.presence import EVIDENCE  # noqa: PLC0415 - loaded at first use

    return EVIDENCE


def _messages(text: bytes) -> Said | None:
    from jarvisd.agents.kimi.messages import spoken  # noqa: PLC0415 - loaded at first use

    return spoken(text)


AGENT = Agent(
    name="kimi",
    title="Kimi Code",
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
