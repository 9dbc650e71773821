"""Params and results of the methods `conversations.*`."""

from typing import Annotated

import msgspec

from jarvisd.base.wire_types import Params, Result, Text, Whole
from jarvisd.conversations.model import (
    ConversationId,
    ConversationView,
    MessageId,
    MessageView,
    Metadata,
)
from jarvisd.core.message import Role
from jarvisd.core.origin import SessionId

MAX_CONTENT_CHARS = 256 * 1024
MAX_NAME_CHARS = 256
MAX_LISTED = 1_000
MAX_METADATA = 64
DEFAULT_LISTED = 50
DEFAULT_MESSAGES = 200
DEFAULT_RECALLED = 20
EARLIEST_MS = 946_684_800_000
"""2000-01-01 UTC: an earlier time is the result of a wrong clock."""

LATEST_MS = 4_102_444_800_000
"""2100-01-01 UTC, exclusive, for the same reason."""

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME_CHARS)]
Content = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_CONTENT_CHARS)]
Moment = Annotated[int, msgspec.Meta(ge=EARLIEST_MS, lt=LATEST_MS)]
Hours = Annotated[float, msgspec.Meta(ge=0, le=1_000_000)]
Listed = Annotated[int, msgspec.Meta(ge=0, le=MAX_LISTED)]
Attached = Annotated[Metadata, msgspec.Meta(max_length=MAX_METADATA)]


class ConversationParams(Params, frozen=True, kw_only=True):
    """Parameters of a method about conversations."""


class ConversationsGetOrCreate(ConversationParams, frozen=True, kw_only=True):
    """Return a person's conversation; create one if there is none or it is over.

    A person who is linked to *channel* as *channel_user_id* is identified by that,
    whatever the *user_id*. A conversation is over when its last message is more than
    `max_age_hours` old; this call does not keep it alive. *display_name* and *metadata*
    replace the stored values, if given.
    """

    user_id: Name
    channel: Name | None = None
    channel_user_id: Name | None = None
    display_name: Text | None = None
    metadata: Attached | None = None


class ConversationsGetOrCreateResult(Result, frozen=True, kw_only=True):
    """The conversation, and whether it was just created."""

    conversation: ConversationView
    created: bool


class ConversationsSaveMessage(ConversationParams, frozen=True, kw_only=True):
    """Add a message to a conversation.

    *at_ms* is the time of writing, Unix ms, by default now; messages are ordered by
    arrival all the same. *key* is the client's own name of the message: of several with
    the same key only the first is saved, so that a retry is harmless.
    """

    conversation_id: ConversationId
    role: Role
    content: Content
    channel: Annotated[str, msgspec.Meta(max_length=MAX_NAME_CHARS)] = ""
    at_ms: Moment | None = None
    metadata: Attached = msgspec.field(default_factory=dict)
    key: Name | None = None


class ConversationsSaveMessageResult(Result, frozen=True, kw_only=True):
    """The result of saving, sent only after the message is on disk.

    *repeated* is True if a message with this key existed, and nothing has changed.
    """

    message_id: MessageId
    message_count: int
    repeated: bool


class ConversationsLinkChannel(ConversationParams, frozen=True, kw_only=True):
    """Link a person's identity on a channel to a conversation.

    An identity belongs to one conversation at most: one that is linked to another is
    moved if *move* is set, and refused with `channel_taken` otherwise.
    """

    conversation_id: ConversationId
    channel: Name
    channel_user_id: Name
    move: bool = False


class ConversationsLinkChannelResult(Result, frozen=True, kw_only=True):
    """The conversation after the change, and the one that lost the channel, if any."""

    conversation: ConversationView
    moved_from: ConversationId | None


class ConversationsResolve(ConversationParams, frozen=True, kw_only=True):
    """Return the conversation that a person's identity on a channel is linked to."""

    channel: Name
    channel_user_id: Name


class ConversationsList(ConversationParams, frozen=True, kw_only=True):
    """List conversations, newest activity first.

    Without *active_only*, those that are over are included. *max_age_hours* replaces
    the configured age.
    """

    active_only: bool = True
    max_age_hours: Hours | None = None
    limit: Listed = DEFAULT_LISTED


class ConversationsListResult(Result, frozen=True, kw_only=True):
    """Conversations without their messages; `message_count` is the number of those."""

    conversations: list[ConversationView]


class ConversationsMessages(ConversationParams, frozen=True, kw_only=True):
    """Return the newest messages of a conversation, or the newest *before* one."""

    conversation_id: ConversationId
    limit: Listed = DEFAULT_MESSAGES
    before: Whole | None = None


class ConversationsMessagesResult(Result, frozen=True, kw_only=True):
    """Messages in the order of arrival, the summary of older ones first.

    *more* is True if there are older ones: request those `before` the first.
    """

    messages: list[MessageView]
    more: bool


class ConversationsConsolidate(ConversationParams, frozen=True, kw_only=True):
    """Fold the oldest half of a conversation into its summary now.

    A conversation with half of *threshold* messages or less is left unchanged.
    """

    conversation_id: ConversationId
    threshold: Whole | None = None


class ConversationsConsolidateResult(Result, frozen=True, kw_only=True):
    """The number of messages that were folded, and of those that are left."""

    folded: int
    message_count: int


class ConversationsDecay(ConversationParams, frozen=True, kw_only=True):
    """Remove conversations without a message for more than *max_age_hours*.

    The daemon does so periodically with the configured age.
    """

    max_age_hours: Hours | None = None


class ConversationsDecayResult(Result, frozen=True, kw_only=True):
    """The number of conversations that were removed, with all their messages."""

    removed: int


class ConversationsRecall(ConversationParams, frozen=True, kw_only=True):
    """Search messages, newest first; without *words*, return the newest.

    A message must contain all *words*. *folder* restricts the search to agents'
    messages in the projects below it or, if there are none, in the project that
    contains it.
    """

    words: Text = ""
    folder: Text | None = None
    limit: Listed = DEFAULT_RECALLED


class RecallHit(Result, frozen=True, kw_only=True):
    """A message with its conversation and project."""

    conversation_id: ConversationId
    project: str | None
    message: MessageView


class ConversationsRecallResult(Result, frozen=True, kw_only=True):
    """Messages, newest first."""

    hits: list[RecallHit]


class ConversationsForget(ConversationParams, frozen=True, kw_only=True):
    """Remove messages permanently; give exactly one of the parameters.

    They are also removed from the search index and from free pages of the database.
    Backups that are made from now on do not contain them.
    """

    session_id: SessionId | None = None
    project: Text | None = None
    conversation_id: ConversationId | None = None
    everything: bool = False


class ConversationsForgetResult(Result, frozen=True, kw_only=True):
    """The numbers of removed conversations and messages.

    *summaries* counts those that lost their quotes, or were removed. *old_backups* is
    the number of backups that still contain the messages; the last is replaced at
    *old_backups_until_ms*, Unix ms.
    """

    conversations: int
    messages: int
    summaries: int
    old_backups: int
    old_backups_until_ms: int | None


CONVERSATION_METHODS: dict[str, tuple[type[Params], type[msgspec.Struct]]] = {
    "conversations.get_or_create": (
        ConversationsGetOrCreate,
        ConversationsGetOrCreateResult,
    ),
    "conversations.save_message": (
        ConversationsSaveMessage,
        ConversationsSaveMessageResult,
    ),
    "conversations.link_channel": (
        ConversationsLinkChannel,
        ConversationsLinkChannelResult,
    ),
    "conversations.resolve": (ConversationsResolve, ConversationView),
    "conversations.list": (ConversationsList, ConversationsListResult),
    "conversations.messages": (ConversationsMessages, ConversationsMessagesResult),
    "conversations.consolidate": (
        ConversationsConsolidate,
        ConversationsConsolidateResult,
    ),
    "conversations.decay": (ConversationsDecay, ConversationsDecayResult),
    "conversations.recall": (ConversationsRecall, ConversationsRecallResult),
    "conversations.forget": (ConversationsForget, ConversationsForgetResult),
}
