"""What agents leave beside their logs that shows which sessions are alive.

Some keep a registry: a folder with a file for each living process. Some keep locks: a
folder with a file for each session, locked as long as somebody may write to it. Where
these lie, what is in them and how an agent's processes are known is data here; who
looks, and how often, is the business of `jarvisd.presence`.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec

from jarvisd.core.origin import SessionId
from jarvisd.core.process import ProcessRole

MAX_ENTRY_BYTES = 64 * 1024
"""A hundred times what an entry of a registry takes."""


class RegistryEntry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one file of a registry says; None where it does not.

    Attributes:
        pid: The process that wrote it.
        session_id: The session that this works on now.
        status: The agent's word for what it is doing.
        waiting_for: The agent's word for what it waits for.
        at_ms: Since when it is doing that.
        written_ms: When it was written last.
        cwd: The working folder.
        start: What the agent knows of its own start: on Linux, the 22nd number of
            /proc/PID/stat.
        namespace: The namespace in which *pid* is meant, as /proc/PID/ns/pid calls it.
        is_provisional: The process has only just started, and may go on with an older
            session instead of this one.

    """

    pid: int
    session_id: SessionId
    status: str | None = None
    waiting_for: str | None = None
    at_ms: int | None = None
    written_ms: int | None = None
    cwd: str | None = None
    start: str | None = None
    namespace: str | None = None
    is_provisional: bool = False


class Registry(msgspec.Struct, frozen=True, kw_only=True):
    """A folder with a file for each living process.

    Attributes:
        folder: Given the root of a tree of transcripts, where it lies, if anywhere.
        pid_of: Given the name of a file in it, whose process's it is, or None.
        decode: What a file says. None if it says nothing yet: it is written anew in
            place, and so may be read when it is half there.

    """

    folder: Callable[[Path], Path | None]
    pid_of: Callable[[str], int | None]
    decode: Callable[[bytes], RegistryEntry | None]


class Locks(msgspec.Struct, frozen=True, kw_only=True):
    """A folder with a file for each session, locked while its writer lives.

    Attributes:
        folder: Given the root of a tree of transcripts, where it lies, if anywhere.
        session_of: Given the name of a file in it, whose lock it is, or None.
        created_ms: When a session of such a file was created, if its id says so.

    """

    folder: Callable[[Path], Path | None]
    session_of: Callable[[str], SessionId | None]
    created_ms: Callable[[SessionId], int | None] = lambda _: None


class SessionFiles(msgspec.Struct, frozen=True, kw_only=True):
    """Files beside the log of a session that name the processes which have it open.

    Attributes:
        names: Given the name of a log and a function that lists its folder, the names
            of the files that may be there.
        pid_of: Given such a name and a function that reads the file, its process, or
            None. Not asked of files that are locked.
        are_locked: Their processes lock them, and leave them when they end. They are not
            opened.

    """

    names: Callable[[str, Callable[[], Iterable[str]]], Iterable[str]]
    pid_of: Callable[[str, Callable[[], bytes]], int | None] = lambda _, __: None
    are_locked: bool = False


class ToolMarks(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The variables by which the process of a tool call names its *session* and *call*."""

    session: str
    call: str


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What one agent leaves.

    Attributes:
        role: What a process with these arguments is there for; None if it is another
            program.
        registry: Its registry, if it keeps one.
        locks: Its locks, if it keeps any.
        session_files: Its files beside the logs of open sessions, if it makes any. It
            removes those that are not locked when it ends in order.
        named_folder: The working folder that the arguments of a process name, if any.
        tool_marks: How processes of its tool calls are marked, if nothing else tells
            that a call was allowed.

    """

    role: Callable[[Sequence[str]], ProcessRole | None]
    registry: Registry | None = None
    locks: Locks | None = None
    session_files: SessionFiles | None = None
    named_folder: Callable[[Sequence[str]], str | None] = lambda _: None
    tool_marks: ToolMarks | None = None
