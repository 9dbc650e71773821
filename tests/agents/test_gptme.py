"""What the lines of gptme say, by the cases of its format."""

from pathlib import Path
from typing import Any

import pytest

from jarvisd.agents.gptme import presence
from jarvisd.agents.gptme.places import enters, find, place
from jarvisd.base.usage import Tokens
from jarvisd.core.agent import ReaderContext
from jarvisd.core.event import (
    Asked,
    Cue,
    Event,
    Instructed,
    Interrupted,
    MessageWritten,
    Outcome,
    PromptGiven,
    ToolCalled,
    ToolReturned,
    TurnEnded,
    UsageReported,
)
from jarvisd.core.origin import SessionId
from jarvisd.core.process import ProcessRole
from jarvisd.core.record import Drift, DriftKind, Record
from tests.agents.found import AGENTS, fresh_reader, read_alone
from tests.ledger.books import Block, Books, block, line, read_all

AT = "2026-11-30T23:42:09.665557"
NAME = f"assistant/{AT}"
USAGE = {"input_tokens": 114, "output_tokens": 60, "cache_read_tokens": 2017}


def message(role: str, content: str = "", **fields: Any) -> dict[str, Any]:
    return {"role": role, "content": content, "timestamp": AT, **fields}


def answer(content: str = "Done.", **metadata: Any) -> dict[str, Any]:
    known = {"model": "local/mock", "usage": USAGE, **metadata}
    return message("assistant", content, metadata=known)


def result(content: str = "ok", **fields: Any) -> dict[str, Any]:
    known = {"call_id": "c1", "metadata": {"tool": "shell"}, **fields}
    return message("system", content, **known)


CALL = 'Let me see.\n@shell(c1): {"command": "ls"}'


def events(*lines: dict[str, Any]) -> list[Event]:
    reader = fresh_reader("gptme")
    found: list[Event] = []
    for at, each in enumerate(lines):
        record = reader.read(line(**each), offset=at)
        assert record is not None
        found += record.events

    return found


def said(**fields: Any) -> Record:
    record = read_alone("gptme", line(**fields))
    assert record is not None
    return record


def usage(**metadata: Any) -> UsageReported:
    (found,) = (
        each for each in events(answer(**metadata)) if isinstance(each, UsageReported)
    )
    return found


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        pytest.param({}, Tokens(input=114, output=60, cache_read=2017), id="as it is"),
        pytest.param(
            {"usage": {**USAGE, "cache_creation_tokens": 3, "reasoning_tokens": 99}},
            Tokens(
                input=114, output=60, cache_read=2017, cache_write_5m=3, reasoning=60
            ),
            id="all of them",
        ),
        pytest.param(
            {"usage": None, "input_tokens": 9, "output_tokens": 4},
            Tokens(input=9, output=4),
            id="as older versions wrote them",
        ),
    ],
)
def test_counts(metadata: dict[str, Any], expected: Tokens) -> None:
    assert usage(**metadata).tokens == expected


def test_a_response_has_a_model_a_cost_and_a_duration() -> None:
    timings = {"ttft_ms": 900.5, "gen_ms": 99.5, "tool_ms": 7}

    found = usage(served_model="mock", cost=0.0018, timings=timings)

    assert (found.response, found.model) == (NAME, "mock")
    assert (found.stated_micros, found.latency_ms) == (1_800, 1_000)
    assert usage().model == "local/mock"


def test_what_is_given_to_the_model_is_a_part_of_the_name() -> None:
    assert usage(input_log_digest="d1").response == f"{NAME}/d1"


def test_a_response_without_counts_lacks_tokens() -> None:
    record = said(**answer(usage={"audio_tokens": 1}))

    assert record.lacks_tokens
    assert AGENTS["gptme"].inspect(line(**answer(usage={"audio_tokens": 1}))) == (
        Drift(DriftKind.USAGE_FIELD, "audio_tokens"),
        Drift(DriftKind.NO_TOKENS, "assistant"),
    )
    assert not said(**message("assistant", "Hi.")).lacks_tokens


def test_prompts_are_a_persons() -> None:
    assert events(message("user", "Hello")) == [PromptGiven(chars=5, key=f"user/{AT}")]
    assert events(message("user", "<system>No tool call detected</system>")) == [
        Instructed(by_hook=True)
    ]


def test_prompts_of_a_subagent_are_another_agents() -> None:
    reader = AGENTS["gptme"].reader(ReaderContext(SessionId("subagent-x-12ab")), b"")

    record = reader.read(line(**message("user", "Count.")), offset=0)

    assert record is not None
    assert record.events == (Instructed(by_agent=True),)


@pytest.mark.parametrize(
    ("content", "stop", "more"),
    [
        pytest.param("Done.", "end_turn", [], id="words"),
        pytest.param("Which?", "end_turn", [Asked(cue=Cue.QUESTION)], id="a question"),
        pytest.param(
            "<think>\nWhich?\n</think>\n\nDone.", "end_turn", [], id="a thought"
        ),
        pytest.param(
            "1, 2 ... ^C Interrupted",
            "end_turn",
            [Interrupted(reason="user")],
            id="cut",
        ),
        pytest.param("mail me@x(y): z", "end_turn", [], id="no call"),
    ],
)
def test_ends_of_turns(content: str, stop: str, more: list[Event]) -> None:
    written = MessageWritten(message_id=NAME, stop_reason=stop)

    assert events(message("assistant", content)) == [written, *more]


@pytest.mark.parametrize(
    ("content", "outcome"),
    [
        ("Ran command: `ls`\n\n```stdout\nx\n```\n", Outcome.OK),
        ("Ran command: `x`\n\nReturn code: 3\n\n\nNote: a new shell", Outcome.ERROR),
        ("Ran command: `x`\n\nReturn code: 0\n", Outcome.OK),
        ("Error: no such tool", Outcome.ERROR),
        ("Aborted, user chose not to run command.", Outcome.DENIED),
    ],
)
def test_calls_and_how_they_ended(content: str, outcome: Outcome) -> None:
    spent = answer(CALL, timings={"tool_ms": 611.4})

    written, _, called, returned = events(spent, result(content))

    assert written == MessageWritten(message_id=NAME, stop_reason="tool_use")
    assert isinstance(called, ToolCalled)
    assert (called.call_id, called.tool, called.response) == (
        f"{NAME}/c1",
        "shell",
        NAME,
    )
    assert returned == ToolReturned(
        call_id=f"{NAME}/c1", outcome=outcome, duration_ms=611
    )


def test_a_call_without_an_id_shows_in_its_result() -> None:
    name = f"system/{AT}/save"

    assert events(result("Saved", call_id=None, metadata={"tool": "save"})) == [
        ToolCalled(call_id=name, tool="save"),
        ToolReturned(call_id=name),
    ]


def test_a_result_of_nothing_known_says_nothing() -> None:
    assert events(result(metadata=None), message("system", "Hello")) == []


def test_the_session_is_complete_behind_the_tool_that_says_so() -> None:
    done = events(
        answer("@complete(c1): {}"), result("Done", metadata={"tool": "complete"})
    )

    assert done[-1] == TurnEnded()


def test_the_folder_and_the_branch_are_in_the_first_messages() -> None:
    folder = said(**message("system", "**OS:** x\n**Working Directory:** /w/demo"))
    branch = said(**message("system", "## Git\n\n**Branch:** `main` (clean)"))

    assert folder.cwd == "/w/demo"
    assert branch.branch == "main"
    assert said(**message("user", "**Working Directory:** /w")).cwd is None


def account(books: Books) -> tuple[int, int, int]:
    sessions = list(books.ledger.sessions())
    calls = sum(each.tool_calls for each in sessions)
    return books.tokens().total, calls, sum(each.prompts for each in sessions)


def stream(*lines: dict[str, Any], name: str, session: str = "s1") -> Block:
    texts = [line(**each) for each in lines]
    return block(texts, agent="gptme", session=session, name=name)


SPENT = (message("user", "Hi."), answer(CALL, input_log_digest="d1"), result())


def test_branches_and_forks_count_their_copies_once() -> None:
    more = answer(input_log_digest="d2")
    blocks = (
        stream(*SPENT, name="conversation"),
        stream(*SPENT, more, name="branch"),
        stream(*SPENT, name="fork", session="s2"),
    )

    assert account(read_all(*blocks)) == (2 * 2_191, 1, 1)


def test_calls_of_two_responses_may_have_one_id() -> None:
    again = answer(CALL, input_log_digest="d2")

    books = read_all(stream(*SPENT, again, result(), name="a"))

    assert account(books) == (2 * 2_191, 2, 1)


@pytest.mark.parametrize("path", ["s1/conversation.jsonl", "s1/branches/main-0.jsonl"])
def test_places(path: str) -> None:
    found = place(tuple(path.split("/")))

    assert found is not None
    assert found.session_id == "s1"


@pytest.mark.parametrize(
    "path", ["s1/events.jsonl", "s1/config.toml", "x.jsonl", "s1/files/x.jsonl"]
)
def test_what_is_no_session(path: str) -> None:
    assert place(tuple(path.split("/"))) is None
    assert enters(("s1",))
    assert enters(("s1", "branches"))
    assert not enters(("s1", "files"))


@pytest.mark.parametrize(
    ("environ", "own"),
    [
        ({}, "/home/dev/.local/share/gptme/logs"),
        ({"XDG_DATA_HOME": "/d"}, "/d/gptme/logs"),
        ({"GPTME_LOGS_HOME": "/z"}, "/z"),
    ],
)
def test_roots(environ: dict[str, str], own: str) -> None:
    trees = find(environ, Path("/home/dev"), (Path("/x"), Path("/y/logs")))

    assert [str(each.root) for each in trees] == [own, "/x/logs", "/y/logs"]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("gptme", ProcessRole.TALKS),
        ("/usr/bin/python3.12 /home/dev/.local/bin/gptme -n hi", ProcessRole.ONCE),
        ("python3 /usr/bin/gptme-server serve", ProcessRole.SERVES),
        ("python3 x.py", None),
        ("gptme-util chats", None),
        ("", None),
    ],
)
def test_processes(command: str, expected: ProcessRole | None) -> None:
    assert presence.role(command.split()) == expected


def test_words_of_a_conversation() -> None:
    spoken = AGENTS["gptme"].messages

    asked = spoken(line(**message("user", "Hi")))
    answered = spoken(line(**answer(f"<think>\nHm.\n</think>\n\n{CALL}")))

    assert asked is not None
    assert (asked.content, asked.key) == ("Hi", f"user/{AT}")
    assert answered is not None
    assert answered.content == "Let me see."
    for each in (
        message("user", "<system>Go on</system>"),
        message("system", "x"),
        answer("\n@shell(c1): {}"),
    ):
        assert spoken(line(**each)) is None
