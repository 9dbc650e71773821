"""Whose records are in a rollout: those of its thread, or a copied history.

A rollout begins with a copy of the history that its thread was forked from.
"""

import msgspec
from msgspec import Raw

from jarvisd.agents._shared.decode import decode_raw
from jarvisd.agents.codex.shape import RolloutPayload
from jarvisd.core.origin import SessionId

_REPLAY_MS = 1_000
"""A copied history is written within this time of the copy's first line."""


class RolloutOrigin(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What tells the thread's own records from copied ones, line by line.

    Attributes:
        thread_id: Whose rollout it is.
        root: The oldest ancestor known: copies of a report agree in it.
        subagent: Another thread has started this one.
        copies: The rollout may begin with history that is not its own.
        resumed: It goes on from another rollout, and no answer has come since: what it
            reports now was reported there.
        own: The records are the thread's own by now.
        guessed: That is so by time only, so reports within the totals stay suspect.
        own_from_ordinal: Records below this ordinal were copied from an ancestor.
        opened_ms: When the rollout begins.
        announced: The turn that began last, as it was announced.

    """

    thread_id: str | None = None
    root: str | None = None
    subagent: bool = False
    copies: bool = False
    resumed: bool = False
    own: bool = True
    guessed: bool = False
    own_from_ordinal: int | None = None
    opened_ms: int | None = None
    announced: str | None = None

    def open(
        self,
        thread_id: str,
        *,
        forked_from: str | None,
        is_subagent: bool,
        own_from_ordinal: int | None,
        at_ms: int | None,
        has_totals: bool,
    ) -> None:
        """Record the thread of the rollout, or the one whose history follows.

        *has_totals* means that totals were reported before.
        """
        if self.thread_id is None:
            self.thread_id, self.opened_ms = thread_id, at_ms
            self.root = forked_from or thread_id
            self.subagent = is_subagent
            self.copies = forked_from is not None
            self.own_from_ordinal = own_from_ordinal
        elif thread_id != self.thread_id:
            self.root = forked_from or thread_id
            self.copies = True

        if self.copies and (thread_id != self.thread_id or not has_totals):
            self.own = False

    def begin_turn(
        self, turn_id: str | None, *, at_ms: int | None, started_s: int | None = None
    ) -> None:
        """Record that a turn is announced; the first that is not copied ends the copy."""
        self.announced = turn_id
        self._turn(turn_id, at_ms=at_ms, announced=True, started_s=started_s)

    def go_on_with_turn(self, turn_id: str | None, *, at_ms: int | None) -> None:
        """Record the context of a turn: in old versions nothing announces it."""
        self._turn(turn_id, at_ms=at_ms, announced=False, started_s=None)

    def owns(self, ordinal: int | None) -> bool:
        """Whether the record numbered *ordinal* is the thread's own."""
        if self.own_from_ordinal is not None and ordinal is not None:
            return ordinal >= self.own_from_ordinal

        return self.own

    def _turn(
        self,
        turn_id: str | None,
        *,
        at_ms: int | None,
        announced: bool,
        started_s: int | None,
    ) -> None:
        if self.own or self.own_from_ordinal is not None:
            return

        mine = self._is_own_turn(turn_id, announced=announced, started_s=started_s)
        if mine is not None:
            self.own = mine
        elif turn_id is None or turn_id != self.announced or announced:
            self.own = self.guessed = self._is_later(at_ms)

    def _is_own_turn(
        self, turn_id: str | None, *, announced: bool, started_s: int | None
    ) -> bool | None:
        """Whether a turn is own, by its id; None if its id does not show it."""
        turn_ms, thread_ms = _made_ms(turn_id), _made_ms(self.thread_id)
        if turn_id is None or thread_ms is None:
            return None

        if turn_ms is None:  # an id of the random sort, or none of ours
            if not announced or started_s is None:
                return None

            return started_s >= thread_ms // 1000

        if turn_ms == thread_ms and self.subagent:
            return turn_id == self.announced

        return turn_ms >= thread_ms

    def _is_later(self, at_ms: int | None) -> bool:
        if at_ms is None or self.opened_ms is None:
            return False

        return at_ms - self.opened_ms >= _REPLAY_MS


def _made_ms(uuid: str | None) -> int | None:
    """Return the Unix ms in a UUID of version 7, or None for any other id."""
    if uuid is None or len(uuid) != 36 or uuid[14] != "7":
        return None

    try:
        return int(uuid[:8] + uuid[9:13], 16)
    except ValueError:
        return None


class _Spawn(msgspec.Struct, gc=False):
    parent_thread_id: str | None = None


class _Subagent(msgspec.Struct, gc=False):
    thread_spawn: _Spawn | None = None
    other: str | None = None


class _Source(msgspec.Struct, gc=False):
    subagent: _Subagent | str | None = None


def _spawned(source: Raw) -> _Subagent | None:
    found = decode_raw(source, _Source)
    named = None if found is None else found.subagent
    return named if isinstance(named, _Subagent) else None


def parent_in(payload: RolloutPayload) -> SessionId | None:
    """Return the thread that has started the one of *payload*, if any has."""
    spawned = _spawned(payload.source)
    spawn = None if spawned is None else spawned.thread_spawn
    parent = payload.parent_thread_id or (spawn and spawn.parent_thread_id)
    return SessionId(parent) if parent else None


def is_reviewer(payload: RolloutPayload) -> bool:
    """Return True if the thread of *payload* reviews what another one asks for."""
    spawned = _spawned(payload.source)
    return payload.thread_source == "guardian_review" or (
        spawned is not None and spawned.other == "guardian"
    )
