"""gptme, as the daemon and the command line know it."""

from jarvisd.agents._shared.outline import of_objects
from jarvisd.agents.gptme.about import ABOUT
from jarvisd.agents.gptme.places import find
from jarvisd.agents.gptme.traits import TESTED, TRAITS
from jarvisd.core.agent import Agent, AgentReader, ReaderContext
from jarvisd.core.message import Said
from jarvisd.core.presence_evidence import Evidence
from jarvisd.core.record import Drift
from jarvisd.core.sources.jsonlines.lines import Condenser


def _reader(context: ReaderContext, saved: bytes) -> AgentReader:
    from jarvisd.agents.gptme.read import GptmeReader  # noqa: PLC0415 - loaded at first use

    return GptmeReader(context, saved)


def _condense() -> Condenser:
    from jarvisd.agents.gptme.read import condense  # noqa: PLC0415 - loaded at first use

    return condense()


def _presence() -> Evidence:
    from jarvisd.agents.gptme.presence import EVIDENCE  # noqa: PLC0415 - loaded at first use

    return EVIDENCE


def _messages(text: bytes) -> Said | None:
    from jarvisd.agents.gptme.messages import spoken  # noqa: PLC0415 - loaded at first use

    return spoken(text)


def _inspect(text: bytes) -> tuple[Drift, ...]:
    from jarvisd.agents.gptme.usage import drift_in  # noqa: PLC0415 - loaded at first use

    return drift_in(text)


AGENT = Agent(
    name="gptme",
    title="gptme",
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
