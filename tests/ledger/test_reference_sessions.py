"""The accounts of sessions that the reference lists as cases (S001), as data.

Those on merging, forks, titles, times and models are in `test_ledger_claude`; those on days
and attribution in `tests/books/test_tool_reports`.
"""

import json
from typing import Any

import pytest
from msgspec.structs import asdict

from jarvisd.ledger.session_totals import Session
from tests.ledger.books import Block, block, line, read_all
from tests.ledger.test_ledger_claude import call, prompt, reply, result, stamp


def calls(*tools: dict[str, Any]) -> bytes:
    return reply(blocks=list(tools), inp=1)


def skill(call_id: str, **given: Any) -> dict[str, Any]:
    return {**call(call_id, "Skill"), "input": given}


def used(**usage: Any) -> bytes:
    return reply(inp=5, **usage)


NO_COUNTS: list[Any] = [True, -5, "7", 12.5, None, 2**60, [], {}]

CASES = [
    pytest.param(
        [calls(call("1", "mcp__github__get_issue"))],
        {"mcp_calls": 1, "tool_calls": 0, "tools": {"github/get_issue": 1}},
        id="2 a tool of MCP is none of the plain ones",
    ),
    pytest.param(
        [calls(call("1")), result("1", error=True)],
        {"tool_calls": 1, "tool_errors": 1},
        id="3 a call that failed",
    ),
    pytest.param(
        [
            line(type="system", timestamp=stamp(0)),
            line(type="summary", timestamp=stamp(1)),
        ],
        {"messages": 0, "tool_calls": 0, "prompts": 0, "model": None},
        id="5 bookkeeping alone",
    ),
    pytest.param(
        [calls(call("1"), call("2"))],
        {"tool_calls": 2, "tools": {"Bash": 2}},
        id="6 two calls on a line",
    ),
    pytest.param(
        [calls(call("1")), calls(call("1")), calls(call("1"))],
        {"tool_calls": 1},
        id="8 read again",
    ),
    pytest.param(
        [calls(call("1", "Task")), calls(call("2", "Agent", subagent_type=""))],
        {"subagents": 2, "tool_calls": 0, "tools": {"Task": 1, "Agent": 1}},
        id="11 subagents without a type",
    ),
    pytest.param(
        [calls(skill("1", skill="a", name="b"), skill("2", name="b"))],
        {"skills": 2, "tool_calls": 2},
        id="12 skills by either name",
    ),
    pytest.param(
        [calls(call("1", "Skill"))],
        {"skills": 0, "tool_calls": 1},
        id="12 a skill without a name",
    ),
    pytest.param(
        [
            line(type=kind, timestamp=stamp(0), message={"content": [call(kind)]})
            for kind in (
                "system",
                "summary",
                "file-history-snapshot",
                "queue-operation",
            )
        ],
        {"tool_calls": 0},
        id="14 bookkeeping calls no tools",
    ),
    *(
        pytest.param(
            [used(out=value)], {"output": 0, "input": 5}, id=f"18 {value!r} is no count"
        )
        for value in NO_COUNTS
    ),
    pytest.param([used(out=12)], {"output": 12}, id="18 a count"),
    pytest.param(
        [calls(call("1")), b'{"type": "user", ', calls(call("2"))],
        {"tool_calls": 2},
        id="24 a bad line between two good ones",
    ),
    pytest.param(
        [prompt("<command-name>/clear</command-name>")],
        {"commands": 1, "prompts": 0},
        id="27 a command in its tag",
    ),
    pytest.param(
        [prompt("<command-name>/plugin:name</command-name>")],
        {"commands": 1},
        id="27 a command of a plugin",
    ),
    *(
        pytest.param([prompt(text)], {"commands": 0, "prompts": 1}, id=f"27 {text}")
        for text in ("/etc/passwd is bad", "see /x", "/a.b is a file")
    ),
    pytest.param(
        [prompt("hidden", isMeta=True), result("1")],
        {"prompts": 0},
        id="36 what a person did not write is no prompt",
    ),
]


PEERS = [
    pytest.param(
        [reply(out=100), reply(out=100, request="r2", isSidechain=True)],
        {"output": 100},
        id="replayed under another request",
    ),
    pytest.param(
        [reply(out=out, read=1000, request=None) for out in (1, 400)],
        {"output": 400, "cache_read": 1000},
        id="copies without a request",
    ),
    pytest.param(
        [json.dumps(json.loads(reply(out=170))).encode()],
        {"output": 170},
        id="spaces after colons",
    ),
    pytest.param([reply(out=123, speed=None)], {"output": 123}, id="a speed of null"),
]
"""Where other tools count otherwise: docs/accuracy.md."""


@pytest.mark.parametrize(("lines", "expected"), [*CASES, *PEERS])
def test_a_session_is_accounted_for(
    lines: list[bytes], expected: dict[str, Any]
) -> None:
    session = session_of(block(lines))

    found = asdict(session) | asdict(session.tokens) | {"model": session.model}
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize("stamp_", [5, "", "yesterday", None, [], True])
def test_an_absurd_time_costs_no_event_and_no_time(stamp_: Any) -> None:
    content = {"id": "m1", "content": [call("1")]}
    lines = (
        prompt(second=0),
        line(type="assistant", timestamp=stamp_, message=content),
        prompt("More", second=30, key="p2"),
    )

    session = session_of(block(lines))

    assert (session.tool_calls, session.spans.wall_ms) == (1, 30_000)


def test_a_subagents_prompts_are_of_its_own_session() -> None:
    main = block([prompt()], session="s1")
    side = block([prompt("Do", key="p2", isSidechain=True)], session="a1", parent="s1")
    books = read_all(main, side)

    assert books.session("s1").prompts == 1
    assert books.session("a1").parent_session_id == "s1"


def session_of(file: Block) -> Session:
    return read_all(file).session()
