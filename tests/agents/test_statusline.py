"""What Claude Code tells its status line becomes figures; all of them are optional."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvisd.core.event import LimitSource, LimitsReported, LimitWindow
from jarvisd.core.origin import SessionId
from jarvisd.core.status_line import StatusLineRead
from tests.agents.found import AGENTS

INPUT = {
    "hook_event_name": "Status",
    "session_id": "5e55",
    "transcript_path": "/home/ada/.claude/projects/-src/5e55.jsonl",
    "cwd": "/src/demo",
    "version": "2.1.329",
    "model": {"id": "claude-opus-4-7", "display_name": "Opus 4.7"},
    "workspace": {"current_dir": "/src/demo", "project_dir": "/src/demo"},
    "cost": {"total_cost_usd": 1.23456789, "total_duration_ms": 60_000},
    "context_window": {
        "context_window_size": 200_000,
        "used_percentage": 42,
        "current_usage": {
            "input_tokens": 3,
            "output_tokens": 900,
            "cache_creation_input_tokens": 4_000,
            "cache_read_input_tokens": 80_000,
        },
    },
    "rate_limits": {
        "five_hour": {"used_percentage": 35.5, "resets_at": 1_795_228_800},
        "seven_day": {"used_percentage": 12, "resets_at": "2026-11-25T00:00:00Z"},
    },
}


def window(**fields: Any) -> LimitWindow:
    return LimitWindow(source=LimitSource.STATUS_LINE, **fields)


def read(**fields: Any) -> StatusLineRead | None:
    return AGENTS["claude"].status_line(json.dumps(fields).encode(), at_ms=7)


def test_a_whole_input_is_understood() -> None:
    windows = (
        window(used_percent=35.5, minutes=300, resets_at_ms=1_795_228_800_000),
        window(used_percent=12.0, minutes=10_080, resets_at_ms=1_795_564_800_000),
    )

    assert read(**INPUT) == StatusLineRead(
        agent="claude",
        session_id=SessionId("5e55"),
        at_ms=7,
        model="claude-opus-4-7",
        model_name="Opus 4.7",
        version="2.1.329",
        cwd="/src/demo",
        transcript_path="/home/ada/.claude/projects/-src/5e55.jsonl",
        context_tokens=84_003,
        window_tokens=200_000,
        context_percent=42.0,
        cost_micros=1_234_568,
        limits=LimitsReported(windows=windows),
    )


def test_only_the_session_is_needed() -> None:
    assert read(session_id="5e55") == StatusLineRead(
        agent="claude", session_id=SessionId("5e55"), at_ms=7
    )


@pytest.mark.parametrize(
    "limits",
    [
        pytest.param({}, id="none"),
        pytest.param(None, id="null"),
        pytest.param({"five_hour": None}, id="a null limit"),
        pytest.param({"five_hour": {"resets_at": 1}}, id="no percentage"),
        pytest.param({"five_hour": {"used_percentage": -1}}, id="below nothing"),
        pytest.param({"five_hour": {"used_percentage": "35"}}, id="text"),
    ],
)
def test_limits_that_say_nothing_are_absent(limits: object) -> None:
    found = read(session_id="5e55", rate_limits=limits)

    assert found is not None
    assert found.limits is None


@pytest.mark.parametrize("resets_at", ["soon", -5, 1e30, True, [], {}])
def test_a_limit_without_a_time_keeps_its_percentage(resets_at: object) -> None:
    limit = {"used_percentage": 7, "resets_at": resets_at}
    found = read(session_id="5e55", rate_limits={"seven_day": limit})

    assert found is not None
    assert found.limits is not None
    assert found.limits.windows == (window(used_percent=7.0, minutes=10_080),)


@given(payload=st.binary(max_size=200))
def test_no_bytes_are_too_strange(payload: bytes) -> None:
    assert AGENTS["claude"].status_line(payload, at_ms=7) is None


@pytest.mark.parametrize("agent", ["codex", "text"])
def test_other_agents_have_none(agent: str) -> None:
    payload = json.dumps(INPUT).encode()

    assert AGENTS[agent].status_line(payload, at_ms=7) is None
