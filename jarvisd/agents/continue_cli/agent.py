"""Continue, as the daemon and the command line know it."""

from jarvisd.agents._shared.outline import of_objects
from jarvisd.agents.continue_cli.about import ABOUT
from jarvisd.agents.continue_cli.places import find
from jarvisd.agents.continue_cli.traits import TESTED, TRAITS
from jarvisd.core.agent import Agent, AgentReader, ReaderContext
from jarvisd.core.message import Said
from jarvisd.core.presence_evidence import Evidence
from jarvisd.core.record import Drift
from jarvisd.core.sources.jsonlines.lines import Condenser


def _reader(context: ReaderContext, saved: bytes) -> AgentReader:
    from jarvisd.agents.continue_cli.read import ContinueReader  # noqa: PLC0415 - loaded at first use

    return ContinueReader(context, saved)


def _condense() -> Condenser:
    from jarvisd.agents.continue_cli.read import condense  # noqa: PLC0415 - loaded at first use

    return condense()


def _presence() -> Evidence:
    from jarvisd.agents.continue_cli.presence import EVIDENCE  # noqa: PLC0415 - loaded at first use

    return EVIDENCE


def _messages(text: bytes) -> Said | None:
    from jarvisd.agents.continue_cli.messages import spoken  # noqa: PLC0415 - loaded at first use

    return spoken(text)


def _inspect(text: bytes) -> tuple[Drift, ...]:
    from jarvisd.agents.continue_cli.unknown import drift_in  # noqa: PLC0415 - loaded at first use

    return drift_in(text)


AGENT = Agent(
    name="continue_cli",
    title="Continue",
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
