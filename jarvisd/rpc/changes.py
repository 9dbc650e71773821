"""What has changed lately, in order: the one list that every subscriber reads.

Each change has a number, the sequence. A block that changes again moves to the end,
so the list holds each block once, as it is now, and a subscriber needs no queue of
its own: it remembers how far it has read. A slow one simply finds less to read.
"""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from jarvisd.base.json_guard import encode_safe
from jarvisd.core.block import Block
from jarvisd.ledger.session_totals import Session
from jarvisd.overview.sessions import Sessions
from jarvisd.rpc.client_wire import Topic
from jarvisd.rpc.messages import event_rest
from jarvisd.segments.model import Segment
from jarvisd.state.journal import Journal
from jarvisd.state.model import Transition

MAX_KEPT = 4096
"""Entries remembered as changed; who is further behind is given a snapshot."""

MAX_ENCODED = 256

Key = tuple[Topic, str]


@dataclass(slots=True, eq=False)
class Change:
    """The newest change of one thing: of a block or session, or of a topic of one.

    A session's change has the *block* through which it came. A transition has *data*,
    its number as *key*, and some block of its session, if there is one; so has a
    segment, with its id. Both have the *agent* of the session, and its working folder
    as *place*: a filter must not drop a session that has no block yet.
    """

    sequence: int
    topic: Topic
    key: str
    block: Block | None
    session: Session | None = None
    data: bytes = b""
    agent: str | None = None
    place: str | None = None


class SharedNews(NamedTuple):
    """What is new for all subscriptions of one kind that have read equally far.

    Attributes:
        rests: The events without what names the subscription.
        size: The length of these.
        read: The place behind them.
        number: That of the newest transition among them, or before.

    """

    rests: tuple[bytes, ...]
    size: int
    read: int
    number: int


@dataclass(slots=True)
class Changes:
    """The changes by thing, oldest first.

    Attributes:
        instance_id: This run of the daemon; cursors of another run mean nothing.
        now_ms: Where to ask for the time at which a block is shown.
        books: Where to ask for sessions.
        journal: Where to ask for transitions that are no longer here.
        sequence: The number of the newest change.
        floor: All changes after this number are still here.
        shared: What is new, by who asks for it; dropped with the next change.

    """

    instance_id: str
    now_ms: Callable[[], int]
    max_kept: int = MAX_KEPT
    books: Sessions = field(default_factory=Sessions)
    journal: Journal = field(default_factory=Journal)
    sequence: int = 0
    floor: int = 0
    _kept: dict[Key, Change] = field(default_factory=dict)
    _encoded: dict[str, bytes] = field(default_factory=dict)
    shared: dict[Hashable, SharedNews] = field(default_factory=dict)

    def add_block(self, block: Block) -> None:
        """Record that *block* has changed; it is encoded only if somebody asks."""
        for change in _changes_of(block, self.sequence):
            self._encoded.pop(change.key, None)
            self._add(change)

    def add(self, topic: Topic, data: bytes) -> None:
        """Record the new state of *topic*, as JSON."""
        self._add(Change(self.sequence + 1, topic, "", None, data=data))

    def add_warning(self, number: int, data: bytes) -> None:
        """Record a warning of a budget; no other ever takes its place."""
        self._add(Change(self.sequence + 1, "budget", str(number), None, data=data))

    def add_transition(self, transition: Transition) -> None:
        """Record a change of state; no other ever takes its place."""
        change = self._transition_change(transition)
        change.sequence = self.sequence + 1
        self._add(change)

    def add_segment(self, segment: Segment, block: Block | None) -> None:
        """Record a closed segment of *block*; no other ever takes its place."""
        self._add(
            Change(
                self.sequence + 1,
                "segments",
                segment.segment_id,
                block,
                data=encode_safe(segment),
                agent=segment.agent,
                place=segment.project,
            )
        )

    def transitions(self, transitions: Iterable[Transition]) -> list[Change]:
        """Return *transitions* as if they had just been made."""
        return [self._transition_change(each) for each in transitions]

    def after(self, sequence: int) -> list[Change]:
        """Return the changes after *sequence*, oldest first."""
        newer: list[Change] = []
        for change in reversed(self._kept.values()):
            if change.sequence <= sequence:
                break

            newer.append(change)
        newer.reverse()
        return newer

    def snapshot(self, blocks: Iterable[Block]) -> Iterable[Change]:
        """Return *blocks* and their sessions as if all of them had just changed."""
        changes = {
            (change.topic, change.key): change
            for block in blocks
            for change in _changes_of(block, -1)
        }
        return changes.values()

    def data_of(self, change: Change) -> bytes:
        """Return the thing as it is now, as JSON; made once for all who ask."""
        if change.data:
            return change.data

        if change.session is None:
            assert change.block is not None, "a change without data has a block"
            return self.block_data(change.block)

        data = self._encoded.get(change.key)
        if data is None:
            view = self.books.view(self.books.entry(change.session))
            data = self._remember(change.key, encode_safe(view))

        return data

    def block_data(self, block: Block) -> bytes:
        """Return *block* as JSON; the same bytes until it changes again."""
        block_id = block.origin.block_id
        data = self._encoded.get(block_id)
        if data is None:
            view = self.books.block_view(block, self.now_ms())
            data = self._remember(block_id, encode_safe(view))

        return data

    def _remember(self, key: str, data: bytes) -> bytes:
        if len(self._encoded) >= MAX_ENCODED:
            self._encoded.clear()

        self._encoded[key] = data
        return data

    def cursor(self, sequence: int) -> str:
        """Return the place behind *sequence* as clients keep it."""
        return f"{self.instance_id}:{sequence}"

    def place(self, cursor: str) -> int | None:
        """Return the sequence of *cursor*, or None if it cannot be gone on from."""
        instance_id, _, number = cursor.rpartition(":")
        if instance_id != self.instance_id or not (
            number.isascii() and number.isdigit() and len(number) < 19
        ):
            return None

        return int(number) if self.floor <= int(number) <= self.sequence else None

    def _transition_change(self, each: Transition) -> Change:
        blocks = self.books.blocks_of(each.agent, each.session_id)
        _, place = self.books.states.origin_of((each.agent, each.session_id))
        return Change(
            0,
            "states",
            str(each.number),
            blocks[0] if blocks else None,
            data=encode_safe(each),
            agent=each.agent,
            place=place,
        )

    def _add(self, change: Change) -> None:
        if self.shared:
            self.shared.clear()

        key: Key = (change.topic, change.key)
        self.sequence = change.sequence
        self._kept.pop(key, None)
        self._kept[key] = change
        if len(self._kept) > self.max_kept:
            oldest = next(iter(self._kept))
            self.floor = self._kept.pop(oldest).sequence


def news_after(
    changes: Changes, read: int, number: int, matches: Callable[[Change], bool]
) -> SharedNews:
    """Return the events of *changes* after the place *read*, of those that match.

    *number* is that of the newest transition that is known already.
    """
    rests = []
    for change in changes.after(read):
        read, is_new = max(read, change.sequence), True
        if change.topic == "states":
            is_new = int(change.key) > number
            number = max(number, int(change.key))

        if is_new and matches(change):
            data = changes.data_of(change)
            rests.append(event_rest(change.topic, changes.cursor(read), data))

    return SharedNews(tuple(rests), sum(map(len, rests)), read, number)


def _changes_of(block: Block, after: int) -> list[Change]:
    """Return the change of *block* and that of its session, numbered from *after*."""
    change = Change(after + 1, "blocks", block.block_id, block)
    session = block.session
    if session is None:
        return [change]

    key = f"{session.agent}/{session.session_id}"
    return [change, Change(after + 2, "session", key, block, session)]
