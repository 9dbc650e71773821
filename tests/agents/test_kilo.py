"""Kilo CLI, where it is not as opencode: places, approvals, costs and spinners."""

import json
from pathlib import Path
from typing import Any

import pytest

from jarvisd.agents.kilo.presence import EVIDENCE
from jarvisd.base.session_words import State
from jarvisd.core.event import (
    ApprovalAnswered,
    ApprovalRequested,
    Event,
    ToolCalled,
    ToolReturned,
    UsageReported,
)
from jarvisd.core.process import ProcessRole
from tests.agents.found import AGENTS, agent_folders, fresh_reader
from tests.agents.samples import items_of
from tests.agents.test_places import roots
from tests.state.rig import Desk, ms

SAMPLE = items_of(agent_folders()["kilo"] / "samples" / "rows.jsonl")
RUNNING = {"status": "running", "input": {}, "time": {"start": ms(1)}}


def events(*items: bytes) -> list[Event]:
    """Return the events of all *items*."""
    reader = fresh_reader("kilo")
    records = (reader.read(item, offset=0) for item in items)
    return [event for record in records if record for event in record.events]


def call(tool: str = "read", **state: Any) -> bytes:
    """Return a call of a message that is being written."""
    return json.dumps(
        {
            "table": "part",
            "owner_role": "assistant",
            "owner_created": ms(0),
            "updated": ms(20),
            "data": {
                "type": "tool",
                "tool": tool,
                "callID": "c1",
                "state": {**RUNNING, **state},
            },
        }
    ).encode()


ALLOWED = call(metadata={"approval": {"source": "manual"}})


def test_a_call_of_any_tool_waits_until_somebody_allows_it() -> None:
    assert [type(each) for each in events(call(), call(), ALLOWED)] == [
        ToolCalled,
        ApprovalRequested,
        ApprovalAnswered,
    ]


def test_a_call_that_is_allowed_at_once_asks_nobody() -> None:
    assert [type(each) for each in events(ALLOWED)] == [ToolCalled]
    done = call(status="completed", metadata={"approval": {"source": "global"}})
    assert [type(each) for each in events(done)] == [ToolCalled, ToolReturned]


def test_a_person_is_awaited_from_three_seconds_on() -> None:
    desk, reader = Desk(), fresh_reader("kilo")
    stream = desk.stream()
    for item in (call(), ALLOWED):
        record = reader.read(item, offset=0)
        assert record is not None
        desk.ledger.apply(stream, record)
        desk.states.apply(stream, record, live=True)
        desk.ledger.applied()
        if item is not ALLOWED:
            assert desk.at(3.9).state is State.WORKING
            assert desk.at(4).state is State.WAITING_APPROVAL

    assert desk.at(30).state is State.WORKING


def test_the_cost_of_a_subagent_is_not_that_of_its_parent() -> None:
    costs = [each for each in events(*SAMPLE) if isinstance(each, UsageReported)]

    assert [each.stated_micros for each in costs] == [1847]


def test_spinners_are_nobodys_words() -> None:
    assert [AGENTS["kilo"].messages(item) for item in SAMPLE[2:4]] == [None, None]


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, ["/home/dev/.local/share/kilo"]),
        ({"XDG_DATA_HOME": "/x"}, ["/x/kilo"]),
        ({"KILO_DATA_DIR": "/d"}, ["/d"]),
        ({"KILO_DB": "my.db"}, ["/home/dev/.local/share/kilo"] * 2),
        ({"KILO_DB": "/my.db"}, ["/home/dev/.local/share/kilo", "/"]),
        ({"KILO_DB": ":memory:"}, ["/home/dev/.local/share/kilo"]),
    ],
)
def test_roots(environ: dict[str, str], expected: list[str]) -> None:
    assert roots("kilo", **environ) == expected
    assert roots("kilo", "/more", **environ)[1] == "/more"


@pytest.mark.parametrize(
    ("path", "is_log"),
    [
        ("kilo.db", True),
        ("kilo-beta.db", True),
        ("kilo.db-wal", False),
        ("opencode.db", False),
        ("log/kilo.db", False),
    ],
)
def test_places(path: str, is_log: bool) -> None:
    (tree,) = AGENTS["kilo"].roots({}, Path("/home/dev"), ())

    assert (tree.place(tuple(path.split("/"))) is not None) is is_log


@pytest.mark.parametrize(
    ("argv", "role"),
    [
        (["/opt/bin/kilo"], ProcessRole.TALKS),
        (["kilocode", "run", "x"], ProcessRole.ONCE),
        (["opencode"], None),
    ],
)
def test_processes(argv: list[str], role: ProcessRole | None) -> None:
    assert EVIDENCE.role(argv) is role
