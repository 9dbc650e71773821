"""What was said and done, held against what the daemon, a file and a collector have."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec

from jarvisd.conversations.model import ConversationView
from jarvisd.conversations.wire import (
    ConversationsListResult,
    ConversationsMessagesResult,
)
from jarvisd.segments.model import Segment
from jarvisd.segments.wire import SegmentsListResult
from tests.e2e.client import Client
from tests.hostile.talkers import Sums, segment_sums

PAGE = 1_000

_SENT = {"turn_count": "turns", "tokens_in": "tokens_in", "tokens_out": "tokens_out"}
"""Properties of an event, and what they are in a segment."""


@dataclass(frozen=True, slots=True)
class Messages:
    """Messages that there should be, and how those that are there differ from them."""

    expected: int
    lost: int
    doubled: int
    misplaced: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a sink has, and how that differs from the segments that are listed."""

    received: int
    missing: int
    unknown: int
    differing: int


def compare_messages(wanted: Iterable[list[str]], found: Iterable[str]) -> Messages:
    """Hold *found* against what each speaker said, in the speaker's order."""
    counts, places = Counter(found), _places(found)
    expected = lost = doubled = misplaced = 0
    for said in wanted:
        expected += len(said)
        lost += sum(not counts[each] for each in said)
        doubled += sum(max(0, counts[each] - 1) for each in said)
        order = [places[each] for each in said if each in places]
        misplaced += sum(a > b for a, b in pairwise(order))

    return Messages(expected, lost, doubled, misplaced)


def wrong_sums(expected: Sums, segments: Iterable[Segment]) -> int:
    """Return how many sums of sessions their segments do not add up to."""
    told = segment_sums(segments)
    return sum(expected[key] != told[key] for key in expected | told)


def misnumbered(segments: Iterable[Segment]) -> int:
    """Return how many sessions have segments that are not numbered 1, 2, 3, ..."""
    numbers: dict[tuple[str, str], list[int]] = defaultdict(list)
    for each in segments:
        numbers[each.agent, each.session_id].append(each.segment)

    return sum(
        sorted(each) != list(range(1, len(each) + 1)) for each in numbers.values()
    )


def compare_file(file: Path, segments: Sequence[Segment]) -> Delivery:
    """Hold the lines of a JSONL sink against *segments*."""
    lines = file.read_bytes().splitlines()
    told = [msgspec.json.decode(line, type=Segment) for line in lines]
    records = [(each.segment_id, each) for each in told]
    return _compare(records, {each.segment_id: each for each in segments})


def compare_events(
    events: Iterable[Mapping[str, Any]], segments: Sequence[Segment]
) -> Delivery:
    """Hold what a collector was sent against *segments*; repeats must say the same."""
    first: dict[str, Mapping[str, Any]] = {}
    records: list[tuple[str, Any]] = []
    for event in events:
        id_ = event["properties"]["$insert_id"]
        repeated = first.setdefault(id_, event)
        records.append((id_, _numbers(event) if repeated == event else None))

    return _compare(records, {each.segment_id: _sent(each) for each in segments})


async def all_segments(client: Client) -> list[Segment]:
    """Return every segment, the first closed first."""
    found: list[Segment] = []
    after, more = 0, True
    while more:
        page = await client.ask(
            "segments.list", SegmentsListResult, after=after, limit=PAGE
        )
        found += page.segments
        after, more = page.next, page.more

    return found


async def all_conversations(client: Client) -> list[ConversationView]:
    """Return every conversation."""
    answer = await client.ask(
        "conversations.list", ConversationsListResult, active_only=False
    )
    return answer.conversations


async def all_messages(client: Client, conversation_id: str) -> list[str]:
    """Return what was said in a conversation, in order."""
    pages: list[list[str]] = []
    asked: dict[str, Any] = {"conversation_id": conversation_id, "limit": PAGE}
    more = True
    while more:
        page = await client.ask(
            "conversations.messages", ConversationsMessagesResult, **asked
        )
        pages.append([each.content for each in page.messages])
        more = page.more
        asked["before"] = page.messages[0].message_id if page.messages else 0

    return [each for page in reversed(pages) for each in page]


def _compare(records: Sequence[tuple[str, Any]], listed: Mapping[str, Any]) -> Delivery:
    ids = {id_ for id_, _ in records}
    return Delivery(
        received=len(records),
        missing=len(listed.keys() - ids),
        unknown=len(ids - listed.keys()),
        differing=sum(id_ in listed and listed[id_] != one for id_, one in records),
    )


def _numbers(event: Mapping[str, Any]) -> list[int]:
    return [event["properties"][name] for name in _SENT]


def _sent(segment: Segment) -> list[int]:
    return [getattr(segment, name) for name in _SENT.values()]


def _places(found: Iterable[str]) -> dict[str, int]:
    return {each: number for number, each in enumerate(found)}
