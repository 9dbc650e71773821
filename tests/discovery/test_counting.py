"""Lines that are only counted: the same counts as where each of them is read."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jarvisd.core.agent import Agent
from jarvisd.core.block import Block
from jarvisd.core.intake import Intake
from jarvisd.core.origin import BlockId, Kind, Origin
from jarvisd.core.roots import Position
from jarvisd.core.sources.jsonlines.lines import Oversize, TextLine
from jarvisd.overview.sessions import Sessions
from tests.agents.found import AGENTS
from tests.support import EPOCH_MS, FakeClock, FakeStore, build_flusher

STAMPS = [
    "2026-11-21T02:51:23.962Z",
    "2026-11-21T02:51:24.000Z",
    "2026-11-21T01:00:00+0100",
    "2026-11-21T12:00:00+1200",
    "2026-11-21T02:51:24+01:00",
    "2026-11-21T02:51:24",
    "1926-11-21T02:51:23.962Z",
    "9999-99-99T99:99:99.999Z",
    "0 o'clock, or twelve...Z",
    "",
    1_795_229_483.5,
    1_795_229_483_500,
    None,
    True,
    ["2026-11-21T02:51:23.962Z"],
]

objects = st.fixed_dictionaries(
    {},
    optional={
        "timestamp": st.sampled_from(STAMPS),
        "cwd": st.sampled_from(["/a", "/b", "", 5, None]),
        "sessionId": st.sampled_from(["s1", "s2", "", 5, None]),
        "text": st.text(max_size=5),
    },
)


def dated(stamp: object) -> bytes:
    return msgspec.json.encode({"timestamp": stamp})


texts = objects.map(msgspec.json.encode) | st.sampled_from(
    [b"", b" ", b"\t\0", b"\0", b"no JSON", b"[]", b"5", b"{", b'{"a":"\xff\xe2\x86"}']
)
lines = st.lists(texts | st.integers(1, 99), max_size=12)


def counted(agent: Agent, given: Sequence[bytes | int], slices: int) -> Block:
    """Return the block that *given* make, as read by *agent*: numbers are oversize."""
    found = [
        TextLine(index, each) if isinstance(each, bytes) else Oversize(index, each)
        for index, each in enumerate(given)
    ]
    origin = Origin(block_id=BlockId("b"), kind=Kind.TRANSCRIPT, agent=agent.name)
    one, sessions, clock = Block(origin), Sessions(), FakeClock()
    sessions.blocks.add(one, EPOCH_MS)
    flusher = build_flusher(FakeStore(), clock, sessions)
    intake = Intake(sessions.blocks, flusher, clock, agents=lambda _: agent)
    step = max(1, len(found) // slices)
    for start in range(0, len(found), step):
        part = found[start : start + step]
        intake.fold(one, part, Position(offset=start + step), written_ms=EPOCH_MS)

    return one


def told(one: Block) -> dict[str, Any]:
    bad_lines = sorted(one.bad_lines, key=lambda each: each.offset)
    return {"counts": one.counts(), "origin": one.origin, "bad": bad_lines}


@pytest.mark.parametrize("name", ["claude", "text"])
@given(lines=lines, slices=st.integers(1, 4))
@example(lines=[dated(each) for each in STAMPS[:4]], slices=1)
@example(lines=[b'{"cwd":"/a"}', b'{"cwd":"/b"}', b'{"cwd":"/c"}'], slices=1)
def test_it_makes_no_difference_to_counts_whether_lines_are_only_counted(
    name: str, lines: list[bytes | int], slices: int
) -> None:
    agent = AGENTS[name]
    outlined = told(
        counted(msgspec.structs.replace(agent, only_counts=True), lines, slices)
    )

    assert outlined == told(counted(agent, lines, slices))
