"""Subscriptions, and what a subscriber is sent without asking.

Fields are only ever added, as in `jarvisd.overview.wire`.
"""

from typing import Annotated, Literal, get_args

import msgspec

from jarvisd.base.wire_types import Params, Result, Text, Whole
from jarvisd.core.origin import BlockId

Topic = Literal["blocks", "session", "states", "segments", "flushes", "health"]
TOPICS: tuple[Topic, ...] = get_args(Topic)


class Subscribe(Params, frozen=True, kw_only=True):
    """Ask to be notified of changes.

    Topics: `blocks` (the block as it is now, conflated per block), `session` (the same
    for sessions), `states` (every transition of every session, none left out),
    `segments` (every segment once it is closed and stored), `health` (a change of
    status), `flushes` (a new revision). *filter* keeps one agent, project
    or block. *since* is the cursor of an earlier notification. *interval_ms* is the
    least time between two notifications of one block: 0 reports every change at once,
    conflated only when the client cannot keep up. *after* is the number of the last
    transition known, of whatever run of the daemon: those after it come first.
    """

    topics: Annotated[list[Topic], msgspec.Meta(min_length=1, max_length=8)]
    filter: "SubscriptionFilter | None" = None
    since: Text | None = None
    interval_ms: Annotated[int, msgspec.Meta(ge=0, le=60_000)] = 0
    after: Whole | None = None


class SubscriptionFilter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Only what matches every given field."""

    agent: str | None = None
    project: str | None = None
    block_id: BlockId | None = None


class SubscribeResult(Result, frozen=True, kw_only=True):
    """The subscription's id, and the cursor it starts from.

    *reset* is true when *since* was unknown or too old: what follows is a snapshot.
    """

    subscription: str
    cursor: str
    reset: bool


class Unsubscribe(Params, frozen=True, kw_only=True):
    """End a subscription of this connection."""

    subscription: str


class Event(Result, frozen=True, kw_only=True):
    """The params of an `event` notification.

    *cursor* is `instance:sequence`; hand it to `subscribe` to go on after it.
    *data* is the full object of the topic.
    """

    subscription: str
    topic: str
    cursor: str
    data: msgspec.Raw


class Revision(Result, frozen=True, kw_only=True):
    """The data of topic `flushes`: the revision that is stored now."""

    revision: int


class Resync(Result, frozen=True, kw_only=True):
    """The params of a `resync` notification: changes were missed.

    Forget what was known under this subscription: every block that matches follows.
    """

    subscription: str
    cursor: str


class Ping(Result, frozen=True, kw_only=True):
    """The params of a `ping` notification: a sign of life when all is quiet."""

    now_ms: int
    cursor: str


NOTIFICATIONS: dict[str, type[msgspec.Struct]] = {
    "event": Event,
    "resync": Resync,
    "ping": Ping,
}
"""What a subscriber is sent without asking, by name."""
