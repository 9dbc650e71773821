"""An agent: everything that the daemon and the command line need to know of one program.

An agent is a package with a module `agent` that holds its `Agent` value as `AGENT`.
`agent.py` is pure and cheap to import; what an agent needs only while its sessions are
read (its reader, what it leaves beside its logs, the words of its messages) is imported
by the functions below when they are called first.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Protocol

import msgspec

from jarvisd.core.agent_folders import agent_names
from jarvisd.core.drift import Tested
from jarvisd.core.hook_settings import HookSettings
from jarvisd.core.message import Said
from jarvisd.core.origin import SessionId
from jarvisd.core.presence_evidence import Evidence
from jarvisd.core.record import Drift, Record
from jarvisd.core.roots import Tree
from jarvisd.core.signal import HookCalled
from jarvisd.core.sources.jsonlines.lines import Condense
from jarvisd.core.status_line import StatusLineRead
from jarvisd.core.traits import NO_TRAITS, Traits

FindRoots = Callable[[Mapping[str, str], Path, tuple[Path, ...]], tuple[Tree, ...]]
"""(environ, home, configured roots) -> the trees where logs may lie."""


class ReaderContext(msgspec.Struct, frozen=True, gc=False):
    """What is known of a stream from outside: whose it is, and where, by its name."""

    session_id: SessionId | None = None
    parent_session_id: SessionId | None = None
    cwd: str | None = None


class AgentReader(Protocol):
    """Reads the items of one stream, in order: one reader for each stream.

    Pure and total: no clock, no file, and whatever the bytes are, `read` returns a
    record, or None for an item that is malformed. It remembers what its format needs
    from item to item. A reader that is made of the saved memory of another one gives
    the same records as that one would have.
    """

    def read(self, text: bytes, *, offset: int) -> Record | None:
        """Return the record of the item *text*, or None if it is malformed.

        *offset* is where a line starts in its file, and for an item of another kind of
        source a number that no other item of the stream has.
        """
        ...

    def memory(self) -> bytes:
        """Return the encoded state of the reader, which is saved with the cursor."""
        ...


ReaderFactory = Callable[[ReaderContext, bytes], AgentReader]
"""(context, saved memory) -> the reader of one stream; b"" at the start of a stream."""


class Outline(Protocol):
    """The outline of some lines of one stream that are only counted."""

    @property
    def others(self) -> frozenset[int]:
        """The indices of those that are malformed."""
        ...

    def times(self) -> tuple[int, ...]:
        """Return times that include the first and the last one."""
        ...

    def session_id(self) -> SessionId | None:
        """Return the first session that is named, if any is."""
        ...

    def cwds(self) -> tuple[str, ...]:
        """Return the working folders that are named first and last; or none."""
        ...


Outlined = Callable[[Sequence[bytes]], Outline]
"""lines, without their ends -> their outline."""


class ReadHook(Protocol):
    """One payload of a hook -> its call; None if it cannot be read."""

    def __call__(self, payload: bytes, *, at_ms: int) -> HookCalled | None:
        """Read *payload*, which came at *at_ms*."""
        ...


class ReadStatusLine(Protocol):
    """One input of a status line -> its values; None if it cannot be read."""

    def __call__(self, payload: bytes, *, at_ms: int) -> StatusLineRead | None:
        """Read *payload*, which came at *at_ms*."""
        ...


def no_hooks(payload: bytes, *, at_ms: int) -> HookCalled | None:  # noqa: ARG001 - the signature is that of the others
    """Return None: the agent has no hooks."""
    return None


def no_status_line(payload: bytes, *, at_ms: int) -> StatusLineRead | None:  # noqa: ARG001 - the signature is that of the others
    """Return None: the agent has no status line that a program could fill."""
    return None


def no_messages(_text: bytes) -> Said | None:
    """Return None: no item of the agent is known to be words."""
    return None


def no_drift(_text: bytes) -> tuple[Drift, ...]:
    """Return that nothing is unknown: no field of the agent is looked for."""
    return ()


def no_presence() -> Evidence | None:
    """Return None: the agent leaves nothing that shows which sessions are alive."""
    return None


class About(msgspec.Struct, frozen=True, kw_only=True):
    """How right the figures of an agent are, for people.

    Attributes:
        exact: What its logs report.
        estimated: What is computed or concluded from them.
        unknowable: What happens and is in no log.
        interrupted_output: The output tokens that it logs of a response whose stream
            was cut, with its whole prompt; None if it logs nothing of such a response.
        unlogged: The kinds of requests that are in no log, as truth files call them.
        uncounted: The token counts that are in no log, as truth files call them.

    """

    exact: str
    estimated: str
    unknowable: str
    interrupted_output: int | None = None
    unlogged: frozenset[str] = frozenset()
    uncounted: frozenset[str] = frozenset()


class Agent(msgspec.Struct, frozen=True, kw_only=True):
    """One agent.

    Attributes:
        name: What it is called in every answer.
        title: What people call it.
        version: Raised when its reader gives other records for the same items; what was
            read with an older one is read again.
        roots: Where its logs may lie.
        reader: Makes the reader of one stream.
        condense: Makes a small line of a long one, of which `reader` and `messages` say
            the same.
        outline: What lines say together where they are only counted.
        undated: Its lines bear no times: those that come live happen as they come.
        only_counts: The user wants its lines to be counted, and no more.
        traits: What engines have to know of it to judge its sessions.
        presence: What it leaves beside its logs that shows which sessions are alive.
        hooks: What a payload of one of its hooks says.
        status_line: What an input of its status line says.
        messages: The words of one item; asked only where conversations are recorded,
            and only of items whose record has a speaker.
        settings: How commands are entered that it runs at its hooks; None if it has none.
        about: How right its figures are.
        tested: The versions whose logs were read in tests; None if it has no versions.
        inspect: What is unknown in an item, by name; slower than the reader, and asked
            only of versions newer than those tested.

    """

    name: str
    title: str = ""
    version: int = 1
    roots: FindRoots
    reader: ReaderFactory
    condense: Condense
    outline: Outlined
    undated: bool = False
    only_counts: bool = False
    traits: Traits = NO_TRAITS
    presence: Callable[[], Evidence | None] = no_presence
    hooks: ReadHook = no_hooks
    status_line: ReadStatusLine = no_status_line
    messages: Callable[[bytes], Said | None] = no_messages
    settings: HookSettings | None = None
    about: About
    tested: Tested | None = None
    inspect: Callable[[bytes], tuple[Drift, ...]] = no_drift


class AgentRegistry:
    """All agents by name, and the one that reads the output of any other program."""

    def __init__(self, agents: Iterable[Agent], *, fallback: str = "text") -> None:
        self._agents = {each.name: each for each in agents}
        self._fallback = self._agents[fallback]

    def __iter__(self) -> Iterator[Agent]:
        return iter(self._agents.values())

    def __contains__(self, name: str) -> bool:
        return name in self._agents

    def __getitem__(self, name: str) -> Agent:
        return self._agents[name]

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of all agents that can be read."""
        return tuple(self._agents)

    def named(self, name: str) -> Agent:
        """Return the agent *name*, or one that reads plain text under that name."""
        known = self._agents.get(name)
        if known is not None:
            return known

        return msgspec.structs.replace(self._fallback, name=name, title="")

    def traits_of(self, name: str) -> Traits:
        """Return the traits of the agent *name*, however much of it is read."""
        return self.named(name).traits

    def presence_of(self, name: str) -> Evidence | None:
        """Return the evidence of presence of the agent *name*, or None if it has none."""
        return self.named(name).presence()

    def replaced(self, *agents: Agent) -> "AgentRegistry":
        """Return the same agents, but for *agents*, which replace those of their names."""
        return AgentRegistry(
            {**self._agents, **{each.name: each for each in agents}}.values()
        )


def discover_agents(*packages: str) -> AgentRegistry:
    """Return the agents of *packages*; a later package replaces agents of the same name."""
    found: dict[str, Agent] = {}
    for package in packages:
        for name in agent_names(package):
            agent: Agent = import_module(f"{package}.{name}.agent").AGENT
            found[agent.name] = agent

    return AgentRegistry(found.values())
