"""Messages in lines of an agent's output."""

from enum import StrEnum

import msgspec


class Role(StrEnum):
    """Who speaks."""

    USER = "user"
    ASSISTANT = "assistant"
    SYSTEM = "system"
    TOOL = "tool"


class Said(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The message in a line of an agent's output.

    *key* is the agent's own id of it; None if it has none.
    """

    role: Role
    content: str
    at_ms: int | None = None
    key: str | None = None
