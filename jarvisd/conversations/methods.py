"""Conversations as clients ask for them: what is wrong is refused, the rest is stored."""

import hashlib
from asyncio import Future
from collections.abc import Awaitable, Callable
from functools import partial

import msgspec
import structlog

from jarvisd.base.clock import Clock
from jarvisd.base.errors import ProtocolError, StoreError
from jarvisd.conversations import (
    forget_store,
    messages_store,
    search_store,
)
from jarvisd.conversations import (
    store as conversations,
)
from jarvisd.conversations.model import (
    Channel,
    ConversationId,
    ConversationLimits,
    ConversationView,
    oldest_ms,
)
from jarvisd.conversations.saving_store import SaveMessage
from jarvisd.conversations.wire import (
    ConversationParams,
    ConversationsConsolidate,
    ConversationsConsolidateResult,
    ConversationsDecay,
    ConversationsDecayResult,
    ConversationsForget,
    ConversationsForgetResult,
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
from jarvisd.rpc import messages

log = structlog.get_logger()

DECAY_EVERY_S = 600.0
"""How long a conversation may outlive its age."""

FORGET_SLICE = 8
"""Conversations forgotten in one transaction; see `conversations.DECAY_SLICE`."""


class Conversations:
    """Answers the methods `conversations.*`.

    Args:
        store: Where they are kept.
        scribe: Through whom clients' writes go.
        clock: The door to time.
        limits: The configured age and size of a conversation.
        flush: Stores what agents have said and is not stored yet.
        project_of: The project that a folder is of, if it is a worktree.

    """

    def __init__(
        self,
        store: Store,
        scribe: GroupCommit,
        clock: Clock,
        *,
        limits: ConversationLimits,
        flush: Callable[[], Awaitable[object]],
        project_of: Callable[[str], str] = str,
    ) -> None:
        self._store = store
        self._scribe = scribe
        self._clock = clock
        self._limits = limits
        self._flush = flush
        self._project_of = project_of

    async def answer(  # noqa: C901, PLR0911 - one match, a line a method
        self, asked: ConversationParams
    ) -> object:
        """Return the result of *asked*.

        Raises:
            ProtocolError: It cannot be answered as asked.
            StoreError: It could not be stored or read.

        """
        match asked:
            case ConversationsGetOrCreate():
                return await self._get_or_create(asked)
            case ConversationsSaveMessage():
                return await self.save_message(asked)
            case ConversationsLinkChannel():
                return await self._link_channel(asked)
            case ConversationsResolve():
                return await self._resolve(asked)
            case ConversationsList():
                return await self._list(asked)
            case ConversationsMessages():
                return await self._messages(asked)
            case ConversationsConsolidate():
                return await self._consolidate(asked)
            case ConversationsDecay():
                hours = asked.max_age_hours
                return ConversationsDecayResult(removed=await self.decay(hours))
            case ConversationsRecall():
                return await self._recall(asked)
            case ConversationsForget():
                return await self._forget(asked)
            case _:
                raise AssertionError(type(asked))

    async def decay(self, max_age_hours: float | None = None) -> int:
        """Remove what is over, in slices between which others write; say how many."""
        hours = self._limits.max_age_hours if max_age_hours is None else max_age_hours
        before_ms = oldest_ms(self._clock.unix_ms(), hours)
        slice_ = partial(conversations.decay_slice, before_ms=before_ms)
        removed = 0
        while gone := await self._store.apply_one(slice_):
            removed += gone

        return removed

    async def _get_or_create(
        self, asked: ConversationsGetOrCreate
    ) -> ConversationsGetOrCreateResult:
        person = conversations.Person(
            asked.user_id, _channel_of(asked), asked.display_name, asked.metadata
        )
        now_ms = self._clock.unix_ms()
        found = await self._scribe.write(
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
        self, asked: ConversationsSaveMessage
    ) -> Future[ConversationsSaveMessageResult]:
        """Return what will be the result once the message is on the disk.

        Or one of the errors of `answer`.
        """
        now_ms = self._clock.unix_ms()
        new = messages_store.NewMessage(
            asked.conversation_id,
            asked.role,
            asked.content,
            asked.channel,
            now_ms if asked.at_ms is None else asked.at_ms,
            asked.metadata,
            None if asked.key is None else _origin(asked.conversation_id, asked.key),
        )
        return self._scribe.promise(
            SaveMessage(new, self._limits, now_ms),
            partial(_saved, asked.conversation_id),
        )

    async def _link_channel(
        self, asked: ConversationsLinkChannel
    ) -> ConversationsLinkChannelResult:
        channel = Channel(channel=asked.channel, channel_user_id=asked.channel_user_id)
        linked = await self._scribe.write(
            partial(
                conversations.link_channel,
                id_=asked.conversation_id,
                channel=channel,
                move=asked.move,
            )
        )
        if linked.taken_by is not None:
            raise messages.failure(
                "channel_taken",
                f"{asked.channel_user_id!r} on {asked.channel!r} is in another "
                "conversation; ask with `move` to take it from there",
                conversation_id=linked.taken_by,
            )

        if linked.conversation is None:
            raise _unknown(asked.conversation_id)

        return ConversationsLinkChannelResult(
            conversation=linked.conversation, moved_from=linked.moved_from
        )

    async def _resolve(self, asked: ConversationsResolve) -> ConversationView:
        channel = Channel(channel=asked.channel, channel_user_id=asked.channel_user_id)
        found = await self._store.read(partial(conversations.resolve, channel=channel))
        if found is None:
            raise messages.failure(
                "unknown_conversation",
                f"nobody is known as {asked.channel_user_id!r} on {asked.channel!r}",
            )

        return found

    async def _list(self, asked: ConversationsList) -> ConversationsListResult:
        hours = asked.max_age_hours
        limits = (
            self._limits if hours is None else ConversationLimits(max_age_hours=hours)
        )
        since_ms = limits.oldest_ms(self._clock.unix_ms())
        query = partial(
            conversations.list_conversations,
            since_ms=since_ms if asked.active_only else None,
            limit=asked.limit,
        )
        return ConversationsListResult(conversations=await self._store.read(query))

    async def _messages(
        self, asked: ConversationsMessages
    ) -> ConversationsMessagesResult:
        query = partial(
            messages_store.read_messages,
            id_=asked.conversation_id,
            limit=asked.limit,
            before=asked.before,
        )
        page = await self._store.read(query)
        if page is None:
            raise _unknown(asked.conversation_id)

        return ConversationsMessagesResult(messages=page.messages, more=page.more)

    async def _consolidate(
        self, asked: ConversationsConsolidate
    ) -> ConversationsConsolidateResult:
        given, configured = asked.threshold, self._limits.threshold
        threshold = configured if given is None else given
        done = await self._scribe.write(
            partial(
                messages_store.consolidate,
                id_=asked.conversation_id,
                threshold=threshold,
            )
        )
        if done is None:
            raise _unknown(asked.conversation_id)

        return ConversationsConsolidateResult(
            folded=done.folded, message_count=done.message_count
        )

    async def _recall(self, asked: ConversationsRecall) -> ConversationsRecallResult:
        query = partial(
            search_store.recall,
            words=asked.words,
            folder=asked.folder and self._project_of(asked.folder),
            limit=asked.limit,
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

    async def _forget(self, asked: ConversationsForget) -> ConversationsForgetResult:
        _require_one(asked)
        await self._flush()
        gone = await self._forgotten(asked)
        await self._scrub()
        old = self._store.old_backups()
        log.info("conversations.forgotten", **gone._asdict())
        return ConversationsForgetResult(
            **gone._asdict(), old_backups=old.kept, old_backups_until_ms=old.until_ms
        )

    async def _forgotten(self, asked: ConversationsForget) -> forget_store.Gone:
        match asked:
            case ConversationsForget(session_id=str(session_id)):
                unit = partial(forget_store.forget_session, session_id=session_id)
            case ConversationsForget(project=str(project)):
                unit = partial(forget_store.forget_project, project=project)
            case ConversationsForget(conversation_id=str(id_)):
                unit = partial(
                    forget_store.forget_conversation, id_=ConversationId(id_)
                )
            case _:
                return await self._forget_all()

        return await self._scribe.write(unit)

    async def _forget_all(self) -> forget_store.Gone:
        slice_ = partial(forget_store.forget_slice, limit=FORGET_SLICE)
        total = forget_store.Gone()
        while (gone := await self._scribe.write(slice_)).conversations:
            total = total.plus(gone)

        return total

    async def _scrub(self) -> None:
        while await self._store.apply_one(forget_store.scrub):
            pass

        await self._store.fold_log()


async def keep_decaying(kept: Conversations, clock: Clock) -> None:
    """Remove conversations that are over, again and again until cancelled."""
    while True:
        await clock.sleep_until(clock.monotonic() + DECAY_EVERY_S)
        try:
            removed = await kept.decay()
        except StoreError as exc:
            log.warning("decay.postponed", reason=str(exc))
        else:
            if removed:
                log.info("conversations.decayed", removed=removed)


def _channel_of(asked: ConversationsGetOrCreate) -> Channel | None:
    match asked.channel, asked.channel_user_id:
        case None, None:
            return None
        case str(channel), str(channel_user_id):
            return Channel(channel=channel, channel_user_id=channel_user_id)
        case _:
            message = "channel and channel_user_id go together"
            raise messages.failure("invalid_params", message, field="channel")


def _require_one(asked: ConversationsForget) -> None:
    given = [
        each for each in msgspec.structs.astuple(asked) if each not in (None, False)
    ]
    if len(given) != 1:
        message = (
            "give exactly one of session_id, project, conversation_id and everything"
        )
        raise messages.failure("invalid_params", message)


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
    return messages.failure("unknown_conversation", f"no conversation {id_[:64]!r}")


def _origin(*parts: str) -> int:
    digest = hashlib.blake2b("\0".join(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)
