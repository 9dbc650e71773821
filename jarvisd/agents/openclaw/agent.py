"""OpenClaw, as the daemon and the command line know it."""

from jarvisd.agents._shared.outline import of_objects
from jarvisd.agents.openclaw.about import ABOUT
from jarvisd.agents.openclaw.places import find
from jarvisd.agents.openclaw.traits import TESTED, TRAITS
from jarvisd.core.agent import Agent, AgentReader, ReaderContext
from jarvisd.core.message import Said
from jarvisd.core.presence_evidence import Evidence
from jarvisd.core.record import Drift
from jarvisd.core.sources.jsonlines.lines import Condenser


def _reader(context: ReaderContext, saved: bytes) -> AgentReader:
    from jarvisd.agents.openclaw.read import OpenclawReader  # noqa: PLC0415 - loaded at first use

    return OpenclawReader(context, saved)


def _condense() -> Condenser:
    from jarvisd.agents._shared.entry_reader import condense  # noqa: PLC0415 - loaded at first use

    return condense()


def _presence() -> Evidence:
    from jarvisd.agents.openclaw.presence import EVIDENCE  # noqa: PLC0415 - loaded at first use

    return EVIDENCE


def _messages(text: bytes) -> Said | None:
    from jarvisd.agents.openclaw.messages import spoken  # noqa: PLC0415 - loaded at first use

    return spoken(text)


def _inspect(text: bytes) -> tuple[Drift, ...]:
    from jarvisd.agents._shared.entry_drift import (  # noqa: PLC0415 - loaded at first use
        drift_in,
    )

    return drift_in(text)


AGENT = Agent(
    name="openclaw",
    title="OpenClaw",
    roots=find,
    reader=_reader,
    condense=_condense,
    outline=of_objects,
    traits=TRAITS,
    presence=_presence,
    messages=_messages,
    about=ABOUT,
    tested=TESTED,
    inspect=_inspect,
)
