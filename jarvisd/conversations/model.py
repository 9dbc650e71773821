"""A conversation: one person's thread across channels, or that of a project's agents."""

from typing import NewType

import msgspec

from jarvisd.core.message import Role
from jarvisd.core.origin import SessionId

ConversationId = NewType("ConversationId", str)
"""16 lower-case hex digits."""

MessageId = NewType("MessageId", int)
"""The order in which messages came, whatever their timestamps say."""

Scalar = str | int | float | bool | None
Metadata = dict[str, Scalar]
"""What a client attaches: one flat object."""

MAX_AGE_HOURS = 24.0
"""After this long without a message a conversation is over, and may be removed."""

THRESHOLD = 100
"""More messages than this are folded: the oldest half into a summary."""

MS_PER_HOUR = 3_600_000


class ConversationLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How long and how large a conversation may grow."""

    max_age_hours: float = MAX_AGE_HOURS
    threshold: int = THRESHOLD

    def oldest_ms(self, now_ms: int) -> int:
        """Return the earliest last activity of a conversation that is not over."""
        return oldest_ms(now_ms, self.max_age_hours)


def oldest_ms(now_ms: int, max_age_hours: float) -> int:
    """Return the moment *max_age_hours* ago, Unix ms; what is as old is not too old."""
    return max(now_ms - round(max_age_hours * MS_PER_HOUR), -(2**53))


class Channel(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Who somebody is on a channel."""

    channel: str
    channel_user_id: str


class ConversationView(msgspec.Struct, frozen=True, kw_only=True):
    """One conversation as clients see it, without its messages.

    *message_count* leaves out the summary, which stands for *folded_count* messages
    that are there no more. *project* is the folder of a conversation recorded from
    agents. *corrupt* says that something stored of it could not be read and is shown
    empty. Times are Unix ms.
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

    *folded* is above 0 for a summary only: it stands for so many messages. *channel*
    is "" where none was told. *corrupt* says that its metadata could not be read.
    """

    message_id: MessageId
    role: str
    content: str
    channel: str
    at_ms: int
    folded: int = 0
    metadata: Metadata = {}
    corrupt: bool = False


class Recorded(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A message of a tailed agent on its way to the store.

    *origin* tells it from every other one, however often its line is read.
    """

    origin: int
    project: str
    agent: str
    session_id: SessionId | None
    role: Role
    content: str
    at_ms: int
