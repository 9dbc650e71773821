"""Rows of opencode, and what its reader says of them; numbers are cases of its format."""

import json
from typing import Any

import pytest

from jarvisd.agents.opencode.messages import spoken
from jarvisd.agents.opencode.presence import EVIDENCE
from jarvisd.agents.opencode.usage import drift_in
from jarvisd.base.usage import Tokens
from jarvisd.core.event import (
    ApiFailed,
    Asked,
    Compacted,
    Event,
    Instructed,
    Interrupted,
    MessageWritten,
    Outcome,
    PromptGiven,
    TitleGiven,
    ToolCalled,
    ToolKind,
    ToolReturned,
    Trouble,
    TurnEnded,
    UsageReported,
)
from jarvisd.core.message import Role
from jarvisd.core.process import ProcessRole
from jarvisd.core.record import Drift, DriftKind, Record
from tests.agents.found import AGENTS, fresh_reader
from tests.agents.test_places import HOME, roots

T = 1796100000000
OPENED = T - 1000
TOKENS = {
    "input": 127,
    "output": 46,
    "reasoning": 24,
    "cache": {"read": 2034, "write": 7},
}


def row(table: str, **columns: Any) -> bytes:
    """Return a row as the queries give it."""
    session = {
        "directory": "/w",
        "parent": None,
        "version": "1.18.33",
        "opened": OPENED,
    }
    return json.dumps({"table": table, **session, **columns}).encode()


def part(
    kind: str, *, owner: str = "assistant", owner_ms: int = T, **data: Any
) -> bytes:
    """Return a part of a message that is being written."""
    columns = data.pop("columns", {})
    return row(
        "part",
        **{
            "id": "prt_1",
            "message": "msg_1",
            "created": owner_ms + 500,
            "owner_role": owner,
            "owner_created": owner_ms,
            "owner_model": "gpt-5.1",
            "owner_provider": "openai",
            **columns,
        },
        data={"type": kind, **data},
    )


def message(created: int = T, completed: int | None = T + 900, **data: Any) -> bytes:
    """Return a message of the agent."""
    times = {"created": created, **({"completed": completed} if completed else {})}
    return row(
        "message",
        id="msg_1",
        created=created,
        data={
            "role": "assistant",
            "modelID": "gpt-5.1",
            "providerID": "openai",
            "time": times,
            **data,
        },
    )


def read(*items: bytes) -> list[Record]:
    """Return the records of *items*, one after the other."""
    reader, found = fresh_reader("opencode"), []
    for item in items:
        record = reader.read(item, offset=0)
        assert record is not None
        found.append(record)

    return found


def events(*items: bytes) -> list[Event]:
    """Return the events of all *items*."""
    return [event for record in read(*items) for event in record.events]


def usages(*items: bytes) -> dict[str | None, Tokens]:
    """Return the tokens of *items* by response, as the ledger merges them."""
    found = [each for each in events(*items) if isinstance(each, UsageReported)]
    return {each.response: each.tokens for each in found}


def finish(reason: str = "stop", cost: float = 0, **tokens: Any) -> bytes:
    """Return the end of a step."""
    return part("step-finish", reason=reason, cost=cost, tokens={**TOKENS, **tokens})


@pytest.mark.parametrize(
    ("tokens", "provider", "expected"),
    [
        pytest.param(
            {"input": 100, "output": 10, "cache": {"read": 50, "write": 0}},
            "openai",
            Tokens(input=100, cache_read=50, output=10),
            id="OC-001",
        ),
        pytest.param(
            {"total": 21781, "input": 21600, "output": 5, "reasoning": 176},
            "openai",
            Tokens(input=21600, output=181, reasoning=176),
            id="OC-002 a total proves that reasoning is apart",
        ),
        pytest.param(
            {"total": 205, "input": 100, "output": 105, "reasoning": 80},
            "openai",
            Tokens(input=100, output=105, reasoning=80),
            id="a total proves that reasoning is inside",
        ),
        pytest.param(
            {"input": 100, "output": 105, "reasoning": 80},
            "openai",
            Tokens(input=100, output=105, reasoning=80),
            id="without a total as OpenAI counts",
        ),
        pytest.param(
            {"input": 100, "output": 105, "reasoning": 80},
            "google",
            Tokens(input=100, output=185, reasoning=80),
            id="without a total as Google counts",
        ),
        pytest.param(
            {
                "input": 5519,
                "output": 20,
                "reasoning": 23,
                "cache": {"read": 100, "write": 50},
            },
            "openai",
            Tokens(
                input=5519, cache_read=100, cache_write_5m=50, output=43, reasoning=23
            ),
            id="OC-011 more reasoning than output",
        ),
        pytest.param(
            {"input": -5, "output": 20, "reasoning": -1, "cache": {"read": -3}},
            "openai",
            Tokens(output=20),
            id="OC-008 negative",
        ),
    ],
)
def test_tokens_are_disjoint(
    tokens: dict[str, Any], provider: str, expected: Tokens
) -> None:
    step = part("step-finish", tokens=tokens, columns={"owner_provider": provider})

    assert list(usages(step).values()) == [expected]


def test_oc004_each_step_of_a_message_counts() -> None:
    last = {"input": 200, "output": 20}
    found = usages(
        part("step-finish", tokens={"input": 100, "output": 10}),
        part("step-finish", tokens=last),
        message(tokens=last, finish="stop"),
    )

    assert [each.total for each in found.values()] == [110, 220]


def test_oc005_a_message_without_steps_counts_itself() -> None:
    (found,) = events(message(tokens=TOKENS, cost=0.5, finish="tool-calls"))[:1]

    assert isinstance(found, UsageReported)
    assert found.model == "gpt-5.1"
    assert found.stated_micros == 500_000


def test_the_cost_of_a_message_does_not_replace_that_of_its_step() -> None:
    """Kilo adds the cost of a subagent to that of the message that started it."""
    found = events(
        finish(cost=0.002), message(tokens=TOKENS, cost=0.009, finish="stop")
    )

    assert [e.stated_micros for e in found if isinstance(e, UsageReported)] == [2000]


@pytest.mark.parametrize(
    "item",
    [
        pytest.param(
            row("message", id="m", created=T, data={"role": "user", "tokens": TOKENS}),
            id="OC-007 role user",
        ),
        pytest.param(message(completed=None), id="OC-007 no tokens"),
        pytest.param(
            message(tokens={"input": 0, "output": 0}, completed=None),
            id="a message that has only begun",
        ),
    ],
)
def test_what_is_no_response_counts_nothing(item: bytes) -> None:
    assert usages(item) == {}


def test_oc010_a_fork_repeats_the_keys_of_what_it_copies() -> None:
    copied = {
        "id": "prt_9",
        "message": "msg_9",
        "created": T + 90_000,
        "opened": T + 80_000,
    }
    step = part("step-finish", tokens=TOKENS)
    copy = part("step-finish", tokens=TOKENS, columns=copied)
    (own,), (found,) = read(step), read(copy)

    assert found.copied
    assert not own.copied
    assert usages(step) == usages(copy)
    assert len(usages(step, part("step-finish", tokens=TOKENS, owner_ms=T + 1))) == 2


def test_oc013_the_time_of_the_row_stands_for_one_that_is_missing() -> None:
    item = row(
        "message",
        id="m",
        created=T,
        data={"role": "assistant", "tokens": TOKENS, "finish": "stop"},
    )

    (record,) = read(item)

    assert record.at_ms == T
    assert usages(item)


def tool(status: str, *, name: str = "bash", **state: Any) -> bytes:
    """Return a tool call as far as it came."""
    columns = state.pop("columns", {})
    return part(
        "tool",
        tool=name,
        callID="call_1",
        state={"status": status, **state},
        columns=columns,
    )


def test_oc016_a_call_is_one_however_often_it_comes() -> None:
    found = events(
        tool("pending", input={}),
        tool("running", input={"command": "ls"}, time={"start": T + 100}),
        tool("running", input={"command": "ls"}, metadata={"output": ""}),
        tool(
            "completed",
            input={"command": "ls"},
            metadata={"exit": 0},
            time={"start": T + 100, "end": T + 900},
        ),
    )

    calls = [each for each in found if isinstance(each, ToolCalled)]
    assert {(each.call_id, each.tool) for each in calls} == {("call_1", "bash")}
    assert [bool(each.digest) for each in calls] == [False, True]
    assert [each for each in found if isinstance(each, ToolReturned)] == [
        ToolReturned(call_id="call_1", duration_ms=800)
    ]


@pytest.mark.parametrize(
    ("item", "outcome"),
    [
        (tool("completed", metadata={"exit": 3}), Outcome.ERROR),
        (tool("completed", metadata={"exit": None}), Outcome.OK),
        (tool("completed", name="invalid"), Outcome.ERROR),
        (tool("error", error="boom: ping"), Outcome.ERROR),
        (tool("error", error="Tool execution aborted"), Outcome.ERROR),
        (
            tool("error", error="The user rejected permission to use this tool."),
            Outcome.DENIED,
        ),
        (
            tool("error", error="The user has specified a rule which prevents you"),
            Outcome.DENIED,
        ),
    ],
)
def test_how_a_call_ended(item: bytes, outcome: Outcome) -> None:
    returned = [each for each in events(item) if isinstance(each, ToolReturned)]

    assert [each.outcome for each in returned] == [outcome]


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("task", {"subagent_type": "explore"}, (ToolKind.SUBAGENT, None, "task")),
        ("lab_echo", {}, (ToolKind.MCP, "lab", "echo")),
        ("plan_exit", {}, (ToolKind.TOOL, None, "plan_exit")),
        ("apply_patch", {}, (ToolKind.TOOL, None, "apply_patch")),
        ("_x", {}, (ToolKind.TOOL, None, "_x")),
    ],
)
def test_the_kind_of_a_tool(
    name: str, given: dict[str, Any], expected: tuple[ToolKind, str | None, str]
) -> None:
    (call,) = events(tool("running", name=name, input=given))[:1]

    assert isinstance(call, ToolCalled)
    assert (call.kind, call.server, call.tool) == expected


def test_an_old_result_that_is_dropped_from_the_context_is_none() -> None:
    old = tool("completed", time={"start": T, "end": T + 9, "compacted": T + 99_000})
    newer = part("text", owner="user", owner_ms=T + 50_000, text="go on")

    assert [type(each) for each in events(newer, old)] == [PromptGiven]


def test_oc017_an_open_question_waits_for_an_answer() -> None:
    assert AGENTS["opencode"].traits.is_question("question")


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("New session - 2026-11-30T23:33:54.273Z", []),
        ("Child session - 2026-11-30T23:33:54.273Z", []),
        ("", []),
        ("Tidy demo project", ["Tidy demo project"]),
        ("x" * 300, ["x" * 200]),
    ],
)
def test_oc019_a_placeholder_is_no_title(title: str, shown: list[str]) -> None:
    item = row("session", id="ses_1", parent="ses_0", title=title, updated=T)
    (record,) = read(item)

    assert record.parent_session_id == "ses_0"
    assert [e.title for e in record.events if isinstance(e, TitleGiven)] == shown


def prompt(text: str = "hi", owner_ms: int = T, **more: Any) -> bytes:
    return part("text", owner="user", owner_ms=owner_ms, text=text, **more)


def test_words_of_people_are_prompts_and_no_others() -> None:
    assert events(prompt("hello")) == [PromptGiven(chars=5, key=f"{T:x}")]
    assert events(prompt(synthetic=True)) == []
    assert events(prompt(ignored=True)) == []
    assert events(prompt(columns={"parent": "ses_0"})) == [Instructed(by_agent=True)]


def test_an_old_prompt_that_comes_again_begins_nothing() -> None:
    assert events(prompt(owner_ms=T + 5_000), prompt())[1:] == []


def test_a_turn_ends_with_its_last_step() -> None:
    words = part("text", text="Shall I go on?", time={"start": T, "end": T + 5})

    assert events(words, finish("tool-calls"))[-1] == MessageWritten(
        message_id="msg_1", stop_reason="tool_use"
    )
    assert isinstance(events(words, finish("stop"))[-1], Asked)
    assert isinstance(events(words, tool("completed"), finish("stop"))[-1], TurnEnded)


def test_a_message_does_not_end_the_turn_of_a_newer_prompt() -> None:
    queued = prompt(owner_ms=T + 100)

    assert not any(
        isinstance(each, MessageWritten)
        for each in events(queued, finish("stop"), message(finish="stop"))
    )


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ({"name": "MessageAbortedError"}, Interrupted(reason="user")),
        (
            {"name": "APIError", "data": {"statusCode": 400, "message": "x"}},
            ApiFailed(error="APIError", status=400, trouble=Trouble.API_ERROR),
        ),
        (
            {"name": "APIError", "data": {"statusCode": 401}},
            ApiFailed(error="APIError", status=401, trouble=Trouble.LOGGED_OUT),
        ),
        (
            {"name": "ProviderAuthError", "data": {}},
            ApiFailed(error="ProviderAuthError", trouble=Trouble.LOGGED_OUT),
        ),
        (
            {"name": "MessageOutputLengthError"},
            ApiFailed(error="MessageOutputLengthError"),
        ),
    ],
)
def test_what_ended_a_message(error: dict[str, Any], expected: Event) -> None:
    assert events(message(error=error))[-1] == expected


def test_the_result_of_an_interrupted_call_sets_nobody_to_work() -> None:
    ended = {"owner_completed": T + 900, "owner_error": "MessageAbortedError"}
    found = events(tool("error", error="Tool execution aborted", columns=ended))

    assert found[-2:] == [
        MessageWritten(message_id="msg_1", stop_reason="MessageAbortedError"),
        TurnEnded(),
    ]


@pytest.mark.parametrize(("auto", "trigger"), [(True, "auto"), (False, "manual")])
def test_a_compaction(auto: bool, trigger: str) -> None:
    found = events(
        part("compaction", owner="user", auto=auto),
        message(T + 10, mode="compaction", summary=True, finish="stop", tokens=TOKENS),
    )

    assert [type(each) for each in found] == [UsageReported, Compacted]
    assert isinstance(found[-1], Compacted)
    assert found[-1].trigger == trigger


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (part("hologram"), [Drift(DriftKind.RECORD_TYPE, "part:hologram")]),
        (row("todo", id="x"), [Drift(DriftKind.RECORD_TYPE, "todo")]),
        (part("patch", hash="1"), []),
    ],
)
def test_what_is_not_known_is_named(item: bytes, expected: list[Drift]) -> None:
    (record,) = read(item)

    assert list(record.drift) == expected


def test_unknown_counts_are_named() -> None:
    odd = {"input": 1, "output": 1, "dreams": 4, "cache": {"read": 1, "frozen": 2}}

    assert drift_in(finish()) == ()
    assert [each.name for each in drift_in(part("step-finish", tokens=odd))] == [
        "dreams",
        "frozen",
    ]
    assert [each.kind for each in drift_in(part("step-finish"))] == [
        DriftKind.NO_TOKENS
    ]


def test_words_are_those_of_people_and_of_finished_parts() -> None:
    said = spoken(prompt("hello"))
    assert said is not None
    assert (said.role, said.content, said.at_ms) == (Role.USER, "hello", T)
    growing = part("text", text="I", time={"start": T})
    done = part("text", text="I did.", time={"start": T, "end": T + 5})
    assert spoken(growing) is None
    told = spoken(done)
    assert told is not None
    assert (told.role, told.content) == (Role.ASSISTANT, "I did.")
    for silent in (prompt(synthetic=True), message(), tool("completed"), b"{}", b"x"):
        assert spoken(silent) is None


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, "/home/dev/.local/share/opencode"),
        ({"XDG_DATA_HOME": "/x"}, "/x/opencode"),
        ({"XDG_DATA_HOME": "relative"}, "/home/dev/.local/share/opencode"),
        ({"OPENCODE_DATA_DIR": "/d"}, "/d"),
    ],
)
def test_roots(environ: dict[str, str], expected: str) -> None:
    assert roots("opencode", **environ) == [
        expected,
        f"{expected}/storage/message",
        f"{expected}/storage/session",
    ]


def test_a_named_database_and_configured_roots_are_added() -> None:
    found = roots("opencode", "/a", "/b", OPENCODE_DB="/else/my.db")

    assert found[:4] == ["/home/dev/.local/share/opencode", "/a", "/b", "/else"]


@pytest.mark.parametrize(
    ("path", "session"),
    [
        ("opencode.db", ""),
        ("opencode-beta.db", ""),
        ("opencode.db-wal", None),
        ("opencode.db.bak", None),
        ("other.db", None),
        ("log/opencode.db", None),
        ("storage/message/ses_1/msg_2.json", "ses_1"),
        ("storage/message/ses_1/msg_2.json.tmp", None),
        ("storage/session/p1/ses_1.json", "ses_1"),
        ("storage/part/msg_1/prt_1.json", None),
        ("storage/session_diff/ses_1.json", None),
    ],
)
def test_places(path: str, session: str | None) -> None:
    trees = AGENTS["opencode"].roots({}, HOME, ())
    root = HOME / ".local/share/opencode"
    whole = root / path
    found = [
        place.session_id or ""
        for tree in trees
        if whole.is_relative_to(tree.root)
        and (place := tree.place(whole.relative_to(tree.root).parts)) is not None
    ]

    assert found == ([] if session is None else [session])


@pytest.mark.parametrize(
    ("argv", "role"),
    [
        (["/opt/opencode-linux-x64/bin/opencode"], ProcessRole.TALKS),
        (["opencode", "-c"], ProcessRole.TALKS),
        (["opencode", "run", "do it"], ProcessRole.ONCE),
        (["opencode", "serve", "--port", "0"], ProcessRole.HOSTS),
        (["opencode", "auth", "login"], None),
        (["node", "/usr/bin/opencode", "run"], None),
        (["vim", "opencode"], None),
        ([], None),
    ],
)
def test_processes(argv: list[str], role: ProcessRole | None) -> None:
    assert EVIDENCE.role(argv) is role
