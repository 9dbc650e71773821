"""What may leave the machine, and that nothing else does."""

import math
from typing import Any

import msgspec
import pytest

from jarvisd.base.errors import SinkError
from jarvisd.config import Grouping
from jarvisd.segments.model import Segment
from jarvisd.sinks.posthog import build_event
from jarvisd.sinks.redact import (
    ALLOWED,
    EVENT,
    MAX_CHARS,
    filter_allowed,
    redact,
    short_hash,
)
from jarvisd.sinks.store import QueuedRecord
from tests.sinks.records import segment, waiting

SALT = "f" * 32


def kept(**properties: Any) -> dict[str, Any] | None:
    return filter_allowed(EVENT, properties)


def test_a_record_is_sent_as_numbers_words_and_hashes() -> None:
    assert redact(segment(), salt=SALT) == {
        "turn_count": 5,
        "tokens_in": 50,
        "tokens_out": 25,
        "latency_ms_p50": 300.0,
        "latency_ms_p95": 480.0,
        "tool_count": 3,
        "unique_tools": 2,
        "unique_models": 1,
        "error_count": 1,
        "duration_ms": 60_000,
        "cost_micros": 1_234,
        "unpriced": 0,
        "segment": 1,
        "started_ms": segment().started_ms,
        "ended_ms": segment().ended_ms,
        "reason": "idle",
        "agent": "claude",
        "engine": "ollama",
        "model_hash": "8754b77c7eee26e4",
        "session_hash": short_hash("session-1"),
        "project_hash": short_hash(f"{SALT} /home/ann/client-a"),
    }


def test_what_is_absent_is_not_sent() -> None:
    bare = segment(
        model=None, engine=None, project=None, latency_p50_ms=None, latency_p95_ms=None
    )

    assert (
        redact(bare, salt=SALT)
        .keys()
        .isdisjoint(
            {"model_hash", "engine", "project_hash", "latency_ms_p50", "latency_ms_p95"}
        )
    )


def test_words_nobody_has_listed_become_one_word() -> None:
    strange = redact(segment(agent="my-agent", engine="my-engine"), salt=SALT)

    assert (strange["agent"], strange["engine"]) == ("other", "unknown")


def test_the_same_project_has_another_hash_in_another_installation() -> None:
    one, other = (redact(segment(), salt=each) for each in (SALT, "0" * 32))

    assert one.pop("project_hash") != other.pop("project_hash")
    assert one == other


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("cwd", "/home/ann", id="an unknown property"),
        pytest.param("turn_count", True, id="a bool is no count"),
        pytest.param("latency_ms_p50", False, id="a bool is no number"),
        pytest.param("turn_count", -1, id="negative"),
        pytest.param("latency_ms_p50", -0.5, id="negative number"),
        pytest.param("latency_ms_p50", math.nan, id="not a number"),
        pytest.param("latency_ms_p50", math.inf, id="infinite"),
        pytest.param("turn_count", 1.5, id="a fraction is no count"),
        pytest.param("turn_count", "5", id="a text is no count"),
        pytest.param("turn_count", 2**63, id="beyond what is counted"),
        pytest.param("turn_count", [5], id="composite"),
        pytest.param("turn_count", None, id="absent"),
        pytest.param("reason", "tired", id="not one of the words"),
        pytest.param("reason", "", id="no word"),
        pytest.param("model_hash", "gpt-5", id="no hash"),
        pytest.param("model_hash", "8754B77C7EEE26E4", id="a hash of another spelling"),
        pytest.param("model_hash", "8754b77c7eee26e4\n", id="more than a hash"),
        pytest.param("model_hash", "a" * (MAX_CHARS + 1), id="too long"),
        pytest.param("engine", {"ollama"}, id="a set of words"),
    ],
)
def test_what_is_not_of_its_type_is_left_out(name: str, value: object) -> None:
    assert kept(**{name: value, "tool_count": 0}) == {"tool_count": 0}


def test_zero_is_a_number() -> None:
    assert kept(turn_count=0, latency_ms_p50=0.0) == {
        "turn_count": 0,
        "latency_ms_p50": 0.0,
    }


def test_an_unknown_event_is_not_sent_and_a_known_one_may_be_empty() -> None:
    assert filter_allowed("prompt_written", {"turn_count": 1}) is None
    assert kept() == {}


def test_what_is_given_is_not_changed() -> None:
    given = {"cwd": "/home/ann", "turn_count": 1}

    filter_allowed(EVENT, given)

    assert given == {"cwd": "/home/ann", "turn_count": 1}


def test_nothing_has_no_hash() -> None:
    assert short_hash("") == ""


def test_the_catalogue_has_all_that_the_reference_sends() -> None:
    assert ALLOWED[EVENT].keys() >= {
        "turn_count", "tokens_in", "tokens_out", "latency_ms_p50", "latency_ms_p95",
        "tool_count", "unique_tools", "unique_models", "error_count", "duration_ms",
        "model_hash", "engine",
    }  # fmt: skip


def test_no_text_of_a_record_gets_into_its_message() -> None:
    """Each text of the record is one that would be known again."""
    fields = msgspec.structs.fields(Segment)
    texts = {
        field.encode_name: f"CANARY-{field.encode_name}"
        for field in fields
        if isinstance(getattr(segment(), field.name), str) and field.name != "reason"
    }
    one = waiting(1, **texts)

    sent = msgspec.json.encode(
        build_event(one, install=SALT, grouping=Grouping.INSTALL)
    )

    assert texts.keys() >= {"segment_id", "agent", "session_id", "model", "project"}
    assert "CANARY" in one.record
    assert b"CANARY" not in sent
    assert SALT.encode() not in sent


@pytest.mark.parametrize("grouping", Grouping)
def test_a_record_told_twice_is_the_same_event(grouping: Grouping) -> None:
    one, again = (build_event(waiting(), install=SALT, grouping=grouping) for _ in "12")
    other = build_event(waiting(2), install=SALT, grouping=grouping)

    assert one == again
    assert one["uuid"] != other["uuid"]
    together = one["distinct_id"] == other["distinct_id"]
    assert together == (grouping is Grouping.INSTALL)


@pytest.mark.parametrize("ended_ms", [2**62, -(2**62)])
def test_a_time_that_no_calendar_has_does_not_keep_a_record_back(ended_ms: int) -> None:
    far = waiting(1, ended_ms=ended_ms)

    sent = build_event(far, install=SALT, grouping=Grouping.INSTALL)

    assert sent["timestamp"] == "1970-01-01T00:00:00+00:00"


def test_a_damaged_record_is_named() -> None:
    with pytest.raises(SinkError, match="record r1 is damaged"):
        build_event(QueuedRecord("r1", '{"x'), install=SALT, grouping=Grouping.INSTALL)
