"""Handles the methods `conversations.*`: checks params, and runs units of the store."""

import hashlib
from asyncio import Future
from collections.abc import Awaitable, Callable
from functools import partial

import structlog

from jarvisd.base.clock import Clock
from jarvisd.base.errors import ProtocolError, protocol_error
from jarvisd.base.wire_types import Method, Params
from jarvisd.conversations import (
    messages_store,
    search_store,
)
from jarvisd.conversations import (
    store as conversations,
)
from jarvisd.conversations.messages_store import SaveMessage
from jarvisd.conversations.model import (
    Channel,
    ConversationId,
    ConversationLimits,
    ConversationView,
    oldest_ms,
)
from jarvisd.conversations.removal import ConversationRemoval
from jarvisd.conversations.wire import (
    ConversationsConsolidate,
    ConversationsConsolidateResult,
    ConversationsGetOrCreate,
    ConversationsGetOrCreateResult,
    ConversationsLinkChannel,
    ConversationsLinkChannelResult,
    ConversationsList,
    ConversationsListResult,
    ConversationsMessages,
    ConversationsMessagesResult,
    ConversationsRecall,
    ConversationsRecallResult,
    ConversationsResolve,
    ConversationsSaveMessage,
    ConversationsSaveMessageResult,
    RecallHit,
)
from jarvisd.core.storage.database_store import Store
from jarvisd.core.storage.group_commit import GroupCommit

log = structlog.get_logger()


class Conversations:
    """Handles the methods `conversations.*`.

    Args:
        store: The store of the conversations.
        group_commit: Commits the writes of many clients together.
        clock: The time of messages and of `decay`.
        limits: The configured maximum age and size of a conversation.
        flush: Stores messages of agents that are not stored yet.
        project_of: The project that a folder is of, if it is a worktree.

    Attributes:
        removal: Handles the methods that remove conversations.

    """

    def __init__(
        self,
        store: Store,
        group_commit: GroupCommit,
        clock: Clock,
        *,
        limits: ConversationLimits,
        flush: Callable[[], Awaitable[object]],
        project_of: Callable[[str], str] = str,
    ) -> None:
        self._store = store
        self._group_commit = group_commit
        self._clock = clock
        self._limits = limits
        self.removal = ConversationRemoval(
            store, group_commit, clock, limits=limits, flush=flush
        )
        self._project_of = project_of

    def methods(self) -> dict[type[Params], Method]:
        """Return the handler of each method, by the type of its params.

        It may raise ProtocolError: the params are invalid, or name no conversation. Or
        StoreError: the store could not be read or written.
        """
        return {
            ConversationsGetOrCreate: self._get_or_create,
            ConversationsSaveMessage: self.save_message,
            ConversationsLinkChannel: self._link_channel,
            ConversationsResolve: self._resolve,
            ConversationsList: self._list,
            ConversationsMessages: self._messages,
            ConversationsConsolidate: self._consolidate,
            ConversationsRecall: self._recall,
            **self.removal.methods(),
        }

    async def _get_or_create(
        self, params: ConversationsGetOrCreate
    ) -> ConversationsGetOrCreateResult:
        person = conversations.Person(
            params.user_id, _channel_of(params), params.display_name, params.metadata
        )
        now_ms = self._clock.unix_ms()
        found = await self._group_commit.write(
            partial(
                conversations.get_or_create,
                person=person,
                limits=self._limits,
                now_ms=now_ms,
            )
        )
        return ConversationsGetOrCreateResult(
            conversation=found.conversation, created=found.created
        )

    def save_message(
        self, params: ConversationsSaveMessage
    ) -> Future[ConversationsSaveMessageResult]:
        """Return a future with the result, done once the message is on disk.

        It fails with the errors of `answer`.
        """
        now_ms = self._clock.unix_ms()
        new = messages_store.NewMessage(
            params.conversation_id,
            params.role,
            params.content,
            params.channel,
            now_ms if params.at_ms is None else params.at_ms,
            params.metadata,
            None if params.key is None else _origin(params.conversation_id, params.key),
        )
        return self._group_commit.submit(
            SaveMessage(new, self._limits, now_ms),
            partial(_saved, params.conversation_id),
        )

    async def _link_channel(
        self, params: ConversationsLinkChannel
    ) -> ConversationsLinkChannelResult:
        channel = Channel(
            channel=params.channel, channel_user_id=params.channel_user_id
        )
        linked = await self._group_commit.write(
            partial(
                conversations.link_channel,
                id_=params.conversation_id,
                channel=channel,
                move=params.move,
            )
        )
        if linked.taken_by is not None:
            raise protocol_error(
                "channel_taken",
                f"{params.channel_user_id!r} on {params.channel!r} is in another "
                "conversation; set `move` to move it here",
                conversation_id=linked.taken_by,
            )

        if linked.conversation is None:
            raise _unknown(params.conversation_id)

        return ConversationsLinkChannelResult(
            conversation=linked.conversation, moved_from=linked.moved_from
        )

    async def _resolve(self, params: ConversationsResolve) -> ConversationView:
        channel = Channel(
            channel=params.channel, channel_user_id=params.channel_user_id
        )
        found = await self._store.read(partial(conversations.resolve, channel=channel))
        if found is None:
            raise protocol_error(
                "unknown_conversation",
                f"{params.channel_user_id!r} on {params.channel!r} is not linked to a "
                "conversation",
            )

        return found

    async def _list(self, params: ConversationsList) -> ConversationsListResult:
        hours = params.max_age_hours
        if hours is None:
            hours = self._limits.max_age_hours

        since_ms = oldest_ms(self._clock.unix_ms(), hours)
        query = partial(
            conversations.list_conversations,
            since_ms=since_ms if params.active_only else None,
            limit=params.limit,
        )
        return ConversationsListResult(conversations=await self._store.read(query))

    async def _messages(
        self, params: ConversationsMessages
    ) -> ConversationsMessagesResult:
        query = partial(
            messages_store.read_messages,
            id_=params.conversation_id,
            limit=params.limit,
            before=params.before,
        )
        page = await self._store.read(query)
        if page is None:
            raise _unknown(params.conversation_id)

        return ConversationsMessagesResult(messages=page.messages, more=page.more)

    async def _consolidate(
        self, params: ConversationsConsolidate
    ) -> ConversationsConsolidateResult:
        given, usual = params.threshold, self._limits.threshold
        done = await self._group_commit.write(
            partial(
                messages_store.consolidate,
                id_=params.conversation_id,
                threshold=usual if given is None else given,
            )
        )
        if done is None:
            raise _unknown(params.conversation_id)

        return ConversationsConsolidateResult(
            folded=done.folded, message_count=done.message_count
        )

    async def _recall(self, params: ConversationsRecall) -> ConversationsRecallResult:
        query = partial(
            search_store.search,
            words=params.words,
            folder=params.folder and self._project_of(params.folder),
            limit=params.limit,
        )
        hits = [
            RecallHit(
                conversation_id=hit.conversation_id,
                project=hit.project,
                message=hit.message,
            )
            for hit in await self._store.read(query)
        ]
        return ConversationsRecallResult(hits=hits)


def _channel_of(params: ConversationsGetOrCreate) -> Channel | None:
    match params.channel, params.channel_user_id:
        case None, None:
            return None
        case str(channel), str(channel_user_id):
            return Channel(channel=channel, channel_user_id=channel_user_id)
        case _:
            message = "give both channel and channel_user_id, or neither"
            raise protocol_error("invalid_params", message, field="channel")


def _saved(
    id_: ConversationId, saved: messages_store.SavedMessage | None
) -> ConversationsSaveMessageResult:
    if saved is None:
        raise _unknown(id_)

    return ConversationsSaveMessageResult(
        message_id=saved.message_id,
        message_count=saved.message_count,
        repeated=saved.repeated,
    )


def _unknown(id_: ConversationId) -> ProtocolError:
    return protocol_error("unknown_conversation", f"no conversation {id_[:64]!r}")


def _origin(*parts: str) -> int:
    digest = hashlib.blake2b("\0".join(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)
