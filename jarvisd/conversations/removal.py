"""Removes conversations: those that are too old, and those that a user wants gone."""

from collections.abc import Awaitable, Callable
from functools import partial

import msgspec
import structlog

from jarvisd.base.clock import Clock
from jarvisd.base.errors import StoreError, protocol_error
from jarvisd.base.wire_types import Method, Params
from jarvisd.conversations import forget_store
from jarvisd.conversations import store as conversations
from jarvisd.conversations.model import ConversationId, ConversationLimits, oldest_ms
from jarvisd.conversations.wire import (
    ConversationsDecay,
    ConversationsDecayResult,
    ConversationsForget,
    ConversationsForgetResult,
)
from jarvisd.core.storage.database_store import Store
from jarvisd.core.storage.group_commit import GroupCommit

log = structlog.get_logger()

DECAY_INTERVAL_S = 600.0
"""Seconds between removals of conversations that have exceeded their age."""

FORGET_SLICE = 8
"""Conversations removed in one transaction; see `DECAY_SLICE` of the store."""


class ConversationRemoval:
    """Handles `conversations.decay` and `conversations.forget`.

    Args:
        store: The store of the conversations.
        group_commit: Commits the writes of many clients together.
        clock: The time from which the age of a conversation counts.
        limits: The configured maximum age of a conversation.
        flush: Stores messages of agents that are not stored yet.

    """

    def __init__(
        self,
        store: Store,
        group_commit: GroupCommit,
        clock: Clock,
        *,
        limits: ConversationLimits,
        flush: Callable[[], Awaitable[object]],
    ) -> None:
        self._store = store
        self._group_commit = group_commit
        self._clock = clock
        self._limits = limits
        self._flush = flush

    def methods(self) -> dict[type[Params], Method]:
        """Return the handler of each method, by the type of its params."""
        return {ConversationsDecay: self._decay, ConversationsForget: self._forget}

    async def _decay(self, params: ConversationsDecay) -> ConversationsDecayResult:
        removed = await self.decay(params.max_age_hours)
        return ConversationsDecayResult(removed=removed)

    async def decay(self, max_age_hours: float | None = None) -> int:
        """Remove conversations that are too old; return their number.

        Removal is done in slices, so that other writers get a turn between two.
        """
        hours = self._limits.max_age_hours if max_age_hours is None else max_age_hours
        before_ms = oldest_ms(self._clock.unix_ms(), hours)
        slice_ = partial(conversations.decay_slice, before_ms=before_ms)
        removed = 0
        while gone := await self._store.apply_one(slice_):
            removed += gone

        return removed

    async def _forget(self, params: ConversationsForget) -> ConversationsForgetResult:
        given = [
            each
            for each in msgspec.structs.astuple(params)
            if each not in (None, False)
        ]
        if len(given) != 1:
            raise protocol_error(
                "invalid_params",
                "give exactly one of session_id, project, conversation_id and "
                "everything",
            )

        # Messages that are still in memory would be stored after the removal.
        await self._flush()
        gone = await self._remove(params)
        while await self._store.apply_one(forget_store.merge_index_slice):
            pass

        # The write-ahead log still has older versions of the pages.
        await self._store.checkpoint()
        old = self._store.old_backups()
        log.info("conversations.forgotten", **gone._asdict())
        return ConversationsForgetResult(
            **gone._asdict(), old_backups=old.kept, old_backups_until_ms=old.until_ms
        )

    async def _remove(self, params: ConversationsForget) -> forget_store.Removed:
        match params:
            case ConversationsForget(session_id=str(session_id)):
                unit = partial(forget_store.forget_session, session_id=session_id)
            case ConversationsForget(project=str(project)):
                unit = partial(forget_store.forget_project, project=project)
            case ConversationsForget(conversation_id=str(id_)):
                unit = partial(
                    forget_store.forget_conversation, id_=ConversationId(id_)
                )
            case _:
                slice_ = partial(forget_store.forget_slice, limit=FORGET_SLICE)
                total = forget_store.Removed()
                while (gone := await self._group_commit.write(slice_)).conversations:
                    total = total.plus(gone)

                return total

        return await self._group_commit.write(unit)


async def decay_periodically(removal: ConversationRemoval, clock: Clock) -> None:
    """Remove conversations that are too old every DECAY_INTERVAL_S until cancelled."""
    while True:
        await clock.sleep_until(clock.monotonic() + DECAY_INTERVAL_S)
        try:
            removed = await removal.decay()
        except StoreError as exc:
            log.warning("decay.postponed", reason=str(exc))
        else:
            if removed:
                log.info("conversations.decayed", removed=removed)
