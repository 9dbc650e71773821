"""What a subscriber is told, as arithmetic: no socket and no time that passes."""

import json
import math
from typing import Any

import pytest

from jarvisd.core.block import Block
from jarvisd.core.origin import BlockId
from jarvisd.rpc.changes import Changes
from jarvisd.rpc.client_wire import Subscribe, SubscriptionFilter, Topic
from jarvisd.rpc.subscription import MAX_SPACED, Subscription
from tests.rpc.fakes import block

A, B, C = (block(f"{name}" * 16) for name in "abc")


def changes(*, max_kept: int = 100) -> Changes:
    return Changes("i1", lambda: 0, max_kept=max_kept)


def subscription(
    to: Changes,
    *,
    topics: tuple[Topic, ...] = ("blocks",),
    blocks: list[Block] | None = None,
    since: str | None = None,
    interval_ms: int = 0,
    filter_: SubscriptionFilter | None = None,
) -> Subscription:
    wanted = Subscribe(
        topics=list(topics), since=since, interval_ms=interval_ms, filter=filter_
    )
    made = Subscription("s1", wanted, to)
    made.start(blocks or [])
    return made


def told(by: Subscription, now: float = 0.0, *, max_bytes: int = 10**6) -> list[str]:
    return [letter(event) for event in events(by, now, max_bytes=max_bytes)]


def events(
    by: Subscription, now: float = 0.0, *, max_bytes: int = 10**6
) -> list[dict[str, Any]]:
    return [json.loads(line)["params"] for line in by.take(now, max_bytes)]


def letter(event: dict[str, Any]) -> str:
    if event["topic"] != "blocks":
        return str(event["topic"])

    return str(event["data"]["block_id"][0])


def test_each_change_is_told_once() -> None:
    hub = changes()
    each = subscription(hub)

    hub.add_block(A)
    hub.add_block(B)

    assert told(each) == ["a", "b"]
    assert told(each) == []


def test_a_slow_subscriber_is_told_a_block_once_as_it_is_now() -> None:
    hub, grown = changes(), block("d" * 16)
    each = subscription(hub)

    for _ in range(1000):
        grown.add_line(b"x")
        hub.add_block(grown)

    (event,) = events(each)
    assert event["data"]["line_count"] == 1000
    assert event["cursor"] == "i1:1000"


def test_a_block_is_encoded_once_for_all() -> None:
    hub = changes()
    hub.add_block(A)

    assert hub.block_data(A) is hub.block_data(A)


def test_what_was_before_is_not_told() -> None:
    hub = changes()
    hub.add_block(A)

    assert told(subscription(hub)) == []


def test_a_cursor_goes_on_behind_what_was_told() -> None:
    hub = changes()
    first = subscription(hub)
    hub.add_block(A)
    (event,) = events(first)
    hub.add_block(B)
    hub.add_block(C)
    hub.add_block(B)

    assert told(subscription(hub, since=event["cursor"])) == ["c", "b"]


@pytest.mark.parametrize(
    "cursor",
    ["i0:1", "i1:99", "i1:", "i1:-1", "i1:1x", "i1:\u0661", "", "i1:" + "9" * 99],
)
def test_an_unknown_cursor_gives_a_snapshot(cursor: str) -> None:
    hub = changes()
    hub.add_block(A)
    each = subscription(hub, since=cursor, blocks=[A, B])

    assert told(each) == ["a", "b"]


def test_a_cursor_too_old_gives_a_snapshot() -> None:
    hub = changes(max_kept=2)
    for each in (A, B, C):
        hub.add_block(each)

    assert told(subscription(hub, since="i1:0", blocks=[A])) == ["a"]
    assert told(subscription(hub, since="i1:1", blocks=[A])) == ["b", "c"]


def test_a_snapshot_that_was_cut_short_cannot_be_gone_on_from() -> None:
    hub = changes()
    each = subscription(hub, since="i0:0", blocks=[A, B])

    first, second = events(each)
    assert hub.place(first["cursor"]) is None
    assert hub.place(second["cursor"]) == 0


def test_who_falls_behind_what_is_kept_is_given_everything_again() -> None:
    hub = changes(max_kept=2)
    each = subscription(hub)
    for changed in (A, B, C):
        hub.add_block(changed)

    assert each.is_behind
    notification = json.loads(each.resync([A, B, C]))
    assert notification["method"] == "resync"
    assert notification["params"] == {"subscription": "s1", "cursor": "i1:3"}
    assert not each.is_behind
    assert told(each) == ["a", "b", "c"]


def test_news_are_taken_as_there_is_room() -> None:
    hub = changes()
    each = subscription(hub)
    for changed in (A, B, C):
        hub.add_block(changed)

    assert [told(each, max_bytes=1) for _ in range(4)] == [["a"], ["b"], ["c"], []]


def test_a_filter_keeps_what_matches() -> None:
    hub = changes()
    other = block("e" * 16, agent="codex", project="/home/ada/site")
    filters = {
        "agent": SubscriptionFilter(agent="codex"),
        "project": SubscriptionFilter(project="site"),
        "block": SubscriptionFilter(block_id=BlockId("e" * 16)),
        "both": SubscriptionFilter(agent="codex", project="shop"),
    }
    made = {name: subscription(hub, filter_=each) for name, each in filters.items()}
    for changed in (A, other):
        hub.add_block(changed)

    assert {name: told(each) for name, each in made.items()} == {
        "agent": ["e"],
        "project": ["e"],
        "block": ["e"],
        "both": [],
    }


def test_only_the_wanted_topics_are_told() -> None:
    hub = changes()
    flushes = subscription(hub, topics=("flushes",))
    both = subscription(hub, topics=("flushes", "blocks"))
    hub.add_block(A)
    hub.add("flushes", b'{"revision":4}')
    hub.add("flushes", b'{"revision":5}')

    (event,) = events(flushes)
    assert event["data"] == {"revision": 5}
    assert told(both) == ["a", "flushes"]


def test_an_interval_tells_the_first_change_at_once_and_the_rest_at_its_end() -> None:
    hub = changes()
    each = subscription(hub, interval_ms=250)

    hub.add_block(A)
    assert told(each, 10.0) == ["a"]
    hub.add_block(A)
    assert told(each, 10.1) == []
    hub.add_block(A)
    hub.add_block(B)
    assert told(each, 10.2) == ["b"]
    assert each.next_at == 10.25
    assert told(each, 10.25) == ["a"]
    assert each.next_at == math.inf
    assert told(each, 11.0) == []


def test_a_cursor_never_passes_what_is_held_back() -> None:
    hub = changes()
    each = subscription(hub, interval_ms=1000)
    hub.add_block(A)
    told(each, 0.0)
    hub.add_block(A)
    hub.add_block(B)

    (event,) = events(each, 0.1)
    assert letter(event) == "b"
    assert told(subscription(hub, since=event["cursor"])) == ["a", "b"]


def test_spacing_is_forgotten_before_it_grows_without_end() -> None:
    hub = changes(max_kept=10**6)
    each = subscription(hub, interval_ms=60_000)
    for n in range(MAX_SPACED + 100):
        hub.add_block(block(f"{n:016x}"))
    told(each)

    assert len(each._sent_at) == MAX_SPACED
