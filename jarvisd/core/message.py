"""What somebody says in a line of an agent's output."""

from enum import StrEnum

import msgspec


class Role(StrEnum):
    """Who speaks."""

    USER = "user"
    ASSISTANT = "assistant"
    SYSTEM = "system"
    TOOL = "tool"


class Said(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a line of an agent's output says, in words.

    *key* is the agent's own id of it; None if it has none.
    """

    role: Role
    content: str
    at_ms: int | None = None
    key: str | None = None
