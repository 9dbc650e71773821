"""The shapes of opencode: of rows of its database, and of its older documents.

A row comes as the queries give it: the columns of a message or a part, what a part needs
of its message (`owner_...`), and the JSON of the row under `data`. A document of the
older storage is that JSON alone, so a row has its fields as well.
"""

from msgspec import Raw, Struct, field

from jarvisd.agents._shared.decode import ABSENT
from jarvisd.agents._shared.numbers import (
    Dollars,
    ExitCode,
    HttpStatus,
    Requests,
    TokenCount,
    WholeTime,
)


class CacheCounts(Struct, gc=False):
    """Tokens that were read from the provider's cache and written to it."""

    read: TokenCount = 0
    write: TokenCount = 0


class StepTokens(Struct, gc=False):
    """Token counts of a step; *input* leaves out the cache.

    *total* is their sum, and proves whether *output* holds *reasoning*.
    """

    input: TokenCount = 0
    output: TokenCount = 0
    reasoning: TokenCount = 0
    cache: CacheCounts | None = None
    total: TokenCount | None = None


class RowTimes(Struct, gc=False):
    """When a message was created and completed, or when a part started and ended.

    *compacted* is when the output of a call was dropped from the context, long after it
    came back.
    """

    created: WholeTime | None = None
    completed: WholeTime | None = None
    updated: WholeTime | None = None
    start: WholeTime | None = None
    end: WholeTime | None = None
    compacted: WholeTime | None = None


class CallMetadata(Struct, gc=False):
    """What a tool notes of its run. *approval* is of Kilo: who allowed the call."""

    exit: ExitCode | None = None
    approval: Raw = ABSENT


class CallState(Struct, gc=False):
    """How far a tool call is: pending, running, completed or error."""

    status: str = ""
    input: Raw = ABSENT
    error: Raw = ABSENT
    metadata: CallMetadata | None = None
    time: RowTimes | None = None


class CallInput(Struct, gc=False):
    """The arguments that name a skill or the type of a subagent."""

    subagent_type: str | None = None
    name: str | None = None


class FailureData(Struct, gc=False):
    """The details of an error."""

    status: HttpStatus | None = field(default=None, name="statusCode")


class Failure(Struct, gc=False):
    """What ended a message, or what an attempt failed with."""

    name: str | None = None
    data: FailureData | None = None


class PartMarks(Struct, gc=False):
    """What a program notes of a part. *lifecycle* is of Kilo."""

    lifecycle: str | None = field(default=None, name="kilocode.lifecycle")


class WorkingPath(Struct, gc=False):
    """The folder in which a message was answered."""

    cwd: str | None = None


class RowData(Struct, gc=False):
    """The JSON of a message, a part or a session."""

    type: str = ""
    role: str = ""
    title: str | None = None
    directory: str | None = None
    version: str | None = None
    session_id: str | None = field(default=None, name="sessionID")
    parent_id: str | None = field(default=None, name="parentID")
    model: str | None = field(default=None, name="modelID")
    provider: str | None = field(default=None, name="providerID")
    mode: str | None = None
    path: WorkingPath | None = None
    summary: Raw = ABSENT
    finish: str | None = None
    error: Failure | None = None
    tokens: StepTokens | None = None
    cost: Dollars = 0.0
    time: RowTimes | None = None
    text: Raw = ABSENT
    synthetic: bool | None = None
    ignored: bool | None = None
    metadata: PartMarks | None = None
    tool: str = ""
    call_id: str | None = field(default=None, name="callID")
    state: CallState | None = None
    reason: str | None = None
    auto: bool = False
    attempt: Requests | None = None


class OpencodeRow(RowData, gc=False):
    """One item: a row with its *table*, or an older document without one.

    Attributes:
        table: `session`, `message` or `part`.
        id: The agent's id of it.
        message: The message that a part is of.
        parent: The session that started this one.
        opened: When the session was created.
        created: When the row was inserted.
        updated: When it was written last.
        owner_role: Whose message it is that a part is of.
        owner_created: When that message was created.
        owner_completed: When it was completed.
        owner_model: The model that was asked for it.
        owner_provider: The provider of that model.
        owner_mode: `compaction` if it is the summary of the conversation.
        owner_finish: Why it ended.
        owner_error: The name of the error that ended it.
        data: The JSON of the row.

    """

    table: str = ""
    id: str | None = None
    message: str | None = None
    parent: str | None = None
    opened: WholeTime | None = None
    created: WholeTime | None = None
    updated: WholeTime | None = None
    owner_role: str | None = None
    owner_created: WholeTime | None = None
    owner_completed: WholeTime | None = None
    owner_model: str | None = None
    owner_provider: str | None = None
    owner_mode: str | None = None
    owner_finish: str | None = None
    owner_error: str | None = None
    data: RowData | None = None


def is_transient(data: RowData) -> bool:
    """Whether a part is shown for a moment and deleted again, as Kilo's spinners are."""
    return data.metadata is not None and data.metadata.lifecycle == "transient"
