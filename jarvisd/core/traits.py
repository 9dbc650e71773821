"""What engines have to know of an agent to judge its sessions: its words, as data.

One value for each agent, in its folder (`jarvisd.agents.NAME.traits`). The type is here
because agents and engines may not import each other: the composition root hands the
values on. Names of tools are in lower case, unless said otherwise.
"""

from collections.abc import Callable, Mapping
from enum import Enum, auto
from typing import NamedTuple

import msgspec

from jarvisd.core.event import Trouble

_NOTHING: frozenset[str] = frozenset()


class Moment(Enum):
    """What has happened when an agent runs a hook."""

    SESSION_STARTED = auto()
    SESSION_ENDED = auto()
    PROMPTED = auto()
    TURN_ENDED = auto()
    TURN_FAILED = auto()
    """An error of the provider ended the turn."""
    SUBAGENT_STARTED = auto()
    SUBAGENT_ENDED = auto()
    CALLING = auto()
    """A tool is about to be called; leave may still be needed."""
    ASKING = auto()
    """A person is asked for leave."""
    DENIED = auto()
    CALLED = auto()
    CALL_FAILED = auto()
    NOTIFIED = auto()
    COMPACTING = auto()
    COMPACTED = auto()


class HookWords(msgspec.Struct, frozen=True, kw_only=True):
    """The words of an agent's hooks.

    Attributes:
        moments: What has happened, by the name of the hook.
        compacted: The detail of a session's start that only goes on behind a compaction.
        interrupted: The detail of a failed call that a person stopped.
        idle: The detail of a notification that only repeats that a prompt is awaited.
        form: The detail of a notification of a dialog with a form to fill in.
        dialogs: The details of notifications of any dialog.
        limit: The detail of a failed turn where a limit of the plan is reached.
        troubles: What a person has to see to, by the detail of a failed turn.
        failures: The other way round: the detail that stands for each trouble.

    """

    moments: Mapping[str, Moment] = msgspec.field(default_factory=dict)
    compacted: str = ""
    interrupted: str = ""
    idle: str = ""
    form: str = ""
    dialogs: frozenset[str] = _NOTHING
    limit: str = ""
    troubles: Mapping[str, Trouble] = msgspec.field(default_factory=dict)
    failures: Mapping[str, str] = msgspec.field(default_factory=dict)

    def name_of(self, moment: Moment) -> str:
        """Return the name of the hook of *moment*; "" if there is none."""
        found = (name for name, each in self.moments.items() if each is moment)
        return next(found, "")


class RegistryWords(msgspec.Struct, frozen=True, kw_only=True):
    """The words of an agent's registry of living processes.

    Attributes:
        working: The statuses of a session at work.
        resting: The statuses of a session whose turn is over.
        background: The one of those that tells of commands in the background.
        waiting: The status of a session that needs a person.
        approvals: What it waits for where a person must allow or refuse something.
        answers: What it waits for where a person must choose or type.
        menu: The one of those that may also be a menu which the person opened.

    """

    working: frozenset[str] = _NOTHING
    resting: frozenset[str] = _NOTHING
    background: str = ""
    waiting: str = ""
    approvals: frozenset[str] = _NOTHING
    answers: frozenset[str] = _NOTHING
    menu: str = ""


class Worktree(NamedTuple):
    """The project that a folder, by its path, is a worktree of.

    Attributes:
        project: The folder of the project; if it is not exact, one of the same name.
        is_exact: The path tells where the project is, and not its name only.

    """

    project: str
    is_exact: bool = True


WorktreeRule = Callable[[str], Worktree | None]
"""A folder -> the project of that worktree; None if its path names none."""


def no_worktree(_folder: str) -> Worktree | None:
    """Return that the path of a folder does not show it as a worktree."""
    return None


def no_account(_path: str) -> str | None:
    """Return None: the path of a transcript names no account."""
    return None


class Traits(msgspec.Struct, frozen=True, kw_only=True):
    """What is peculiar to one agent; the default is what is known of an unknown one.

    Attributes:
        account: The key of the account that a transcript is of, by its path: what
            stands for the configuration folder that it is below. None if it is in none.
        worktree: Which project a folder is a worktree of that the agent made.
        has_states: Its output tells what its sessions are doing.
        questions: Tools that wait for a person's words by what they are.
        edits: Tools that would be done at once if they were let.
        polling: Tools that are called alike again and again, by design.
        survivors: Tools whose results come after the turn, by design; as they are
            written.
        free_modes: Modes in which nobody is asked.
        self_answering_modes: Modes in which a program answers, and a person only if it
            cannot.
        edit_modes: Modes in which edits need no leave.
        starts_with_prompt: The hook of a session's start runs with the first prompt,
            when a turn has begun.
        estimates_tokens: Its token counts are its own estimates, not the provider's.
        subagents_end_with_turn: Nobody can prompt a subagent again: it is over with its
            turn.
        hooks: The words of its hooks.
        registry: The words of its registry.

    """

    account: Callable[[str], str | None] = no_account
    worktree: WorktreeRule = no_worktree
    has_states: bool = False
    questions: frozenset[str] = _NOTHING
    edits: frozenset[str] = _NOTHING
    polling: frozenset[str] = _NOTHING
    survivors: frozenset[str] = _NOTHING
    free_modes: frozenset[str] = _NOTHING
    self_answering_modes: frozenset[str] = _NOTHING
    edit_modes: frozenset[str] = _NOTHING
    starts_with_prompt: bool = False
    estimates_tokens: bool = False
    subagents_end_with_turn: bool = False
    hooks: HookWords = HookWords()
    registry: RegistryWords = RegistryWords()

    def is_question(self, tool: str | None) -> bool:
        """Whether *tool* waits for a person's words, and not for leave."""
        return tool is not None and tool.lower() in self.questions


TraitsOf = Callable[[str], Traits]
"""The traits of an agent, by its name."""

NO_TRAITS = Traits()


def no_traits(_agent: str) -> Traits:
    """Return that nothing is known of the agent."""
    return NO_TRAITS
