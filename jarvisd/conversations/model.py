"""A conversation: of one person across channels, or of the agents in one project."""

from typing import NewType

import msgspec

from jarvisd.core.message import Role
from jarvisd.core.origin import SessionId

ConversationId = NewType("ConversationId", str)
"""16 lower-case hex digits."""

MessageId = NewType("MessageId", int)
"""Ascending in the order of arrival, whatever the timestamps of messages are."""

Scalar = str | int | float | bool | None
Metadata = dict[str, Scalar]
"""Data that a client attaches: one flat object."""

MS_PER_HOUR = 3_600_000


class ConversationLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The maximum age and size of a conversation.

    One without a message for *max_age_hours* is over and may be removed. One of more
    than *threshold* messages has its oldest half folded into a summary.
    """

    max_age_hours: float
    threshold: int

    def oldest_ms(self, now_ms: int) -> int:
        """Return the earliest last activity of a conversation that is not over."""
        return oldest_ms(now_ms, self.max_age_hours)


def oldest_ms(now_ms: int, max_age_hours: float) -> int:
    """Return the time *max_age_hours* ago, Unix ms; activity at that time is recent."""
    return max(now_ms - round(max_age_hours * MS_PER_HOUR), -(2**53))


class Channel(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The identity of a person on a channel."""

    channel: str
    channel_user_id: str


class ConversationView(msgspec.Struct, frozen=True, kw_only=True):
    """One conversation as clients see it, without its messages.

    *message_count* excludes the summary, which replaces *folded_count* messages.
    *project* is the folder of a conversation that was recorded from agents. *corrupt*
    is True if a part of it could not be read and is shown empty. Times are Unix ms.
    """

    conversation_id: ConversationId
    user_id: str
    display_name: str
    project: str | None
    channels: list[Channel]
    created_ms: int
    last_activity_ms: int
    message_count: int
    folded_count: int
    metadata: Metadata
    corrupt: bool = False


class MessageView(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One message as clients see it.

    *folded* is above 0 for a summary only: the number of messages that it replaces.
    *channel* is "" if none was given. *corrupt* is True if its metadata could not be
    read.
    """

    message_id: MessageId
    role: str
    content: str
    channel: str
    at_ms: int
    folded: int = 0
    metadata: Metadata = {}
    corrupt: bool = False


class RecordedMessage(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A message in an agent's log, before it is stored.

    *origin* identifies it, so that it is stored once however often its line is read.
    """

    origin: int
    project: str
    agent: str
    session_id: SessionId | None
    role: Role
    content: str
    at_ms: int
