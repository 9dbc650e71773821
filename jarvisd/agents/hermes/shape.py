"""The shapes of Hermes: of rows of its database as the queries give them."""

from msgspec import Raw, Struct

from jarvisd.agents._shared.decode import ABSENT
from jarvisd.agents._shared.numbers import (
    Dollars,
    ExitCode,
    Ordinal,
    Requests,
    Time,
    TokenCount,
)


class CallFunction(Struct, gc=False):
    """The tool that is asked for, and its arguments as a text of JSON."""

    name: str = ""
    arguments: Raw = ABSENT


class HermesCall(Struct, gc=False):
    """A tool call of an answer."""

    id: str | None = None
    call_id: str | None = None
    function: CallFunction | None = None


class CallContent(Struct, gc=False):
    """What a tool gave back, as far as it tells how that went."""

    exit_code: ExitCode | None = None
    success: bool | None = None
    status: str | None = None
    error: Raw = ABSENT
    delegation_id: str | None = None


class HermesRow(Struct, gc=False):
    """One row: of a session, of a message, or of the counters of a model.

    Attributes:
        table: `sessions`, `messages` or `session_model_usage`.
        session: Whose row it is.
        id: The number of a message.
        parent: The session that delegated to this one.
        folder: The working folder of the session.
        branch: The branch that was checked out when it began.
        at: When a message was written, or counters changed last, Unix seconds.
        first: When counters changed first.
        title: What the session is called.
        role: Whose message it is.
        content: Its text; of a tool mostly JSON.
        calls: The calls that an answer asks for.
        call: The call that a result is of, and *tool* its tool.
        finish: Why an answer ended.
        model: The model of the counters; *task* what it was asked for, "" to answer.
        key: What distinguishes the counters from others of the session.

    """

    table: str = ""
    session: str | None = None
    id: Ordinal | None = None
    parent: str | None = None
    folder: str | None = None
    branch: str | None = None
    at: Time | None = None
    first: Time | None = None
    title: str | None = None
    role: str = ""
    content: Raw = ABSENT
    calls: tuple[HermesCall, ...] | None = None
    call: str | None = None
    tool: str | None = None
    finish: str | None = None
    model: str | None = None
    task: str = ""
    key: str = ""
    requests: Requests = 0
    input: TokenCount = 0
    output: TokenCount = 0
    cache_read: TokenCount = 0
    cache_write: TokenCount = 0
    reasoning: TokenCount = 0
    estimated: Dollars = 0.0
    actual: Dollars = 0.0
