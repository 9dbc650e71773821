"""Codex, as the daemon and the command line know it."""

from jarvisd.agents._shared.outline import of_objects
from jarvisd.agents.codex.about import ABOUT
from jarvisd.agents.codex.places import find
from jarvisd.agents.codex.settings import SETTINGS
from jarvisd.agents.codex.traits import TESTED, TRAITS
from jarvisd.core.agent import Agent, AgentReader, ReaderContext
from jarvisd.core.message import Said
from jarvisd.core.presence_evidence import Evidence
from jarvisd.core.record import Drift
from jarvisd.core.signal import HookCalled
from jarvisd.core.sources.jsonlines.lines import Condenser


def _reader(context: ReaderContext, saved: bytes) -> AgentReader:
    from jarvisd.agents.codex.read import CodexReader  # noqa: PLC0415 - loaded at first use

    return CodexReader(context, saved)


def _condense() -> Condenser:
    from jarvisd.agents.codex.read import condense  # noqa: PLC0415 - loaded at first use

    return condense()


def _presence() -> Evidence:
    from jarvisd.agents.codex.presence import EVIDENCE  # noqa: PLC0415 - loaded at first use

    return EVIDENCE


def _hooks(payload: bytes, *, at_ms: int) -> HookCalled | None:
    from jarvisd.agents.codex.hooks import hooked  # noqa: PLC0415 - loaded at first use

    return hooked(payload, at_ms=at_ms)


def _messages(text: bytes) -> Said | None:
    from jarvisd.agents.codex.messages import spoken  # noqa: PLC0415 - loaded at first use

    return spoken(text)


def _inspect(text: bytes) -> tuple[Drift, ...]:
    from jarvisd.agents.codex.usage import drift_in  # noqa: PLC0415 - loaded at first use

    return drift_in(text)


AGENT = Agent(
    name="codex",
    title="Codex",
    version=3,
    roots=find,
    reader=_reader,
    condense=_condense,
    outline=of_objects,
    traits=TRAITS,
    presence=_presence,
    hooks=_hooks,
    messages=_messages,
    settings=SETTINGS,
    about=ABOUT,
    tested=TESTED,
    inspect=_inspect,
)
