"""Claude Code, as the daemon and the command line know it."""

from jarvisd.agents._shared.outline import of_objects
from jarvisd.agents.claude.about import ABOUT
from jarvisd.agents.claude.places import find
from jarvisd.agents.claude.settings import SETTINGS
from jarvisd.agents.claude.traits import TESTED, TRAITS
from jarvisd.core.agent import Agent, AgentReader, ReaderContext
from jarvisd.core.message import Said
from jarvisd.core.presence_evidence import Evidence
from jarvisd.core.record import Drift
from jarvisd.core.signal import HookCalled
from jarvisd.core.sources.jsonlines.lines import Condenser
from jarvisd.core.status_line import StatusLineRead


def _reader(context: ReaderContext, saved: bytes) -> AgentReader:
    from jarvisd.agents.claude.read import ClaudeReader  # noqa: PLC0415 - loaded at first use

    return ClaudeReader(context, saved)


def _condense() -> Condenser:
    from jarvisd.agents.claude.read import condense  # noqa: PLC0415 - loaded at first use

    return condense()


def _presence() -> Evidence:
    from jarvisd.agents.claude.presence import EVIDENCE  # noqa: PLC0415 - loaded at first use

    return EVIDENCE


def _hooks(payload: bytes, *, at_ms: int) -> HookCalled | None:
    from jarvisd.agents.claude.hooks import hooked  # noqa: PLC0415 - loaded at first use

    return hooked(payload, at_ms=at_ms)


def _status_line(payload: bytes, *, at_ms: int) -> StatusLineRead | None:
    from jarvisd.agents.claude.status_line import status_line  # noqa: PLC0415 - loaded at first use

    return status_line(payload, at_ms=at_ms)


def _messages(text: bytes) -> Said | None:
    from jarvisd.agents.claude.messages import spoken  # noqa: PLC0415 - loaded at first use

    return spoken(text)


def _inspect(text: bytes) -> tuple[Drift, ...]:
    from jarvisd.agents.claude.usage import drift_in  # noqa: PLC0415 - loaded at first use

    return drift_in(text)


AGENT = Agent(
    name="claude",
    title="Claude Code",
    version=4,
    roots=find,
    reader=_reader,
    condense=_condense,
    outline=of_objects,
    traits=TRAITS,
    presence=_presence,
    hooks=_hooks,
    status_line=_status_line,
    messages=_messages,
    settings=SETTINGS,
    about=ABOUT,
    tested=TESTED,
    inspect=_inspect,
)
