"""Who is notified of changes: the hub, each client's outbox, and its subscriptions.

A change costs the hub one entry in a list and one wake-up for each client that
listens; a client takes its news when its socket has room for it. Nothing is ever
queued for a client, so none can make the daemon wait or grow.

A subscription is synchronous, and without a clock of its own: it is asked for news and
says when to ask again. Its memory is bounded: a place in the list of changes, and the
blocks and sessions that were sent within the last interval.
"""

import math
import secrets
from collections import deque
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field

import msgspec

from jarvisd.base.clock import Clock
from jarvisd.base.errors import protocol_error
from jarvisd.base.folder import is_named
from jarvisd.base.json_guard import encode_safe
from jarvisd.budgets.methods import BudgetCrossed
from jarvisd.core.block import Block
from jarvisd.core.block_registry import BlockChanged
from jarvisd.core.publisher import Flushed
from jarvisd.overview.health_wire import HealthTurned
from jarvisd.overview.matching import is_in_project
from jarvisd.overview.sessions import Sessions
from jarvisd.rpc import messages
from jarvisd.rpc.changes import Change, Changes, SharedNews, news_after
from jarvisd.rpc.client_wire import (
    Ping,
    Resync,
    Revision,
    Subscribe,
    SubscribeResult,
    SubscriptionFilter,
)
from jarvisd.segments.engine import SegmentClosed
from jarvisd.state.journal import Journal, TransitionReported
from jarvisd.state.model import Transition

PING_S = 30.0
MAX_SUBSCRIPTIONS = 16
"""Of one client."""

MAX_SHARED = 256
"""Changes that are read at once together with all who ask for the same."""

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
    _sent_at: dict[str, float] = field(default_factory=dict)
    _deferred: dict[str, Change] = field(default_factory=dict)
    _snapshot: deque[Change] = field(default_factory=deque)
    _head: bytes = b""
    _kind: Hashable = None
    """What it asks for: those who ask for the same get the same events."""

    def __post_init__(self) -> None:
        self._head = messages.event_head(self.id)
        self._kind = (*self.wanted.topics, self.wanted.filter)

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
        """Return the notifications to send at *now*: of *max_bytes* and a little more."""
        is_plain = not (self._snapshot or self._deferred or self.wanted.interval_ms)
        if is_plain and self.changes.sequence - self._read <= MAX_SHARED:
            shared = self._shared_news()
            if shared.size <= max_bytes:
                self._read, self._known_number = shared.read, shared.number
                return [self._head + rest for rest in shared.rests]

        news = self._take_snapshot(now, max_bytes) if self._snapshot else []
        room = max_bytes - sum(map(len, news))
        deferred = self._deferred.items()
        due = [change for key, change in deferred if self._due_at(key) <= now]
        for change in [*due, *self.changes.after(self._read)]:
            if room <= 0:
                break

            self._read = max(self._read, change.sequence)
            if self._is_new(change) and self._may_send(change, now):
                event = self._event(change.topic, self.changes.data_of(change))
                news.append(event)
                room -= len(event)
        return news

    @property
    def next_at(self) -> float:
        """The moment at which a deferred block may be sent, or infinity."""
        return min((self._due_at(each) for each in self._deferred), default=math.inf)

    def _shared_news(self) -> SharedNews:
        """Return all that is new, made once for all who ask for the same."""
        key = (self._kind, self._read, self._known_number)
        shared = self.changes.shared.get(key)
        if shared is None:
            shared = news_after(
                self.changes, self._read, self._known_number, self._matches
            )
            self.changes.shared[key] = shared

        return shared

    def _first_known(self, place: int | None) -> int:
        """Return the number of the last transition that the client knows already.

        *place* is that of the cursor it goes on from, if there is one.
        """
        journal = self.changes.journal
        if self.wanted.after is not None:
            return min(self.wanted.after, journal.last_number)

        if self.wanted.since is None or place is None:
            return journal.reported_number

        later = (each for each in self.changes.after(place) if each.topic == "states")
        first = next(later, None)
        return journal.reported_number if first is None else int(first.key) - 1

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
        return matches_change(change, self.wanted)

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

    def _may_send(self, change: Change, now: float) -> bool:
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
        sent_at = self._sent_at.get(key, -math.inf)
        return sent_at + self.wanted.interval_ms / 1000

    def _sent(self, key: str, now: float) -> None:
        if not self.wanted.interval_ms:
            return

        self._sent_at.pop(key, None)
        self._sent_at[key] = now
        if len(self._sent_at) > MAX_SPACED:
            del self._sent_at[next(iter(self._sent_at))]

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


def matches_change(change: Change, asked: Subscribe) -> bool:
    """Whether a subscriber who *asked* for something is notified of *change*."""
    if change.topic not in asked.topics:
        return False

    wanted = asked.filter
    if wanted is None:
        return True

    if change.block is not None and matches_filter(change.block, wanted):
        return True

    if change.agent is not None:  # its block may not know its folder yet
        return matches_session(change.agent, change.place, wanted)

    return change.block is None


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


class Subscriptions:
    """Notes what is published in the list of changes, and wakes all who subscribe."""

    def __init__(
        self,
        sessions: Sessions,
        clock: Clock,
        *,
        instance_id: str,
        journal: Journal | None = None,
    ) -> None:
        self.blocks = sessions.blocks
        self.clock = clock
        self.changes = Changes(
            instance_id,
            clock.unix_ms,
            books=sessions,
            journal=Journal() if journal is None else journal,
        )
        self._outboxes: set[ClientOutbox] = set()

    def __len__(self) -> int:
        return sum(len(outbox) for outbox in self._outboxes)

    def flushed(self, notice: Flushed) -> None:
        """Notify subscribers that a revision is stored."""
        revision = Revision(revision=notice.revision)
        self.changes.add("flushes", encode_safe(revision))
        self._wake()

    def segment_closed(self, notice: SegmentClosed) -> None:
        """Notify subscribers of a segment."""
        id_ = notice.segment.block_id
        block = None if id_ is None else self.blocks.get(id_)
        self.changes.add_segment(notice.segment, block)
        self._wake()

    def budget_crossed(self, notice: BudgetCrossed) -> None:
        """Report a warning of a budget to whoever subscribes to them."""
        warning = notice.warning
        self.changes.add_warning(warning.number, encode_safe(warning))
        self._wake()

    def health_turned(self, notice: HealthTurned) -> None:
        """Notify subscribers that problems or history have come or gone."""
        self.changes.add("health", encode_safe(notice.health))
        self._wake()

    async def run(self) -> None:
        """Send every subscriber a sign of life each 30 s, until cancelled."""
        while True:
            await self.clock.sleep_until(self.clock.monotonic() + PING_S)
            for outbox in self._outboxes:
                outbox.ping()

    def join(self, outbox: "ClientOutbox") -> None:
        """Wake *outbox* at every change from now on."""
        self._outboxes.add(outbox)

    def leave(self, outbox: "ClientOutbox") -> None:
        """Wake it no more."""
        self._outboxes.discard(outbox)

    def transition_reported(self, notice: TransitionReported) -> None:
        """Notify subscribers of a transition."""
        self.changes.add_transition(notice.transition)
        self._wake()

    def block_changed(self, notice: BlockChanged) -> None:
        """Notify subscribers of a block and its session."""
        self.changes.add_block(notice.block)
        self._wake()

    def _wake(self) -> None:
        for outbox in self._outboxes:
            outbox.wake()


@dataclass(slots=True, eq=False)
class ClientOutbox:
    """The subscriptions of one client, and the notifications that are due to it.

    *wake* is called at each change, from within it, and must only make a note.
    """

    hub: Subscriptions
    wake: Callable[[], None]
    _subscriptions: dict[str, Subscription] = field(default_factory=dict)
    _ping: bool = False

    def __len__(self) -> int:
        return len(self._subscriptions)

    def subscribe(
        self, wanted: Subscribe, missed: Iterable[Transition] = ()
    ) -> SubscribeResult:
        """Add a subscription; its news come with the next `take`, *missed* ones first.

        Raises:
            ProtocolError: This client has too many, or wants an unknown block.

        """
        if len(self._subscriptions) >= MAX_SUBSCRIPTIONS:
            message = f"a client has at most {MAX_SUBSCRIPTIONS} subscriptions"
            raise protocol_error("busy", message, limit=MAX_SUBSCRIPTIONS)

        subscription = Subscription(
            f"s{secrets.token_hex(4)}", self._resolved(wanted), self.hub.changes
        )
        result = subscription.start(list(self.hub.blocks), missed)
        self._subscriptions[subscription.id] = subscription
        self.hub.join(self)
        self.wake()
        return result

    def unsubscribe(self, subscription: str) -> None:
        """End one subscription.

        Raises:
            ProtocolError: This client has no such subscription.

        """
        if self._subscriptions.pop(subscription, None) is None:
            message = f"no subscription {subscription[:64]!r} on this connection"
            raise protocol_error("unknown_subscription", message)

        if not self._subscriptions:
            self.close()

    def close(self) -> None:
        """End all subscriptions."""
        self._subscriptions.clear()
        self.hub.leave(self)

    def ping(self) -> None:
        """Queue a notification that all is quiet."""
        self._ping = True
        self.wake()

    def take(self, max_bytes: int) -> bytes:
        """Return the news, about *max_bytes* at most; empty when there are none."""
        now = self.hub.clock.monotonic()
        news = [self._take_ping()] if self._ping else []
        for subscription in self._subscriptions.values():
            if subscription.is_behind:
                news.append(subscription.resync(list(self.hub.blocks)))

            news += subscription.take(now, max_bytes // len(self._subscriptions))
        return b"".join(news)

    @property
    def next_at(self) -> float | None:
        """The moment, on the clock, at which more may be sent; None for not now."""
        moments = [each.next_at for each in self._subscriptions.values()]
        soonest = min(moments, default=math.inf)
        return None if soonest == math.inf else soonest

    def _resolved(self, wanted: Subscribe) -> Subscribe:
        if wanted.filter is None or wanted.filter.block_id is None:
            return wanted

        block_id = self.hub.blocks.find(wanted.filter.block_id).block_id
        exact = msgspec.structs.replace(wanted.filter, block_id=block_id)
        return msgspec.structs.replace(wanted, filter=exact)

    def _take_ping(self) -> bytes:
        self._ping = False
        changes = self.hub.changes
        ping = Ping(
            now_ms=self.hub.clock.unix_ms(), cursor=changes.cursor(changes.sequence)
        )
        return messages.encode_notification("ping", encode_safe(ping))
