"""The agents whose output can be read, each as the same three things.

A parser forgets: it is a pure function of one line, and what must be remembered from
line to line is the business of accumulators. It is total: whatever the bytes, it
returns a record, or None for a line that is no JSON object. docs/internals/agents.md says how
another agent is added; tests/agents/test_contract.py holds every one of them to it.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import msgspec

from jarvisd.agents import claude, codex
from jarvisd.agents._shared import hooks, outline, plain_text
from jarvisd.agents._shared.condense import Head
from jarvisd.agents._shared.outline import Outlined
from jarvisd.agents._shared.presence import Evidence
from jarvisd.agents._shared.settings import HookSettings
from jarvisd.agents._shared.unknown_fields import no_drift
from jarvisd.conversations.model import Said
from jarvisd.core.drift import Tested
from jarvisd.core.record import Drift, Record
from jarvisd.core.roots import Tree
from jarvisd.core.sources.jsonlines.lines import Condense
from jarvisd.core.status_line import StatusLineRead
from jarvisd.core.traits import NO_TRAITS, Traits

Find = Callable[[Mapping[str, str], Path, tuple[Path, ...]], tuple[Tree, ...]]
"""(environ, home, configured roots) -> the trees where transcripts may lie."""


class Parse(Protocol):
    """What one line says; None if it is malformed."""

    def __call__(self, text: bytes, *, offset: int) -> Record | None:
        """Read the line *text*, without its line end, which starts at *offset*."""
        ...


class ReadStatusLine(Protocol):
    """What one input of a status line says; None if it says nothing."""

    def __call__(self, payload: bytes, *, at_ms: int) -> StatusLineRead | None:
        """Read *payload*, which came at *at_ms*."""
        ...


def silent(_text: bytes) -> Said | None:
    """Return None: of an agent of unknown form no line is known to be words."""
    return None


def no_status_line(payload: bytes, *, at_ms: int) -> StatusLineRead | None:  # noqa: ARG001 - the signature is that of the others
    """Return None: most agents have no status line that a program could fill."""
    return None


class Agent(msgspec.Struct, frozen=True, kw_only=True):
    """One agent.

    Attributes:
        name: What it is called in every answer.
        title: What people call it.
        find: Where its transcripts may lie.
        parse: What one line says.
        condense: Makes a small line of a long one, of which `parse` says the same.
        spoken: The words of one line; asked only where conversations are recorded, and
            only of lines whose record has a speaker.
        evidence: What it leaves beside its transcripts that tells of living sessions.
        hooked: What a payload of one of its hooks says.
        status_line: What an input of its status line says.
        tested: The versions whose logs were read in tests; None if it has no versions.
        inspect: What is unknown in a line, by name; slower than `parse`, and asked
            only of versions newer than those tested.
        traits: What engines have to know of it to judge its sessions.
        settings: How commands are entered that it shall run at its hooks; None if it
            has none.
        version: Raised when `parse` says something else about the same line; what was
            read with an older one is read again.
        outlined: What lines say together where they are only counted; None where the
            books take in each of them.

    """

    name: str
    title: str = ""
    find: Find
    parse: Parse
    condense: Condense = Head
    spoken: Callable[[bytes], Said | None] = silent
    evidence: Evidence | None = None
    hooked: hooks.Hooked = hooks.silent
    status_line: ReadStatusLine = no_status_line
    tested: Tested | None = None
    inspect: Callable[[bytes], tuple[Drift, ...]] = no_drift
    traits: Traits = NO_TRAITS
    settings: HookSettings | None = None
    version: int = 1
    outlined: Outlined | None = None


TEXT = Agent(name="text", find=plain_text.find, parse=plain_text.parse)
"""Any output whose agent is not known."""

AGENTS = {
    each.name: each
    for each in (
        Agent(
            name="claude",
            title="Claude Code",
            find=claude.find,
            parse=claude.parse,
            condense=claude.condense,
            spoken=claude.spoken,
            evidence=claude.EVIDENCE,
            hooked=claude.hooked,
            status_line=claude.status_line,
            tested=claude.TESTED,
            inspect=claude.drift_in,
            traits=claude.TRAITS,
            settings=claude.SETTINGS,
            version=4,
        ),
        Agent(
            name="codex",
            title="Codex",
            find=codex.find,
            parse=codex.parse,
            condense=codex.condense,
            spoken=codex.spoken,
            evidence=codex.EVIDENCE,
            hooked=codex.hooked,
            tested=codex.TESTED,
            inspect=codex.drift_in,
            traits=codex.TRAITS,
            settings=codex.SETTINGS,
            version=3,
        ),
        TEXT,
    )
}


def agent_named(name: str) -> Agent:
    """Return the agent *name*, or one that reads plain text under that name."""
    known = AGENTS.get(name)
    if known is not None:
        return known

    return Agent(name=name, find=TEXT.find, parse=TEXT.parse)


def traits_of(name: str) -> Traits:
    """Return the traits of the agent *name*, however much of it is read."""
    return agent_named(name).traits


def only_counted(agent: Agent) -> Agent:
    """Return *agent* as one whose lines are counted and dated, and no more."""
    is_text = agent.parse is TEXT.parse
    return Agent(
        name=agent.name,
        find=agent.find,
        parse=agent.parse,
        condense=agent.condense,
        outlined=outline.of_text if is_text else outline.of_objects,
    )
