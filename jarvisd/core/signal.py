"""Evidence on sessions from outside their transcripts: signals, without content.

Three sorts of witnesses: the agent's own live registry, hooks that the agent runs, and
what the system knows of processes.
"""

import msgspec

from jarvisd.core.origin import SessionId


class _Signal(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    pass


class HookCalled(_Signal, frozen=True, kw_only=True, gc=False):
    """The agent ran one of its hooks.

    Attributes:
        agent: Whose hook.
        session_id: The agent's own id of the session; that of a subagent is
            `PARENT/agent-ID`, as everywhere.
        event: The agent's own name of it: PreToolUse, PermissionRequest, Stop ...
        at_ms: When it was run, Unix ms.
        tool: The tool it is about.
        call_id: The call it is about.
        agent_id: The subagent it is about.
        detail: The word that tells events of one name apart: the source of a
            SessionStart, the reason of a SessionEnd, the trigger of a compaction, the
            type of a Notification.
        mode: The permission mode, in the agent's own word.
        pid: The agent's process, if the hook could tell.
        cwd: The working folder.
        transcript: The path of the session's transcript.

    """

    agent: str
    session_id: SessionId
    event: str
    at_ms: int
    tool: str | None = None
    call_id: str | None = None
    agent_id: str | None = None
    detail: str | None = None
    mode: str | None = None
    pid: int | None = None
    cwd: str | None = None
    transcript: str | None = None


class RegistryRead(_Signal, frozen=True, kw_only=True, gc=False):
    """The agent's own registry says what a living process of it is doing.

    *status* and *waiting_for* are the agent's own words; None if it does not say. It
    was checked that the process is alive and the one that is meant. *at_ms* is since
    when it does so, by the agent's own account. If the entry is taken away and the
    process lives, this comes once more, with a status of None.
    """

    agent: str
    session_id: SessionId
    pid: int
    status: str | None
    waiting_for: str | None = None
    at_ms: int
    cwd: str | None = None


class ProcessFound(_Signal, frozen=True, kw_only=True, gc=False):
    """A living process works on a session.

    Told once for each session and process, and once more if a guess becomes sure.

    Attributes:
        agent: Whose process.
        session_id: The session.
        pid: The process.
        started_ms: When it was started, Unix ms.
        how: How the two were joined, for people: "registry", "open transcript", "lock",
            "hook", "folder and start time".
        is_sure: Nothing else can be meant. A guess is never reason to call a session
            ended when the process goes.
        headless: It ends with its turn, by design.
        took_up_ms: When it took up the session after another one (`/clear`, `/resume`);
            None if it has worked on it from its start.

    """

    agent: str
    session_id: SessionId
    pid: int
    started_ms: int
    how: str
    is_sure: bool = True
    headless: bool = False
    took_up_ms: int | None = None

    @property
    def since_ms(self) -> int:
        """Return since when it works on the session."""
        return self.started_ms if self.took_up_ms is None else self.took_up_ms


class ProcessGone(_Signal, frozen=True, kw_only=True, gc=False):
    """The process of a session is gone, or works on it no longer.

    *tidy* is True if it took its registry entry or lock with it, or gave the session up
    and lives on (`/clear`, a server that let go of a thread). It is False if it left
    that behind, and None where there is no such thing to tell by. *at_ms* is when; of a
    process that died while nobody watched it, the last sign of its life.
    """

    agent: str
    session_id: SessionId
    pid: int
    at_ms: int
    tidy: bool | None = None


class ProcessesChecked(_Signal, frozen=True, kw_only=True, gc=False):
    """All processes of this user were checked for a session without a known process.

    *can_own* is False if none of them can be at work on it: no process of its agent
    that works on nothing else was there when its newest line was written.
    """

    agent: str
    session_id: SessionId
    at_ms: int
    can_own: bool


class OutputClosed(_Signal, frozen=True, kw_only=True, gc=False):
    """What a session prints was handed to us, and whoever did so is done or gone."""

    agent: str
    session_id: SessionId
    at_ms: int


class ToolRuns(_Signal, frozen=True, kw_only=True, gc=False):
    """A process of a tool call of the session was seen: the call was allowed.

    *call_id* is the call, if the process names it; *at_ms* is when it was seen.
    """

    agent: str
    session_id: SessionId
    call_id: str | None
    at_ms: int


class CommandSeen(_Signal, frozen=True, kw_only=True, gc=False):
    """The process of a session runs a command that was started while a dialog was open.

    *since_ms* is when the newest was seen first, *ended_ms* when the last was gone. It
    is of this session: no other of the process was at work.
    """

    agent: str
    session_id: SessionId
    pid: int
    since_ms: int
    ended_ms: int | None = None


class Dialog(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A dialog that a hook told of and that is open, and the process *pid* it is in."""

    agent: str
    session_id: SessionId
    pid: int


Signal = (
    HookCalled
    | RegistryRead
    | ProcessFound
    | ProcessGone
    | ProcessesChecked
    | OutputClosed
    | ToolRuns
    | CommandSeen
)
