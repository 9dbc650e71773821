"""OpenHands: what its items say, where its conversations are, and its processes."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from jarvisd.agents.openhands.presence import role
from jarvisd.agents.openhands.shape import CONVERSATION
from jarvisd.base.session_words import State
from jarvisd.base.usage import Tokens
from jarvisd.core.event import (
    ApiFailed,
    Event,
    Outcome,
    PromptGiven,
    ToolReturned,
    UsageReported,
)
from jarvisd.core.origin import SessionId
from jarvisd.core.process import ProcessRole
from jarvisd.core.record import Record
from jarvisd.core.source import Budget
from jarvisd.core.sources.document.session_folder import SessionFolder
from tests.agents.found import AGENTS, fresh_reader, read_alone
from tests.sources.document.counting import Counted, SteppedClock, drain
from tests.state.rig import Desk, ms, stamp

HOME = Path("/home/dev")
MAIN, CHILD = "9ceb4793c1444c7ca61eefe2bfffe2d1", "8c75bf798b8f4fc39eb217efa74b1084"


def item(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


def event(second: float, kind: str, **fields: Any) -> bytes:
    return item(kind=kind, id=f"e{second}", timestamp=stamp(second), **fields)


def prompt(second: float) -> bytes:
    message = {"role": "user", "content": [{"type": "text", "text": "Go on."}]}
    return event(second, "MessageEvent", source="user", llm_message=message)


def words(second: float, text: str = "Done.") -> bytes:
    message = {"role": "assistant", "content": [{"type": "text", "text": text}]}
    return event(second, "MessageEvent", source="agent", llm_message=message)


def call(second: float, tool: str = "terminal") -> bytes:
    return event(
        second,
        "ActionEvent",
        tool_name=tool,
        tool_call_id="c1",
        llm_response_id=f"r{second}",
        action={"kind": "TerminalAction"},
    )


def result(second: float, kind: str = "ObservationEvent", **fields: Any) -> bytes:
    return event(second, kind, tool_call_id="c1", **fields)


def status(word: str, **fields: Any) -> bytes:
    return item(execution_status=word, **fields)


def events(text: bytes) -> tuple[Event, ...]:
    record = read_alone("openhands", text)
    assert record is not None
    return record.events


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        pytest.param(
            {
                "prompt_tokens": 2131,
                "completion_tokens": 60,
                "cache_read_tokens": 2017,
                "cache_write_tokens": 14,
                "reasoning_tokens": 17,
            },
            Tokens(
                input=100, cache_read=2017, cache_write_5m=14, output=60, reasoning=17
            ),
            id="the prompt includes the cache, the output the reasoning",
        ),
        pytest.param(
            {"prompt_tokens": 5, "completion_tokens": 6, "reasoning_tokens": 70},
            Tokens(input=5, output=6, reasoning=6),
            id="a part is cut to its sum",
        ),
    ],
)
def test_usage(usage: dict[str, Any], tokens: Tokens) -> None:
    text = item(usage_id="agent", usage={**usage, "response_id": "r1"}, cost=0.5)

    (found,) = events(text)

    assert isinstance(found, UsageReported)
    assert (found.tokens, found.stated_micros) == (tokens, 500_000)


def test_usage_has_the_time_of_the_event_of_its_response() -> None:
    reader = fresh_reader("openhands")
    reader.read(call(1), offset=0)
    reader.read(call(5), offset=1)

    text = item(usage_id="agent", usage={"prompt_tokens": 1, "response_id": "r1"})
    first, again = (reader.read(text, offset=2) for _ in range(2))

    assert first is not None
    assert again is not None
    assert (first.at_ms, again.at_ms) == (ms(1), ms(5))


def test_what_a_state_repeats_of_a_subagent_may_be_a_copy() -> None:
    text = item(usage_id="task:1", usage={"prompt_tokens": 1, "response_id": "r1"})
    record = read_alone("openhands", text)

    assert record is not None
    assert (record.copied, record.sidechain, record.at_ms) == (True, True, None)


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        pytest.param(result(1), Outcome.OK, id="no word of it"),
        pytest.param(
            result(1, observation={"exit_code": 3}), Outcome.ERROR, id="exit code"
        ),
        pytest.param(
            result(1, observation={"metadata": {"exit_code": 3}}),
            Outcome.ERROR,
            id="the shell's exit code",
        ),
        pytest.param(
            result(1, observation={"exit_code": -1}), Outcome.OK, id="still running"
        ),
        pytest.param(
            result(1, observation={"is_error": True, "exit_code": 0}),
            Outcome.ERROR,
            id="said to be an error",
        ),
        pytest.param(result(1, "UserRejectObservation"), Outcome.DENIED, id="refused"),
        pytest.param(result(1, "AgentErrorEvent"), Outcome.ERROR, id="not made"),
    ],
)
def test_how_a_call_came_back(text: bytes, outcome: Outcome) -> None:
    assert events(text) == (ToolReturned(call_id="c1", outcome=outcome),)


def test_an_error_of_the_provider_ends_the_turn() -> None:
    (found,) = events(event(1, "ConversationErrorEvent", code="LLMBadRequestError"))

    assert isinstance(found, ApiFailed)
    assert (found.error, found.retrying) == ("LLMBadRequestError", False)


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Etc/GMT-2")  # two hours ahead of UTC
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("zone")
def test_times_without_a_zone_are_local() -> None:
    text = item(kind="PauseEvent", timestamp="2026-11-30T23:55:04.681772")
    record = read_alone("openhands", text)

    assert record is not None
    assert record.at_ms == 1_796_082_904_681 - 2 * 3_600_000


# The folder


def test_a_conversation_is_events_then_usage_then_status(tmp_path: Path) -> None:
    usages = [{"response_id": "r1", "prompt_tokens": 1}, {"prompt_tokens": 2}]
    metrics = {
        "token_usages": usages,
        "response_latencies": [{"response_id": "r1", "latency": 0.5}],
        "costs": [{"cost": 0.1}, {"cost": 0.2}],
    }
    state = {
        "execution_status": "running",
        "stats": {"usage_to_metrics": {"agent": metrics}},
    }
    (tmp_path / "events").mkdir()
    (tmp_path / "events" / "event-00000-ab.json").write_bytes(prompt(1))
    (tmp_path / "base_state.json").write_text(json.dumps(state))
    clock = SteppedClock(unix_ms=time.time_ns() // 10**6 + 60_000)
    source = SessionFolder(str(tmp_path), CONVERSATION, clock)

    found = drain(source, Counted(), Budget())

    kinds = [each.removeprefix("element:") for each in found.order]
    assert kinds == [
        "events/event-00000-ab.json",
        "base_state.json/usage/agent/r1",
        "base_state.json/usage/agent/1",
        "base_state.json+/state/status",
    ]
    first = msgspec.json.decode(found.last[found.order[1]])
    assert (first["seconds"], first["cost"]) == (0.5, 0.1)


@pytest.mark.parametrize("strange", [7, {}, [7], [{"latency": "x"}], None])
def test_strange_latencies_and_costs_leave_the_usage(
    tmp_path: Path, strange: Any
) -> None:
    metrics = {
        "token_usages": [{"response_id": "r1", "prompt_tokens": 1}],
        "response_latencies": strange,
        "costs": strange,
    }
    state = {"stats": {"usage_to_metrics": {"agent": metrics}}}
    path = tmp_path / "base_state.json"
    path.write_text(json.dumps(state))
    os.utime(path, ns=(0, 0))
    clock = SteppedClock(unix_ms=time.time_ns() // 10**6 + 60_000)

    found = drain(SessionFolder(str(tmp_path), CONVERSATION, clock), Counted())

    assert "element:base_state.json/usage/agent/r1" in found.order
    assert found.fault is None


# States: a status has no time, and gets that of its document


def told(desk: Desk, second: float, *texts: bytes) -> Desk:
    """Apply *texts*, of which those without a time were written at *second*."""
    stream = desk.stream(MAIN)
    reader = desk.readers.setdefault(
        SessionId(MAIN), fresh_reader("openhands", stream.ledger.origin)
    )
    for text in texts:
        record: Record | None = reader.read(text, offset=0)
        assert record is not None
        if record.at_ms is None:
            record = replace(record, at_ms=ms(second))

        desk.ledger.apply(stream, record)
        desk.states.apply(stream, record, live=True)

    desk.ledger.applied()
    return desk


def state(desk: Desk, second: float) -> tuple[State, str | None]:
    view = desk.at(second, MAIN)
    return view.state, view.tool


def test_a_turn_with_a_dialog() -> None:
    desk = told(Desk("openhands"), 0, status("idle"))
    told(desk, 1, prompt(1), status("running"))
    assert state(desk, 2) == (State.WORKING, None)

    told(desk, 3, call(3))
    assert state(desk, 3.1) == (State.WORKING, "terminal")

    told(desk, 3.2, status("waiting_for_confirmation"))
    assert state(desk, 60) == (State.WAITING_APPROVAL, "terminal")

    told(desk, 61, status("running"))
    assert state(desk, 61.1) == (State.WORKING, "terminal")

    told(desk, 62, result(62), words(63), status("finished"))
    assert state(desk, 64)[0] is State.IDLE


def test_a_refusal_closes_the_dialog() -> None:
    desk = told(Desk("openhands"), 1, prompt(1), status("running"), call(2))
    told(desk, 2, status("waiting_for_confirmation"))
    assert state(desk, 3)[0] is State.WAITING_APPROVAL

    told(desk, 4, result(4, "UserRejectObservation"), status("running"))
    assert state(desk, 4.1) == (State.WORKING, None)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        pytest.param([status("paused")], State.IDLE, id="paused"),
        pytest.param([status("stuck")], State.IDLE, id="stuck"),
        pytest.param(
            [event(3, "ConversationErrorEvent", code="x"), status("error")],
            State.WAITING_ANSWER,
            id="an error",
        ),
    ],
)
def test_how_a_turn_ends(texts: list[bytes], expected: State) -> None:
    desk = told(Desk("openhands"), 1, prompt(1), status("running"), call(2))
    assert state(desk, 2.5)[0] is State.WORKING

    assert state(told(desk, 3, *texts), 4)[0] is expected


def test_prompts_of_subagents_are_of_an_agent() -> None:
    desk = Desk("openhands")
    origin = desk.stream(CHILD, MAIN).ledger.origin
    record = fresh_reader("openhands", origin).read(prompt(1), offset=0)

    assert record is not None
    assert not [each for each in record.events if isinstance(each, PromptGiven)]


# Places and processes


@pytest.mark.parametrize(
    ("environ", "configured", "expected"),
    [
        pytest.param({}, (), ["/home/dev/.openhands/conversations"], id="default"),
        pytest.param(
            {"OPENHANDS_PERSISTENCE_DIR": "/a"}, (), ["/a/conversations"], id="data"
        ),
        pytest.param(
            {"OPENHANDS_PERSISTENCE_DIR": "/a", "OPENHANDS_CONVERSATIONS_DIR": "/b"},
            (),
            ["/b"],
            id="conversations",
        ),
        pytest.param(
            {},
            ("/x", "/y/conversations"),
            [
                "/home/dev/.openhands/conversations",
                "/x/conversations",
                "/y/conversations",
            ],
            id="configured ones",
        ),
    ],
)
def test_roots(
    environ: dict[str, str], configured: tuple[str, ...], expected: list[str]
) -> None:
    trees = AGENTS["openhands"].roots(environ, HOME, tuple(map(Path, configured)))

    assert [str(each.root) for each in trees] == expected


@pytest.mark.parametrize(
    ("path", "ids"),
    [
        pytest.param(f"{MAIN}/base_state.json", (MAIN, None), id="the state"),
        pytest.param(
            f"{MAIN}/events/event-00001-ab-cd.json", (MAIN, None), id="an event"
        ),
        pytest.param(
            f"{MAIN}/subagents/{CHILD}/base_state.json", (CHILD, MAIN), id="a subagent"
        ),
        pytest.param(
            f"{MAIN}/subagents/{CHILD}/events/event-00001-ab.json",
            (CHILD, MAIN),
            id="its event",
        ),
        pytest.param(f"{MAIN}/events/.eventlog.lock", None, id="the lock"),
        pytest.param(f"{MAIN}/events/base_state.json", None, id="in a wrong folder"),
        pytest.param(f"{MAIN}/observations/x.json", None, id="output of a tool"),
        pytest.param("base_state.json", None, id="in no folder"),
    ],
)
def test_places(path: str, ids: tuple[str, str | None] | None) -> None:
    (tree,) = AGENTS["openhands"].roots({}, HOME, ())
    place = tree.place(tuple(path.split("/")))

    found = None if place is None else (place.session_id, place.parent_session_id)
    assert found == ids
    if ids is not None:
        folders = path.split("/")[:-1]
        assert all(tree.enters(tuple(folders[:n])) for n in range(len(folders) + 1))


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        pytest.param(
            ["python3.12", "/x/bin/openhands"], ProcessRole.TALKS, id="a script"
        ),
        pytest.param(
            ["python", "-I", "/x/openhands", "--headless", "-t", "Go"],
            ProcessRole.ONCE,
            id="headless",
        ),
        pytest.param(["/x/openhands"], ProcessRole.TALKS, id="a program"),
        pytest.param(["/x/openhands", "serve"], ProcessRole.SERVES, id="a server"),
        pytest.param(["python", "x.py", "openhands"], None, id="another script"),
        pytest.param(["python"], None, id="no script"),
        pytest.param([], None, id="nothing"),
    ],
)
def test_processes(argv: list[str], expected: ProcessRole | None) -> None:
    assert role(argv) is expected
