"""Kilo Code, as the daemon and the command line know it."""

from collections.abc import Mapping
from pathlib import Path

from jarvisd.agents._shared.outline import of_objects
from jarvisd.agents._shared.task_places import task_trees
from jarvisd.agents.kilo_code.about import ABOUT
from jarvisd.core.agent import Agent, AgentReader, ReaderContext
from jarvisd.core.message import Said
from jarvisd.core.roots import Tree
from jarvisd.core.sources.jsonlines.lines import Condenser
from jarvisd.core.traits import Traits

EXTENSION = "kilocode.kilo-code"


def _roots(
    environ: Mapping[str, str], home: Path, configured: tuple[Path, ...]
) -> tuple[Tree, ...]:
    further = (*configured,)
    return task_trees("kilo_code", EXTENSION, environ, home, further)


def _reader(context: ReaderContext, saved: bytes) -> AgentReader:
    from jarvisd.agents._shared.task_read import TaskReader  # noqa: PLC0415 - loaded at first use

    return TaskReader(context, saved, shows_waits=False)


def _condense() -> Condenser:
    from jarvisd.agents._shared.task_read import condense  # noqa: PLC0415 - loaded at first use

    return condense()


def _messages(text: bytes) -> Said | None:
    from jarvisd.agents._shared.task_read import spoken  # noqa: PLC0415 - loaded at first use

    return spoken(text)


AGENT = Agent(
    name="kilo_code",
    title="Kilo Code",
    roots=_roots,
    reader=_reader,
    condense=_condense,
    outline=of_objects,
    traits=Traits(has_states=True, questions=frozenset({"ask_followup_question"})),
    messages=_messages,
    about=ABOUT,
)
