"""What lines of Aider say, by the cases of their format; and its logs in the daemon."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jarvisd.agents.aider.places import find
from jarvisd.agents.aider.presence import role
from jarvisd.base.usage import Tokens
from jarvisd.core.event import (
    ApiFailed,
    Asked,
    CommandGiven,
    Cue,
    Event,
    Instructed,
    Interrupted,
    MessageWritten,
    PromptGiven,
    Trouble,
    TurnEnded,
    TurnStarted,
    UsageReported,
)
from jarvisd.core.message import Role, Said
from jarvisd.core.process import ProcessRole
from jarvisd.core.record import Record, Speaker
from jarvisd.core.roots import Place
from tests.agents.found import AGENTS, fresh_reader
from tests.books.process import started
from tests.books.rig import append
from tests.ledger.books import block, read_all

STAMP = "2026-11-30 23:43:31"
START_S = 1_796_082_211
MODEL = b"> Model: gpt-5.1 with diff edit format  "
TOKENS = b"> Tokens: 1.2k sent, 543 received. Cost: $0.0123 message, $0.05 session.  "
SENT = (MODEL, b"", b"#### Go.  ", b"", b"Done.", b"", TOKENS)


def start(stamp: str = STAMP) -> tuple[bytes, ...]:
    return (b"", f"# aider chat started at {stamp}".encode(), b"")


def records(*lines: bytes) -> list[Record]:
    """Return the records of *lines* behind the start of Aider."""
    reader, offset, found = fresh_reader("aider"), 0, []
    for each in (*start(), *lines):
        found.append(reader.read(each, offset=offset))
        offset += len(each) + 1

    return [each for each in found[3:] if each is not None]


def events(*lines: bytes) -> list[Event]:
    return [event for each in records(*lines) for event in each.events]


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


# Lines


@pytest.mark.parametrize(
    ("line", "tokens", "written", "micros"),
    [
        (TOKENS, Tokens(input=1200, output=543), 0, 12_300),
        (b"> Tokens: 785 sent, 75 received.  ", Tokens(input=785, output=75), 0, None),
        (
            b"> Tokens: 15k sent, 2.5k cache write, 10k cache hit, 8 received.",
            Tokens(input=2500, cache_read=10_000, output=8),
            2500,
            None,
        ),
        (
            b"> Tokens: 2M sent, 1M cache hit, 1 received. Cost: $1.20 message, $3 session.  ",
            Tokens(input=1_000_000, cache_read=1_000_000, output=1),
            0,
            1_200_000,
        ),
        (
            b"> Tokens: 5 sent, 9 cache write, 9k cache hit, 1 received.  ",
            Tokens(cache_read=5, output=1),
            0,
            None,
        ),
        (
            b"> Tokens: 1.2.3k sent, ....M received.  ",
            Tokens(),
            0,
            None,
        ),
    ],
)
def test_the_tokens_of_a_message(
    line: bytes, tokens: Tokens, written: int, micros: int | None
) -> None:
    (usage,) = events(MODEL, line)

    assert isinstance(usage, UsageReported)
    assert (usage.tokens, usage.cache_write_flat) == (tokens, written)
    assert (usage.stated_micros, usage.model) == (micros, "gpt-5.1")


def test_a_cost_below_the_tokens_is_of_the_same_response() -> None:
    usage, cost = events(
        b"> Tokens: 15k sent, 2k cache write, 10k cache hit, 8 received.",
        b"Cost: $1.50 message, $1.55 session.  ",
    )

    assert isinstance(usage, UsageReported)
    assert isinstance(cost, UsageReported)
    assert cost.response == usage.response
    assert (cost.tokens, cost.stated_micros) == (Tokens(), 1_500_000)


@pytest.mark.parametrize(
    "line",
    [
        b"> Tokens: 9M sent, 9M received. Cost: $9.00 message, $9.00 session. or so  ",
        b"> Tokens: lots sent, 1 received.  ",
        b"Tokens: 9M sent, 9M received.  ",
        b">Tokens: 9M sent, 9M received.  ",
        b"Cost: $1.50 message, $1.55 session.  ",
        b"> ^C again to exit",
        b"> litellm.RateLimitError: quoted",
    ],
)
def test_words_that_look_like_notes_are_words(line: bytes) -> None:
    assert not [
        each
        for each in events(b"#### Go.  ", b"", line)
        if isinstance(each, UsageReported | ApiFailed | Interrupted)
    ]


def test_lines_in_succession_are_one_prompt() -> None:
    first, second = records(b"#### Swap them,  ", b"#### please.  ")

    assert first.events == (PromptGiven(chars=10), TurnStarted())
    assert second.events == ()
    assert (first.speaker, second.speaker) == (Speaker.USER, Speaker.USER)


def test_a_heading_in_a_reply_is_no_prompt() -> None:
    found = records(b"#### Go.  ", b"", b"Steps:", b"#### First  ", b"", b"#### Next")

    assert [each.kind for each in found] == ["prompt", "reply", "reply", "reply"]


def test_an_empty_prompt_is_none() -> None:
    assert events(b"#### <blank>  ") == []


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"#### /tokens  ", [CommandGiven(name="tokens")]),
        (b"#### /add app.py  ", [CommandGiven(name="add")]),
        (b"#### /ask  ", [CommandGiven(name="ask")]),
        (
            b"#### /ask Why not?  ",
            [CommandGiven(name="ask"), PromptGiven(chars=8), TurnStarted()],
        ),
    ],
)
def test_slash_commands(line: bytes, expected: list[Event]) -> None:
    assert events(line) == expected


def test_a_turn_ends_with_its_tokens() -> None:
    kinds = [type(each) for each in events(*SENT)]

    assert kinds == [PromptGiven, TurnStarted, MessageWritten, UsageReported, TurnEnded]


def test_a_question_at_the_end_of_a_reply_is_asked() -> None:
    found = events(b"#### Go.  ", b"", b"Which of the two do you mean?", b"", TOKENS)

    assert found[-2:] == [TurnEnded(), Asked(cue=Cue.QUESTION)]


@pytest.mark.parametrize(
    ("answer", "goes_on"), [(b"y", True), (b"All", True), (b"n", False), (b"d", False)]
)
@pytest.mark.parametrize(
    "asked", [b"Attempt to fix lint errors", b"Add file to the chat"]
)
def test_an_answer_may_set_the_model_going(
    asked: bytes, answer: bytes, goes_on: bool
) -> None:
    found = events(*SENT, b"> " + asked + b"? (Y)es/(N)o [Yes]: " + answer + b"  ")

    assert (found[-2:] == [Instructed(), TurnStarted()]) is goes_on


def test_too_many_attempts_end_the_turn() -> None:
    again = b"> Attempt to fix test errors? (Y)es/(N)o [Yes]: y  "
    stop = b"> Only 3 reflections allowed, stopping.  "

    assert events(*SENT, again, stop)[-1] == TurnEnded()


@pytest.mark.parametrize(
    ("lines", "retrying", "trouble"),
    [
        ([b"> litellm.RateLimitError: slow down  "], True, None),
        (
            [b"> Retrying in 32.0 seconds...  ", b"> litellm.RateLimitError: no  "],
            False,
            Trouble.API_ERROR,
        ),
        ([b"> litellm.NotFoundError: no such model  "], False, Trouble.API_ERROR),
        ([b"> litellm.AuthenticationError: no key  "], False, Trouble.LOGGED_OUT),
    ],
)
def test_errors(lines: list[bytes], retrying: bool, trouble: Trouble | None) -> None:
    failed = events(b"#### Go.  ", *lines)[-1]

    assert isinstance(failed, ApiFailed)
    assert (failed.retrying, failed.trouble) == (retrying, trouble)


@pytest.mark.parametrize("line", [b"> ^C again to exit  ", b"> ^C KeyboardInterrupt  "])
def test_an_interrupt_is_of_a_turn(line: bytes) -> None:
    assert events(b"#### Go.  ", line)[-1] == Interrupted(reason="user")
    assert events(line) == []


def test_the_start_has_the_time_of_this_machines_zone(zone: None) -> None:
    record = fresh_reader("aider").read(start()[1], offset=1)

    assert record is not None
    assert record.at_ms == (START_S + 5 * 3600) * 1000


@pytest.mark.parametrize(
    "stamp", ["2026-13-30 23:43:31", "0000-00-00 00:00:00", "9999-12-31 23:59:59"]
)
def test_a_start_of_no_time_is_one(stamp: str) -> None:
    record = fresh_reader("aider").read(start(stamp)[1], offset=1)

    assert record is not None
    assert record.kind == "start"


def test_a_start_ends_a_turn_that_was_open() -> None:
    assert events(b"#### Go.  ", *start("2026-11-30 23:50:00"))[2] == TurnEnded()


def test_the_version_is_named() -> None:
    (record,) = records(b"> Aider v0.86.2  ")

    assert record.version == "0.86.2"


def test_words_are_prompts_and_replies() -> None:
    spoken = AGENTS["aider"].messages

    assert spoken(b"#### Go.  ") == Said(role=Role.USER, content="Go.")
    assert spoken(b"Done.") == Said(role=Role.ASSISTANT, content="Done.")
    assert spoken(TOKENS) is None


# Copies, and the analytics log


def history(*lines: bytes, stamp: str = STAMP) -> tuple[bytes, ...]:
    return (*start(stamp), *lines)


def analytics(launched_s: int) -> tuple[bytes, ...]:
    properties = b'{"main_model":"gpt-5.1","prompt_tokens":%d,"completion_tokens":5}'
    return (
        b'{"event":"launched","properties":{},"time":%d}' % launched_s,
        *(
            b'{"event":"message_send","properties":%s,"time":%d}'
            % (properties % tokens, launched_s + 9)
            for tokens in (100, 200)
        ),
    )


def test_a_copy_in_another_project_counts_once() -> None:
    one = block(history(*SENT), agent="aider", session="a-1")
    two = block((*history(*SENT), *SENT[1:]), agent="aider", session="b-2")

    books = read_all(one, two)

    assert books.tokens() == Tokens(input=2400, output=1086)
    assert sum(each.prompts for each in books.ledger.sessions()) == 2


def test_a_history_that_was_cut_at_its_start_counts_nothing_again() -> None:
    kept = history(*SENT, stamp="2026-11-30 23:50:00")
    whole = block((*history(*SENT), *kept), agent="aider", session="a-1")
    cut = block(kept, agent="aider", session="a-1", name="cut")

    assert read_all(whole, cut).tokens() == Tokens(input=2400, output=1086)


@pytest.mark.parametrize(
    ("launched_s", "tokens"),
    [
        (START_S, Tokens(input=1200, output=543)),
        (START_S + 4, Tokens(input=1200, output=543)),
        (START_S + 60, Tokens(input=1500, output=553)),
    ],
)
def test_the_analytics_log_counts_where_no_history_does(
    launched_s: int, tokens: Tokens
) -> None:
    told = block(history(*SENT), agent="aider", session="a-1")
    log = block(analytics(launched_s), agent="aider", session="analytics")

    assert read_all(told, log).tokens() == tokens
    assert read_all(log, told).tokens() == tokens


def test_the_analytics_log_is_counted_alone() -> None:
    log = block(
        (*analytics(START_S), b"{ torn", *analytics(START_S + 60)),
        agent="aider",
        session="analytics",
    )

    assert read_all(log).tokens() == Tokens(input=600, output=20)


# Where it is


def test_files_that_the_environment_names() -> None:
    home, environ = (
        Path("/home/me"),
        {
            "AIDER_CHAT_HISTORY_FILE": "~/notes/chat.md",
            "AIDER_ANALYTICS_LOG": "/var/log/aider.jsonl",
        },
    )

    trees = find(environ, home, ())

    assert [each.root for each in trees] == [home / "notes", Path("/var/log")]
    assert trees[0].place(("chat.md",)) is not None
    assert trees[0].place(("other.md",)) is None
    assert not trees[0].enters(("deeper",))
    assert find({"AIDER_CHAT_HISTORY_FILE": "chat.md"}, home, ()) == ()


def test_projects_below_a_root() -> None:
    one, two = find({}, Path("/home/me"), (Path("/src"), Path("/src/app")))
    name = ".aider.chat.history.md"

    place = one.place(("app", name))

    assert isinstance(place, Place)
    assert place == two.place((name,))
    assert place.cwd == "/src/app"
    assert place.session_id is not None
    assert place.session_id.startswith("app-")
    assert "/" not in place.session_id
    assert one.place(("lib", name)) != place
    assert one.place(("app", "notes.md")) is None
    assert one.place((*"abcdefgh", name)) is None
    assert one.enters(("app",))
    assert not [each for each in (".git", "node_modules") if one.enters(("app", each))]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("aider", ProcessRole.TALKS),
        ("/usr/bin/python3.11 /home/me/.local/bin/aider app.py", ProcessRole.TALKS),
        ("python -m aider --model m", ProcessRole.TALKS),
        ("python /opt/bin/aider --message Go", ProcessRole.ONCE),
        ("aider --message=Go", ProcessRole.ONCE),
        ("python app.py aider", None),
        ("vim aider.md", None),
        ("python", None),
        ("", None),
    ],
)
def test_commands_of_aider(command: str, expected: ProcessRole | None) -> None:
    assert role(command.split()) is expected


# In the daemon


def test_a_project_below_a_configured_root_is_read(tmp_path: Path) -> None:
    project, state = tmp_path / "src" / "app", tmp_path / "state"
    project.mkdir(parents=True)
    config = state / "config/jarvisd/config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(f'[agents.aider]\nroots = ["{tmp_path / "src"}"]\n')
    path = project / ".aider.chat.history.md"
    append(path, *history(MODEL))

    with started(tmp_path, state) as daemon:
        daemon.ask("sync")
        before_ms = time.time_ns() // 1_000_000
        append(path, *SENT[1:-1])
        daemon.ask("sync")
        (session,) = daemon.ask("sessions.list")["sessions"]
        assert session["cwd"] == str(project)
        assert session["state"]["state"] == "working"
        assert session["state"]["since_ms"] >= before_ms - 1_000

        append(path, TOKENS)
        daemon.ask("sync")
        (session,) = daemon.ask("sessions.list")["sessions"]
        (shown,) = daemon.ask("blocks.list")["blocks"]
        explained = daemon.ask("sessions.explain", session_id=session["session_id"])

    assert session["state"]["state"] == "idle"
    assert session["prompts"] == 1
    assert session["tokens_estimated"]
    assert shown["tokens_estimated"]
    assert session["model"] == "gpt-5.1"
    assert explained["tokens"] == explained["booked"] == session["tokens"]
