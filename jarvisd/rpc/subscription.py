"""One subscription: how far it has read, and what may be sent to it now.

Synchronous, and without a clock of its own: it is asked for news and says when to
ask again. Its memory is bounded: a place in the list of changes, and the blocks and
sessions that were sent within the last interval.
"""

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from jarvisd.base.folder import is_named
from jarvisd.base.json_guard import encode_safe
from jarvisd.blocks.block import Block
from jarvisd.overview.matching import is_in_project
from jarvisd.rpc import messages
from jarvisd.rpc.changes import Change, Changes
from jarvisd.rpc.wire import Resync, Subscribe, SubscribeResult, SubscriptionFilter
from jarvisd.state.model import Transition

MAX_SPACED = 1024
"""Entries whose last notification is remembered; beyond it spacing is lost, no news is."""


@dataclass(slots=True)
class Subscription:
    """Notifies one subscriber of changes, each block at most once an interval.

    The first change of a block is sent at once; those within the interval after it
    become one, sent at its end.
    """

    id: str
    wanted: Subscribe
    changes: Changes
    _read: int = 0
    _known_number: int = 0
    _told_at: dict[str, float] = field(default_factory=dict)
    _deferred: dict[str, Change] = field(default_factory=dict)
    _snapshot: deque[Change] = field(default_factory=deque)

    def start(
        self, blocks: list[Block], missed: Iterable[Transition] = ()
    ) -> SubscribeResult:
        """Begin at the cursor that was asked for, or else now.

        Where that cursor cannot be gone on from, all of *blocks* that match follow.
        Before anything else come the transitions that the client has *missed*.
        """
        since = self.wanted.since
        place = self.changes.sequence if since is None else self.changes.place(since)
        reset = place is None
        self._read = self.changes.sequence if place is None else place
        if reset:
            self._begin_snapshot(blocks)

        self._known_number = self._first_known(place)
        self._catch_up(missed)
        return SubscribeResult(
            subscription=self.id,
            cursor=self.changes.cursor(self._read),
            reset=reset,
        )

    @property
    def is_behind(self) -> bool:
        """Whether changes that it has not read have been forgotten."""
        return self._read < self.changes.floor

    def resync(self, blocks: list[Block]) -> bytes:
        """Return the notification of a gap; a snapshot of *blocks* follows it."""
        self._read = self.changes.sequence
        self._deferred.clear()
        self._begin_snapshot(blocks)
        self._catch_up(self.changes.journal.after(self._known_number))
        cursor = self.changes.cursor(self._read)
        params = Resync(subscription=self.id, cursor=cursor)
        return messages.encode_notification("resync", encode_safe(params))

    def take(self, now: float, max_bytes: int) -> list[bytes]:
        """Return what may be sent at *now*: notifications, *max_bytes* and a little."""
        news = self._take_snapshot(now, max_bytes) if self._snapshot else []
        room = max_bytes - sum(map(len, news))
        deferred = self._deferred.items()
        due = [change for key, change in deferred if self._due_at(key) <= now]
        for change in [*due, *self.changes.after(self._read)]:
            if room <= 0:
                break

            self._read = max(self._read, change.sequence)
            if self._is_new(change) and self._may_tell(change, now):
                event = self._event(change.topic, self.changes.data_of(change))
                news.append(event)
                room -= len(event)
        return news

    @property
    def next_at(self) -> float:
        """The moment at which a deferred block may be sent, or infinity."""
        return min((self._due_at(each) for each in self._deferred), default=math.inf)

    def _first_known(self, place: int | None) -> int:
        """Return the number of the last transition that the client knows already.

        *place* is that of the cursor it goes on from, if there is one.
        """
        journal = self.changes.journal
        if self.wanted.after is not None:
            return min(self.wanted.after, journal.last_number)

        if self.wanted.since is None or place is None:
            return journal.told_number

        later = (each for each in self.changes.after(place) if each.topic == "states")
        first = next(later, None)
        return journal.told_number if first is None else int(first.key) - 1

    def _is_new(self, change: Change) -> bool:
        """Record that *change* is being reported; return False for a transition that already was."""
        if change.topic != "states":
            return True

        number = int(change.key)
        is_new = number > self._known_number
        self._known_number = max(self._known_number, number)
        return is_new

    def _begin_snapshot(self, blocks: list[Block]) -> None:
        matching = [b for b in blocks if matches_filter(b, self.wanted.filter)]
        self._snapshot = deque(
            change
            for change in self.changes.snapshot(matching)
            if change.topic in self.wanted.topics
        )

    def _catch_up(self, missed: Iterable[Transition]) -> None:
        changes = self.changes.transitions(missed)
        self._snapshot.extendleft(
            each for each in reversed(changes) if self._matches(each)
        )

    def _matches(self, change: Change) -> bool:
        if change.topic not in self.wanted.topics:
            return False

        wanted = self.wanted.filter
        if wanted is None:
            return True

        if change.block is not None and matches_filter(change.block, wanted):
            return True

        if change.agent is not None:  # its block may not know its folder yet
            return matches_session(change.agent, change.place, wanted)

        return change.block is None

    def _take_snapshot(self, now: float, max_bytes: int) -> list[bytes]:
        news: list[bytes] = []
        room = max_bytes
        while self._snapshot and room > 0:
            change = self._snapshot.popleft()
            if not self._is_new(change):
                continue

            self._sent(change.key, now)
            news.append(self._event(change.topic, self.changes.data_of(change)))
            room -= len(news[-1])
        return news

    def _may_tell(self, change: Change, now: float) -> bool:
        if not self._matches(change):
            return False

        if change.data:  # nothing newer will come in its place
            return True

        if self._due_at(change.key) > now:
            self._deferred[change.key] = change
            return False

        self._deferred.pop(change.key, None)
        self._sent(change.key, now)
        return True

    def _due_at(self, key: str) -> float:
        told_at = self._told_at.get(key, -math.inf)
        return told_at + self.wanted.interval_ms / 1000

    def _sent(self, key: str, now: float) -> None:
        if not self.wanted.interval_ms:
            return

        self._told_at.pop(key, None)
        self._told_at[key] = now
        if len(self._told_at) > MAX_SPACED:
            del self._told_at[next(iter(self._told_at))]

    def _event(self, topic: str, data: bytes) -> bytes:
        cursor = self.changes.cursor(self._safe_place())
        return messages.encode_event(self.id, topic, cursor, data)

    def _safe_place(self) -> int:
        """Return the place up to which nothing is left to send."""
        if self._snapshot:
            return -1  # no cursor to go on from: what is missing is in no change

        return min(
            (c.sequence - 1 for c in self._deferred.values()), default=self._read
        )


def matches_session(
    agent: str, place: str | None, wanted: SubscriptionFilter | None
) -> bool:
    """Return True if *wanted* keeps a session of which no block is known.

    *place* is its working folder, as far as signals name it.
    """
    return wanted is None or (
        wanted.agent in {None, agent}
        and wanted.block_id is None
        and (wanted.project is None or is_named(place, wanted.project))
    )


def matches_filter(block: Block, wanted: SubscriptionFilter | None) -> bool:
    """Whether a subscriber who wants *wanted* is notified of *block*."""
    if wanted is None:
        return True

    origin = block.origin
    return (
        (wanted.agent is None or origin.agent == wanted.agent)
        and (wanted.block_id is None or origin.block_id == wanted.block_id)
        and (wanted.project is None or is_in_project(block, wanted.project))
    )
