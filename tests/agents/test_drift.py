"""What readers do not know is reported by name, and counted within bounds."""

import json
from typing import Any

import pytest

from jarvisd.core.agent import ReaderContext
from jarvisd.core.drift import (
    INSPECTED_RESPONSES,
    MAX_NAME_CHARS,
    MAX_NAMES,
    MAX_VERSIONS,
    DriftLog,
    VersionDrift,
)
from jarvisd.core.record import Drift, DriftKind
from jarvisd.core.sources.jsonlines.lines import TextLine
from tests.agents.found import AGENTS, read_alone

TYPE, FIELD, NO_TOKENS = (
    DriftKind.RECORD_TYPE,
    DriftKind.USAGE_FIELD,
    DriftKind.NO_TOKENS,
)
USAGE = {"input_tokens": 3, "output_tokens": 4}


def response(usage: dict[str, Any] | None, **fields: Any) -> dict[str, Any]:
    message: dict[str, Any] = {"id": "m1", "model": "claude-opus-4-8", "content": []}
    if usage is not None:
        message["usage"] = usage

    return {"type": "assistant", "message": message, **fields}


def record(kind: str, payload: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind, "payload": payload}


def drift_of(agent: str, line: dict[str, Any]) -> tuple[Drift, ...]:
    text = json.dumps(line).encode()
    read = read_alone(agent, text, offset=0)
    assert read is not None
    return read.drift + (AGENTS[agent].inspect(text) if read.lacks_tokens else ())


def read_into(
    log: DriftLog,
    agent: str,
    *lines: dict[str, Any],
) -> str:
    texts = [TextLine(0, json.dumps(each).encode()) for each in lines]
    return log.read(
        AGENTS[agent],
        texts,
        [read_alone(agent, each.text, offset=0) for each in texts],
        "",
        now_ms=1_000,
    )


def only(log: DriftLog) -> VersionDrift:
    (found,) = log.versions()
    return found


@pytest.mark.parametrize(
    ("agent", "line", "name"),
    [
        ("claude", {"type": "hologram"}, "hologram"),
        ("claude", {"type": "system", "subtype": "levitated"}, "system:levitated"),
        ("codex", {"type": "hologram"}, "hologram"),
        ("codex", record("hologram", {}), "hologram"),
        ("codex", record("event_msg", {"type": "levitated"}), "event_msg:levitated"),
        ("codex", record("response_item", {"type": "x"}), "response_item:x"),
        (
            "codex",
            record("event_msg", {"type": "item_completed", "item": {"type": "Spell"}}),
            "item_completed:Spell",
        ),
    ],
)
def test_a_record_of_an_unknown_type_is_drift(
    agent: str, line: dict[str, Any], name: str
) -> None:
    assert drift_of(agent, line) == (Drift(TYPE, name),)


@pytest.mark.parametrize(
    ("agent", "line", "drift"),
    [
        (
            "claude",
            response({"prompt_tokens": 3, "output_tokens": 4}),
            [Drift(FIELD, "prompt_tokens")],
        ),
        (
            "claude",
            response({"in": 3}),
            [Drift(FIELD, "in"), Drift(NO_TOKENS, "assistant")],
        ),
        ("claude", response(None), [Drift(NO_TOKENS, "assistant")]),
        (
            "codex",
            record("token_usage_record", {"response_id": "r", "usage": {"in": 3}}),
            [Drift(FIELD, "in"), Drift(NO_TOKENS, "token_usage_record")],
        ),
        (
            "codex",
            record("token_usage_record", {"response_id": "r"}),
            [Drift(NO_TOKENS, "token_usage_record")],
        ),
        (
            "codex",
            record(
                "event_msg",
                {"type": "token_count", "info": {"total_token_usage": {"in": 3}}},
            ),
            [Drift(FIELD, "in"), Drift(NO_TOKENS, "token_count")],
        ),
        (
            "codex",
            {
                "type": "turn.completed",
                "usage": {"prompt_tokens": 3, "output_tokens": 4},
            },
            [Drift(FIELD, "prompt_tokens")],
        ),
    ],
)
def test_a_response_without_its_token_counts_is_drift(
    agent: str, line: dict[str, Any], drift: list[Drift]
) -> None:
    assert list(drift_of(agent, line)) == drift


@pytest.mark.parametrize(
    ("agent", "line"),
    [
        ("claude", response(USAGE)),
        # A copy for a thinking block may have no input of its own.
        ("claude", response({"cache_read_input_tokens": 9, "output_tokens": 4})),
        # A notice of the program itself, which no model wrote.
        (
            "claude",
            {"type": "assistant", "message": {"id": "m", "model": "<synthetic>"}},
        ),
        ("codex", record("event_msg", {"type": "token_count", "info": None})),
        # The context is full: the total alone is set, its parts are not.
        (
            "codex",
            record(
                "event_msg",
                {
                    "type": "token_count",
                    "info": {"total_token_usage": {"total_tokens": 272_000}},
                },
            ),
        ),
    ],
)
def test_what_agents_write_on_purpose_is_no_drift(
    agent: str, line: dict[str, Any]
) -> None:
    assert drift_of(agent, line) == ()


def test_a_new_field_is_found_in_versions_that_were_not_tested() -> None:
    usage = USAGE | {"cache_creation": {"ephemeral_1d_input_tokens": 5}}
    tested, log = AGENTS["claude"].tested, DriftLog()
    assert tested is not None

    read_into(log, "claude", response(usage, version=tested.newest))
    assert not log.versions()

    read_into(log, "claude", response(usage, version="9.9.9"))
    assert only(log).is_newer
    assert only(log).names(FIELD) == {"ephemeral_1d_input_tokens": 1}


def test_only_so_many_responses_of_a_version_are_inspected() -> None:
    log = DriftLog()
    line = response(USAGE | {"new": 1}, version="9.9.9")

    read_into(log, "claude", *[line] * (INSPECTED_RESPONSES + 50))

    assert only(log).names(FIELD) == {"new": INSPECTED_RESPONSES}


def test_a_rollout_is_of_the_version_that_its_own_header_names() -> None:
    agent, log = AGENTS["codex"], DriftLog()
    lines = [
        record("session_meta", {"id": "t", "cli_version": "9.9.9"}),
        record("session_meta", {"id": "p", "cli_version": "0.171.0"}),  # copied
        record("event_msg", {"type": "odd"}),
    ]
    memory, version = b"", ""
    for line in lines:  # with a restart after each
        reader = agent.reader(ReaderContext(), memory)
        text = json.dumps(line).encode()
        records = [reader.read(text, offset=0)]
        version = log.read(agent, [TextLine(0, text)], records, version, now_ms=1_000)
        memory = reader.memory()

    assert only(log).version == "9.9.9"
    assert only(log).names(TYPE) == {"event_msg:odd": 1}
    assert only(log).transcripts == 1


def test_names_are_cleaned_and_bounded() -> None:
    log = DriftLog()
    lines = [{"type": f"t{number}"} for number in range(MAX_NAMES + 7)]

    read_into(log, "claude", {"type": "a\x1b[2J b" + "x" * 999}, *lines)

    names = only(log).names(TYPE)
    assert len(names) == MAX_NAMES + 1
    assert names["other"] == 8
    assert next(iter(names)).startswith("a??2J?b")
    assert max(map(len, names)) == MAX_NAME_CHARS


def test_versions_are_bounded() -> None:
    log = DriftLog()
    lines = [{"type": "odd", "version": f"9.0.{n}"} for n in range(MAX_VERSIONS + 9)]

    for line in lines:
        read_into(log, "claude", line)

    found = {each.version: each for each in log.versions()}
    assert len(found) == MAX_VERSIONS + 1
    assert found["other"].names(TYPE) == {"odd": 9}


def test_drift_is_logged_once_and_again_for_a_new_name() -> None:
    log = DriftLog()
    read_into(log, "claude", {"type": "odd"})

    assert not log.unlogged(1_500)
    assert [each.names(TYPE) for each in log.unlogged(60_000)] == [{"odd": 1}]
    read_into(log, "claude", {"type": "odd"})
    assert not log.unlogged(120_000)
    read_into(log, "claude", {"type": "odder"})
    assert log.unlogged(120_000)
