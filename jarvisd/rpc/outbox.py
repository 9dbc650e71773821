"""Who is notified of changes: the hub, and each client's outbox.

A change costs the hub one entry in a list and one wake-up for each client that
listens; a client takes its news when its socket has room for it. Nothing is ever
queued for a client, so none can make the daemon wait or grow.
"""

import math
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import msgspec

from jarvisd.base.clock import Clock
from jarvisd.base.errors import protocol_error
from jarvisd.base.json_guard import encode_safe
from jarvisd.blocks.registry import BlockChanged, Blocks
from jarvisd.core.publisher import Flushed
from jarvisd.overview.health_wire import HealthTurned
from jarvisd.rpc import messages
from jarvisd.rpc.changes import Changes
from jarvisd.rpc.subscription import Subscription
from jarvisd.rpc.wire import Ping, Revision, Subscribe, SubscribeResult
from jarvisd.segments.engine import SegmentClosed
from jarvisd.state.journal import Journal, TransitionTold
from jarvisd.state.model import Transition

PING_S = 30.0
MAX_SUBSCRIPTIONS = 16
"""Of one client."""


class Subscriptions:
    """Notes what is published in the list of changes, and wakes all who subscribe."""

    def __init__(
        self,
        blocks: Blocks,
        clock: Clock,
        *,
        instance_id: str,
        journal: Journal | None = None,
    ) -> None:
        self.blocks = blocks
        self.clock = clock
        self.changes = Changes(
            instance_id,
            clock.unix_ms,
            books=blocks.books,
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

    def transition_told(self, notice: TransitionTold) -> None:
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
