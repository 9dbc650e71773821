"""What may be asked about conversations: Params and Result Structs, as in `methods`."""

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
"""2000-01-01 UTC: a message of an earlier time is of a wrong clock."""

LATEST_MS = 4_102_444_800_000
"""2100-01-01 UTC, likewise."""

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME_CHARS)]
Content = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_CONTENT_CHARS)]
Moment = Annotated[int, msgspec.Meta(ge=EARLIEST_MS, lt=LATEST_MS)]
Hours = Annotated[float, msgspec.Meta(ge=0, le=1_000_000)]
Listed = Annotated[int, msgspec.Meta(ge=0, le=MAX_LISTED)]
Attached = Annotated[Metadata, msgspec.Meta(max_length=MAX_METADATA)]


class ConversationParams(Params, frozen=True, kw_only=True):
    """Parameters of a method about conversations."""


class ConversationsGetOrCreate(ConversationParams, frozen=True, kw_only=True):
    """Ask for a person's conversation, a new one if there is none or it is over.

    Who is linked to *channel* as *channel_user_id* is known by that, whatever the
    *user_id*. A conversation is over when its last message is more than
    `max_age_hours` old; asking does not keep it alive. *display_name* and *metadata*
    replace what is stored, where given.
    """

    user_id: Name
    channel: Name | None = None
    channel_user_id: Name | None = None
    display_name: Text | None = None
    metadata: Attached | None = None


class ConversationsGetOrCreateResult(Result, frozen=True, kw_only=True):
    """The conversation, and whether it was made just now."""

    conversation: ConversationView
    created: bool


class ConversationsSaveMessage(ConversationParams, frozen=True, kw_only=True):
    """Add a message to a conversation.

    *at_ms* is when it was written, now if absent; messages are kept in the order in
    which they come all the same. Of several with the same *key*, the client's own name
    for it, only the first is taken: with one, a retry is harmless.
    """

    conversation_id: ConversationId
    role: Role
    content: Content
    channel: Annotated[str, msgspec.Meta(max_length=MAX_NAME_CHARS)] = ""
    at_ms: Moment | None = None
    metadata: Attached = msgspec.field(default_factory=dict)
    key: Name | None = None


class ConversationsSaveMessageResult(Result, frozen=True, kw_only=True):
    """Given only after the message is on the disk.

    *repeated* says that it was there before and nothing has changed.
    """

    message_id: MessageId
    message_count: int
    repeated: bool


class ConversationsLinkChannel(ConversationParams, frozen=True, kw_only=True):
    """Bind who somebody is on a channel to a conversation.

    Nobody is in two conversations: one who is in another is moved if *move* says so,
    and refused with `channel_taken` if not.
    """

    conversation_id: ConversationId
    channel: Name
    channel_user_id: Name
    move: bool = False


class ConversationsLinkChannelResult(Result, frozen=True, kw_only=True):
    """The conversation as it is now, and the one that lost the channel."""

    conversation: ConversationView
    moved_from: ConversationId | None


class ConversationsResolve(ConversationParams, frozen=True, kw_only=True):
    """Ask which conversation somebody on a channel is in."""

    channel: Name
    channel_user_id: Name


class ConversationsList(ConversationParams, frozen=True, kw_only=True):
    """Ask for conversations, newest activity first.

    Without *active_only* those that are over are given as well. *max_age_hours* takes
    the place of the configured age.
    """

    active_only: bool = True
    max_age_hours: Hours | None = None
    limit: Listed = DEFAULT_LISTED


class ConversationsListResult(Result, frozen=True, kw_only=True):
    """Conversations without their messages; `message_count` says how many there are."""

    conversations: list[ConversationView]


class ConversationsMessages(ConversationParams, frozen=True, kw_only=True):
    """Ask for the newest messages of a conversation, or the newest *before* one."""

    conversation_id: ConversationId
    limit: Listed = DEFAULT_MESSAGES
    before: Whole | None = None


class ConversationsMessagesResult(Result, frozen=True, kw_only=True):
    """Messages in the order in which they came, the summary of older ones first.

    *more* says that there are older ones: ask for those `before` the first.
    """

    messages: list[MessageView]
    more: bool


class ConversationsConsolidate(ConversationParams, frozen=True, kw_only=True):
    """Fold the oldest half of a conversation into its summary now.

    Nothing is folded of one with half of *threshold* messages or less.
    """

    conversation_id: ConversationId
    threshold: Whole | None = None


class ConversationsConsolidateResult(Result, frozen=True, kw_only=True):
    """How many messages were folded now, and how many are left."""

    folded: int
    message_count: int


class ConversationsDecay(ConversationParams, frozen=True, kw_only=True):
    """Remove conversations without a message for more than *max_age_hours*.

    The daemon does so by itself, with the configured age.
    """

    max_age_hours: Hours | None = None


class ConversationsDecayResult(Result, frozen=True, kw_only=True):
    """How many conversations were removed, with all their messages."""

    removed: int


class ConversationsRecall(ConversationParams, frozen=True, kw_only=True):
    """Search what was said, newest first; without *words*, what was said last.

    All *words* must be in a message. *folder* keeps what agents said in the projects
    below it, or where there is none, in the project that it lies in.
    """

    words: Text = ""
    folder: Text | None = None
    limit: Listed = DEFAULT_RECALLED


class RecallHit(Result, frozen=True, kw_only=True):
    """A message, and where it was said."""

    conversation_id: ConversationId
    project: str | None
    message: MessageView


class ConversationsRecallResult(Result, frozen=True, kw_only=True):
    """Messages, newest first."""

    hits: list[RecallHit]


class ConversationsForget(ConversationParams, frozen=True, kw_only=True):
    """Remove for ever what was said: give exactly one of the parameters.

    Words go from the search index and from the database's free pages as well. Backups
    that are made from now on do not have them.
    """

    session_id: SessionId | None = None
    project: Text | None = None
    conversation_id: ConversationId | None = None
    everything: bool = False


class ConversationsForgetResult(Result, frozen=True, kw_only=True):
    """What was removed.

    *summaries* counts those that lost their quotes, or were removed. *old_backups* were
    made before and still have it; the last is replaced at *old_backups_until_ms*.
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
