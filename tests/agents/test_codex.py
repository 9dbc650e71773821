"""What Codex's lines say, by the cases of its format."""

from typing import Any

import pytest

from jarvisd.base.usage import STANDARD, Tokens, Variant
from jarvisd.core.event import (
    Compacted,
    ContextMeasured,
    Event,
    Interrupted,
    LimitsReported,
    LimitWindow,
    MessageWritten,
    ModeChanged,
    Outcome,
    PromptGiven,
    SessionOpened,
    TaskStarted,
    ToolCalled,
    ToolKind,
    ToolReturned,
    TurnEnded,
    TurnStarted,
    UsageReported,
)
from jarvisd.core.record import Record
from tests.agents.found import fresh_reader, read_alone
from tests.agents.undigested import undigested
from tests.ledger.books import line

AT = "2026-11-21T02:26:53.890Z"
AT_MS = 1_795_228_013_890


def bare(**fields: Any) -> Record:
    record = read_alone("codex", line(**fields), offset=0)
    assert record is not None
    return record


def said(kind: str, **payload: Any) -> Record:
    return bare(timestamp=AT, type=kind, payload=payload)


def told(kind: str, **payload: Any) -> tuple[Event, ...]:
    return said("event_msg", type=kind, **payload).events


def tokens_in(record: Record) -> Tokens:
    (usage,) = [each for each in record.events if isinstance(each, UsageReported)]
    return usage.tokens


def served_after(*lines: bytes) -> tuple[str | None, Variant]:
    """Return the model and variant of a response behind *lines*."""
    reader = fresh_reader("codex")
    counts = {"input_tokens": 10, "output_tokens": 2}
    payload = {"response_id": "r", "usage": counts}
    response = line(timestamp=AT, type="token_usage_record", payload=payload)
    for text in (*lines, response):
        record = reader.read(text, offset=0)

    assert record is not None
    (usage,) = [each for each in record.events if isinstance(each, UsageReported)]
    return usage.model, usage.variant


def item(kind: str, **fields: Any) -> tuple[Event, ...]:
    return told("item_completed", item={"type": kind, "id": "call_1", **fields})


def output(text: Any) -> Outcome:
    (event, *_) = said(
        "response_item", type="function_call_output", call_id="c", output=text
    ).events
    assert isinstance(event, ToolReturned)
    return event.outcome


@pytest.mark.parametrize(
    ("counts", "tokens"),
    [
        pytest.param(
            {"input_tokens": 120, "cached_input_tokens": 20, "output_tokens": 30},
            Tokens(input=100, cache_read=20, output=30),
            id="CX-001 cached is inside",
        ),
        pytest.param(
            {"input_tokens": 50, "cached_input_tokens": 100},
            Tokens(cache_read=50),
            id="CX-014 more cached than there is (cut to the prompt)",
        ),
        pytest.param(
            {
                "input_tokens": 30,
                "cached_input_tokens": 10,
                "cache_read_input_tokens": 20,
            },
            Tokens(input=10, cache_read=20),
            id="CX-016 two words for one",
        ),
        pytest.param(
            {
                "input_tokens": 16_845_360,
                "output_tokens": 63_820,
                "cached_input_tokens": 16_358_912,
                "reasoning_output_tokens": 24_882,
            },
            Tokens(
                input=486_448,
                cache_read=16_358_912,
                output=63_820,
                reasoning=24_882,
            ),
            id="CX-017",
        ),
        pytest.param(
            {
                "input_tokens": 100,
                "cached_input_tokens": 60,
                "cache_write_input_tokens": 30,
            },
            Tokens(input=10, cache_read=60, cache_write_5m=30),
            id="written is inside, too",
        ),
        pytest.param(
            {"input_tokens": -3, "output_tokens": 5, "reasoning_output_tokens": 9},
            Tokens(output=5, reasoning=5),
            id="CX-013 negative, and more reasoning than output",
        ),
    ],
)
def test_token_counts_become_disjoint(counts: dict[str, int], tokens: Tokens) -> None:
    assert tokens_in(bare(type="turn.completed", usage=counts)) == tokens


def test_the_real_sum_is_neither_cached_nor_reasoned_twice() -> None:
    """CX-017."""
    counts = {
        "input_tokens": 16_845_360,
        "output_tokens": 63_820,
        "cached_input_tokens": 16_358_912,
        "reasoning_output_tokens": 24_882,
    }

    assert tokens_in(bare(type="turn.completed", usage=counts)).total == 16_909_180


def test_a_thread_that_is_printed_says_so() -> None:
    record = bare(type="thread.started", thread_id="t1")

    assert record.session_id == "t1"
    assert record.events == (SessionOpened(headless=True),)


def test_printed_usage_may_lie_a_level_deeper() -> None:
    """CX-002."""
    counts = {"input_tokens": 50, "cached_input_tokens": 5, "output_tokens": 12}

    record = bare(type="turn.completed", data={"usage": counts})

    assert tokens_in(record) == Tokens(45, 5, 0, 0, 12)


def test_a_token_count_without_last_tokens_estimates_the_context() -> None:
    events = told(
        "token_count",
        info={
            "total_token_usage": {"input_tokens": 9, "total_tokens": 9},
            "last_token_usage": {"input_tokens": 0, "total_tokens": 5_780},
            "model_context_window": 258_400,
        },
    )

    assert events == (ContextMeasured(tokens=5_780, window_tokens=258_400),)


def test_the_tokens_that_were_added_last_fill_the_context() -> None:
    counts = {"input_tokens": 9, "output_tokens": 1}
    info = {"total_token_usage": {"input_tokens": 500}, "last_token_usage": counts}

    assert told("token_count", info=info) == (
        ContextMeasured(tokens=9),
        UsageReported(tokens=Tokens(input=9, output=1)),
    )


def test_without_info_there_are_only_limits() -> None:
    """CX-019."""
    limits = {"primary": {"used_percent": 1.0, "window_minutes": 300}}

    assert told("token_count", info=None, rate_limits=limits) == (
        LimitsReported(windows=(LimitWindow(used_percent=1.0, minutes=300),)),
    )


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        pytest.param(
            {
                "primary": {
                    "used_percent": 12,
                    "window_minutes": 299,
                    "resets_in_seconds": 1_800,
                },
                "secondary": {
                    "used_percent": 3,
                    "window_minutes": 10_079,
                    "resets_in_seconds": 86_400,
                },
            },
            ((12, 299, AT_MS + 1_800_000), (3, 10_079, AT_MS + 86_400_000)),
            id="CX-071 relative",
        ),
        pytest.param(
            {"primary": {"used_percent": 48, "window_minutes": 43_200}},
            ((48, 43_200, None),),
            id="CX-073 free plan",
        ),
        pytest.param(
            {
                "primary": {
                    "used_percent": 1.5,
                    "window_minutes": 300,
                    "resets_at": 1_795_230_000,
                },
                "secondary": {"used_percent": 2, "window_minutes": 10_080},
            },
            ((1.5, 300, 1_795_230_000_000), (2, 10_080, None)),
            id="CX-074 two windows, absolute",
        ),
        pytest.param(
            {"limit_id": "codex", "primary": None, "secondary": None},
            None,
            id="names without numbers",
        ),
    ],
)
def test_rate_limits(
    limits: dict[str, Any], expected: tuple[tuple[float, int, int | None], ...] | None
) -> None:
    events = told("token_count", info=None, rate_limits=limits)

    found = [
        tuple(
            (each.used_percent, each.minutes, each.resets_at_ms)
            for each in event.windows
        )
        for event in events
        if isinstance(event, LimitsReported)
    ]
    assert found == ([] if expected is None else [expected])


def test_a_usage_record_is_one_response() -> None:
    events = said(
        "token_usage_record",
        response_id="resp_1",
        usage={"input_tokens": 10, "output_tokens": 2, "service_tier": "priority"},
    ).events

    assert events == (
        UsageReported(
            response="resp_1",
            tokens=Tokens(input=10, output=2),
            variant=Variant(tier="priority"),
        ),
    )


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        pytest.param(
            {"id": "t1", "source": "exec"},
            SessionOpened(headless=True),
            id="plain",
        ),
        pytest.param(
            {"id": "t2", "forked_from_id": "t1"},
            SessionOpened(),
            id="fork",
        ),
        pytest.param(
            {
                "id": "t2",
                "source": {"subagent": {"thread_spawn": {"parent_thread_id": "t1"}}},
                "subagent_history_start_ordinal": "17",
            },
            SessionOpened(),
            id="subagent, with a number as text",
        ),
        pytest.param(
            {"id": "t2", "source": {"subagent": {"other": "guardian"}}},
            SessionOpened(reviewer=True),
            id="CX-055 reviewer",
        ),
        pytest.param(
            {"id": "t2", "thread_source": "guardian_review"},
            SessionOpened(reviewer=True),
            id="CX-055 reviewer, newer",
        ),
        pytest.param(
            {"id": "t2", "source": {"subagent": "review"}},
            SessionOpened(),
            id="a subagent that is only a word",
        ),
    ],
)
def test_threads(payload: dict[str, Any], expected: SessionOpened) -> None:
    assert said("session_meta", **payload).events == (expected,)


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        pytest.param({"model": "gpt-5.5"}, "gpt-5.5", id="model"),
        pytest.param(
            {"model": "x", "model_info": {"slug": "o3-pro"}}, "o3-pro", id="CX-028 slug"
        ),
        pytest.param(
            {"model": "x", "model_info": {"slug": ""}}, "x", id="CX-028 empty slug"
        ),
        pytest.param({}, None, id="CX-029 none"),
    ],
)
def test_the_model_of_a_turn(payload: dict[str, Any], expected: str | None) -> None:
    turn = line(timestamp=AT, type="turn_context", payload={"turn_id": "u1", **payload})

    assert served_after(turn) == (expected, STANDARD)


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        pytest.param(
            {"thread_settings": {"model": "m", "service_tier": "priority"}},
            ("m", Variant(tier="priority")),
            id="CX-031 tier",
        ),
        pytest.param(
            {"thread_settings": {"model": "m"}},
            ("m", STANDARD),
            id="CX-031 taken back",
        ),
        pytest.param({}, ("before", Variant(tier="flex")), id="CX-031 none"),
    ],
)
def test_settings(
    payload: dict[str, Any], expected: tuple[str | None, Variant]
) -> None:
    before = {"thread_settings": {"model": "before", "service_tier": "flex"}}
    applied = [
        line(
            timestamp=AT,
            type="event_msg",
            payload={"type": "thread_settings_applied", **each},
        )
        for each in (before, payload)
    ]

    assert served_after(*applied) == expected


@pytest.mark.parametrize(
    ("name", "namespace", "expected"),
    [
        pytest.param(
            "exec_command",
            None,
            ToolCalled(call_id="c", tool="exec_command"),
            id="tool",
        ),
        pytest.param(
            "echo",
            "mcp__lab",
            ToolCalled(call_id="c", tool="echo", kind=ToolKind.MCP, server="lab"),
            id="MCP by namespace",
        ),
        pytest.param(
            "lab__echo",
            None,
            ToolCalled(call_id="c", tool="echo", kind=ToolKind.MCP, server="lab"),
            id="MCP by name",
        ),
        pytest.param(
            "spawn_agent",
            "multi_agent_v1",
            ToolCalled(
                call_id="c",
                tool="spawn_agent",
                kind=ToolKind.SUBAGENT,
                subagent="spawn_agent",
            ),
            id="subagent",
        ),
    ],
)
def test_tool_calls(name: str, namespace: str | None, expected: ToolCalled) -> None:
    events = said(
        "response_item",
        type="function_call",
        call_id="c",
        name=name,
        namespace=namespace,
        arguments="{}",
    ).events

    assert undigested(events) == (expected,)


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        pytest.param("Process exited with code 0\nOutput:\nx", Outcome.OK, id="ok"),
        pytest.param(
            "Wall time: 1\nProcess exited with code 2\nOutput:\nx",
            Outcome.ERROR,
            id="CX-062 in the header",
        ),
        pytest.param(
            "Process exited with code 0\nOutput:\nProcess exited with code 2",
            Outcome.OK,
            id="CX-062 in the output",
        ),
        pytest.param("Exit code: 1\nOutput:\n", Outcome.ERROR, id="patch"),
        pytest.param(
            '{"output":"x","metadata":{"exit_code":3}}', Outcome.ERROR, id="older JSON"
        ),
        pytest.param("Script failed: x", Outcome.ERROR, id="a script"),
        pytest.param(
            [
                {
                    "type": "input_text",
                    "text": "Script failed\nWall time 0.0 seconds\n",
                },
                {"type": "input_text", "text": "Script error:\nError: boom"},
            ],
            Outcome.ERROR,
            id="a script, in blocks",
        ),
        pytest.param("aborted by user after 3 s", Outcome.DENIED, id="rejected"),
        pytest.param(
            "Wall time: 8.5 seconds\naborted by user", Outcome.DENIED, id="with a time"
        ),
        pytest.param(
            "exec command rejected by user", Outcome.DENIED, id="rejected in words"
        ),
        pytest.param("patch rejected by user", Outcome.DENIED, id="a patch"),
        pytest.param(
            "Wall time: 8.5 seconds\nOutput:\naborted by user",
            Outcome.OK,
            id="said by the command",
        ),
        pytest.param([{"type": "input_text", "text": "fine"}], Outcome.OK, id="blocks"),
        pytest.param(None, Outcome.OK, id="when unclear, it went well"),
    ],
)
def test_how_a_call_came_back(text: Any, outcome: Outcome) -> None:
    assert output(text) is outcome


def test_a_command_that_goes_on_is_a_task() -> None:
    """CX-061."""
    events = said(
        "response_item",
        type="function_call_output",
        call_id="c",
        output="Wall time: 1\nProcess running with session ID 7\nOutput:\n",
    ).events

    assert TaskStarted(task_id="7") in events


@pytest.mark.parametrize(
    ("kind", "fields", "expected"),
    [
        pytest.param(
            "CommandExecution",
            {"exit_code": 3, "status": "failed"},
            (ToolReturned(call_id="call_1", outcome=Outcome.ERROR),),
            id="a command that failed",
        ),
        pytest.param(
            "McpToolCall",
            {"status": "completed", "result": {"isError": True}},
            (ToolReturned(call_id="call_1", outcome=Outcome.ERROR),),
            id="an MCP error",
        ),
        pytest.param(
            "CollabAgentToolCall",
            {"tool": "spawn_agent", "receiver_thread_ids": ["t2"]},
            (ToolReturned(call_id="call_1"),),
            id="a subagent",
        ),
        pytest.param(
            "AgentMessage", {}, (MessageWritten(message_id="call_1"),), id="a message"
        ),
        pytest.param("Sleep", {}, (), id="unknown"),
    ],
)
def test_items(kind: str, fields: dict[str, Any], expected: tuple[Event, ...]) -> None:
    assert item(kind, **fields) == expected


@pytest.mark.parametrize("kind", ["CommandExecution", "FileChange", "McpToolCall"])
def test_what_a_script_runs_is_no_call_of_its_own(kind: str) -> None:
    assert item(kind, id="exec-1", status="failed", exit_code=3) == ()


@pytest.mark.parametrize(
    ("kind", "fields", "outcome"),
    [
        pytest.param("exec_command_end", {"exit_code": 1}, Outcome.ERROR, id="command"),
        pytest.param("patch_apply_end", {"success": False}, Outcome.ERROR, id="patch"),
        pytest.param(
            "mcp_tool_call_end", {"result": {"Err": "x"}}, Outcome.ERROR, id="MCP"
        ),
        pytest.param(
            "mcp_tool_call_end", {"result": {"Ok": {}}}, Outcome.OK, id="fine"
        ),
    ],
)
def test_older_ends(kind: str, fields: dict[str, Any], outcome: Outcome) -> None:
    assert told(kind, call_id="c", **fields) == (
        ToolReturned(call_id="c", outcome=outcome),
    )


@pytest.mark.parametrize(
    ("message", "prompts"),
    [
        pytest.param("Look around", 1, id="words"),
        pytest.param("Use a <div> here", 1, id="CX-064 a tag inside"),
        pytest.param(
            "# AGENTS.md instructions for x\n<INSTRUCTIONS>y</INSTRUCTIONS>",
            0,
            id="CX-064",
        ),
        pytest.param("# AGENTS.md instructions are missing", 1, id="only the start"),
        pytest.param(
            "<environment_context>x</environment_context>", 0, id="environment"
        ),
        pytest.param("", 1, id="images alone"),
    ],
)
def test_prompts(message: str, prompts: int) -> None:
    old = told("user_message", message=message)
    new = item("UserMessage", content=[{"type": "text", "text": message}])

    for events in (old, new):
        assert sum(isinstance(each, PromptGiven) for each in events) == prompts


def test_what_the_model_saw_is_not_counted_as_a_prompt_again() -> None:
    events = said(
        "response_item",
        type="message",
        role="user",
        content=[{"type": "input_text", "text": "Look"}],
    ).events

    assert events == ()


@pytest.mark.parametrize(
    ("kind", "fields", "expected"),
    [
        pytest.param(
            "task_started",
            {"turn_id": "u", "started_at": 17, "model_context_window": 9},
            (TurnStarted(turn_id="u", window_tokens=9),),
            id="start",
        ),
        pytest.param(
            "task_started",
            {"turn_id": "u", "started_at": "soon"},
            (TurnStarted(turn_id="u"),),
            id="CX-047 a start that is no number",
        ),
        pytest.param(
            "task_complete",
            {"turn_id": "u", "duration_ms": 6_058},
            (TurnEnded(turn_id="u", duration_ms=6_058),),
            id="CX-067 end",
        ),
        pytest.param(
            "turn_aborted",
            {"turn_id": "u", "reason": "interrupted"},
            (Interrupted(reason="interrupted"), TurnEnded(turn_id="u")),
            id="CX-058 abort",
        ),
        pytest.param("future_event", {"x": 1}, (), id="unknown"),
    ],
)
def test_turns(kind: str, fields: dict[str, Any], expected: tuple[Event, ...]) -> None:
    assert told(kind, **fields) == expected


def test_other_envelopes() -> None:
    assert said("compacted", message="").events == (Compacted(),)
    assert said("world_state", state={}).events == ()
    assert said("turn_context", approval_policy="never").events[-1] == ModeChanged(
        mode="never"
    )


def test_a_folder_is_the_same_with_a_slash_behind_it() -> None:
    """CX-056."""
    assert said("session_meta", id="t", cwd="/w/p/").cwd == "/w/p"
    assert said("session_meta", id="t", cwd="/").cwd == "/"


def test_lines_of_the_oldest_kind_have_no_envelope() -> None:
    content = [{"type": "input_text", "text": "Look"}]
    assert any(
        isinstance(each, PromptGiven)
        for each in bare(type="message", role="user", content=content).events
    )
    assert bare(type="function_call", call_id="c", name="shell").events == (
        ToolCalled(call_id="c", tool="shell"),
    )
    assert bare(id="x", timestamp=AT).at_ms == AT_MS
