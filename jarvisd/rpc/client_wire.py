"""The params and results of methods that are rpc's own, and the methods' names by params.

These are the greeting, subscriptions, and what a subscriber is sent without asking. The
command line imports them alone: the params of all methods would cost it a quarter of
its time.

Fields are only ever added, as in `jarvisd.base.wire_types`.
"""

from typing import Annotated, Literal, get_args

import msgspec

from jarvisd.base.wire_types import Params, Result, Text, Whole
from jarvisd.core.origin import BlockId

Topic = Literal[
    "blocks", "session", "states", "segments", "flushes", "health", "budget"
]
TOPICS: tuple[Topic, ...] = get_args(Topic)


class Hello(Params, frozen=True, kw_only=True):
    """Introduce the client, with the versions of the protocol that it supports."""

    client: Text = "unknown"
    version: Text | None = None
    protocol: tuple[int, ...] = (1,)


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What the daemon accepts of one client."""

    request_bytes: int
    batch: int
    in_flight: int
    connections: int
    client_bytes: int
    push_lines: int


class HelloResult(Result, frozen=True, kw_only=True):
    """Who answers. *capabilities* lists methods and topics; test those."""

    protocol: int
    version: str
    instance_id: str
    pid: int
    started_ms: int
    capabilities: list[str]
    limits: Limits


class Discover(Params, frozen=True, kw_only=True):
    """Ask for the OpenRPC document of this daemon."""


class Subscribe(Params, frozen=True, kw_only=True):
    """Ask to be notified of changes.

    Topics: `blocks` (the block as it is now, conflated per block), `session` (the same
    for sessions), `states` (every transition of every session, none left out),
    `segments` (every segment once it is closed and stored), `health` (a change of
    status), `flushes` (a new revision), `budget` (a warning of a budget, see
    `report.budget` for those before). *filter* keeps one agent, project
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
