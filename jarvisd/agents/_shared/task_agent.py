"""Extensions of editors that are made after Cline, and differ in a few words."""

from collections.abc import Mapping
from pathlib import Path

from jarvisd.agents._shared.outline import of_objects
from jarvisd.agents._shared.task_places import task_trees
from jarvisd.core.agent import About, Agent, AgentReader, ReaderContext
from jarvisd.core.message import Said
from jarvisd.core.roots import Tree
from jarvisd.core.sources.jsonlines.lines import Condenser
from jarvisd.core.traits import Traits


def task_agent(
    name: str,
    title: str,
    about: About,
    *,
    extension: str,
    below_home: tuple[str, ...] = (),
    shows_waits: bool = False,
) -> Agent:
    """Return the agent whose tasks the editor *extension* keeps.

    *below_home* are further folders of tasks. *shows_waits* means that its dialogs are
    known to wait where they are written.
    """

    def roots(
        environ: Mapping[str, str], home: Path, configured: tuple[Path, ...]
    ) -> tuple[Tree, ...]:
        further = (*(home / each for each in below_home), *configured)
        return task_trees(name, extension, environ, home, further)

    def reader(context: ReaderContext, saved: bytes) -> AgentReader:
        from jarvisd.agents._shared.task_read import TaskReader  # noqa: PLC0415 - loaded at first use

        return TaskReader(context, saved, shows_waits=shows_waits)

    return Agent(
        name=name,
        title=title,
        roots=roots,
        reader=reader,
        condense=_condense,
        outline=of_objects,
        traits=Traits(has_states=True, questions=frozenset({"ask_followup_question"})),
        messages=_messages,
        about=about,
    )


def _condense() -> Condenser:
    from jarvisd.agents._shared.task_read import condense  # noqa: PLC0415 - loaded at first use

    return condense()


def _messages(text: bytes) -> Said | None:
    from jarvisd.agents._shared.task_read import spoken  # noqa: PLC0415 - loaded at first use

    return spoken(text)
