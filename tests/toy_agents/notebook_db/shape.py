"""The shape of a row of Notebook DB, as its query makes it: what the reader needs."""

from msgspec import Raw, Struct

from jarvisd.agents._shared.decode import ABSENT
from jarvisd.agents._shared.numbers import Milliseconds, Time, TokenCount


class DatabaseTokens(Struct, gc=False):
    """Token counts of a response. *input* includes what was read from the cache."""

    input: TokenCount = 0
    cached: TokenCount = 0
    output: TokenCount = 0
    reasoning: TokenCount = 0


class DatabaseCall(Struct, gc=False):
    """A tool call, within the message that asks for it."""

    id: str = ""
    tool: str = ""
    status: str = ""
    ms: Milliseconds | None = None


class MessageData(Struct, gc=False):
    """The JSON of a message."""

    role: str = ""
    version: str | None = None
    model: str | None = None
    tokens: DatabaseTokens | None = None
    calls: tuple[DatabaseCall, ...] = ()
    finish: str | None = None
    text: Raw = ABSENT


class DatabaseRow(Struct, gc=False):
    """A row of `session` or `message`; each has its own columns."""

    table: str = ""
    id: str | None = None
    folder: str | None = None
    title: str | None = None
    created: Time | None = None
    updated: Time | None = None
    data: MessageData | None = None
