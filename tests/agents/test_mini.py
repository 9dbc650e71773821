"""mini-swe-agent: a trajectory that each run writes over, and what its elements say."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from jarvisd.agents.mini.presence import role
from jarvisd.agents.mini.shape import TRAJECTORY
from jarvisd.base.session_words import State
from jarvisd.base.usage import Tokens
from jarvisd.core.event import (
    ApiFailed,
    Event,
    Instructed,
    Interrupted,
    Outcome,
    PromptGiven,
    SessionClosed,
    ToolReturned,
    TurnEnded,
    UsageReported,
)
from jarvisd.core.origin import SessionId
from jarvisd.core.process import ProcessRole
from jarvisd.core.source import Budget, Item
from jarvisd.core.sources.document.document_source import DocumentSource
from tests.agents.found import AGENTS, fresh_reader, read_alone
from tests.sources.document.counting import SteppedClock
from tests.state.rig import Desk, ms

HOME = Path("/home/dev")


def answer(number: int, *, at: float, **usage: Any) -> dict[str, Any]:
    usage = usage or {"prompt_tokens": 100, "completion_tokens": 10}
    response = {"id": f"r{number}", "model": "gpt-5.1", "usage": usage}
    call = {"id": "c1", "function": {"name": "bash", "arguments": '{"command":"ls"}'}}
    extra = {"timestamp": at, "response": response, "cost": 0.5}
    return {"role": "assistant", "content": "x", "tool_calls": [call], "extra": extra}


def result(at: float, **extra: Any) -> dict[str, Any]:
    extra = {"returncode": 0, "timestamp": at, **extra}
    return {"role": "tool", "tool_call_id": "c1", "content": "", "extra": extra}


def task(text: str = "Tidy.") -> list[dict[str, Any]]:
    return [{"role": "system", "content": "Help."}, {"role": "user", "content": text}]


def exit_of(status: str) -> dict[str, Any]:
    return {"role": "exit", "content": "", "extra": {"exit_status": status}}


class Trajectory:
    """A trajectory on the disk, and the source that reads it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "last_mini_run.traj.json"
        self.clock = SteppedClock(unix_ms=time.time_ns() // 10**6 + 60_000)
        self.source = DocumentSource(str(self.path), TRAJECTORY, self.clock)

    def write(self, *messages: dict[str, Any], **info: Any) -> list[Item]:
        """Write the trajectory, and return the items that are new."""
        info = {"mini_version": "2.4.6", **info}
        text = json.dumps({"info": info, "messages": messages}, indent=2)
        self.path.write_text(text)
        self.clock.now += 60
        found: list[Item] = []
        while True:
            batch = self.source.read(Budget())
            found += batch.items
            self.source.applied(batch)
            if not batch.more:
                return found


@pytest.fixture
def trajectory(tmp_path: Path) -> Trajectory:
    return Trajectory(tmp_path)


def events(message: dict[str, Any]) -> tuple[Event, ...]:
    record = read_alone("mini", json.dumps(message).encode())
    assert record is not None
    return record.events


def test_a_step_adds_what_is_new(trajectory: Trajectory) -> None:
    assert trajectory.write(*task()) == []  # it has no name so far

    first = trajectory.write(*task(), answer(1, at=1e9), result(1e9 + 1))
    more = trajectory.write(
        *task(), answer(1, at=1e9), result(1e9 + 1), answer(2, at=1e9 + 2)
    )

    assert [each.ref.key.rpartition("/")[2] for each in first] == [
        "run",
        "0:system",
        "1:user",
        "2:assistant",
        "3:tool",
    ]
    assert [each.ref.key.rpartition("/")[2] for each in more] == ["4:assistant"]
    assert len({each.stream for each in (*first, *more)}) == 1


def test_the_next_run_is_another_session(trajectory: Trajectory) -> None:
    first = trajectory.write(*task(), answer(1, at=1e9), result(1e9 + 1))
    trajectory.write(*task())  # the next run, before its first response
    second = trajectory.write(*task(), answer(2, at=1.1e9), result(1.1e9 + 1))
    again = trajectory.write(*task(), answer(1, at=1e9), result(1e9 + 1))

    (one,), (two,) = {each.stream for each in first}, {each.stream for each in second}
    assert one != two
    assert one.startswith("20010909T014640-")
    assert not any(each.replaces for each in second)
    assert again == []  # a copy that was put back is known


def test_messages_without_a_time_have_that_of_others(trajectory: Trajectory) -> None:
    items = trajectory.write(
        *task(), answer(1, at=1e9), result(1e9 + 1), exit_of("Submitted")
    )
    reader = fresh_reader("mini")
    records = [reader.read(each.body, offset=1) for each in items]

    times = [None if each is None else each.at_ms for each in records]
    assert times == [None, 10**12, 10**12, 10**12, 10**12 + 1000, 10**12 + 1000]


def test_what_is_said_of_a_run_comes_again_only_if_it_changes(
    trajectory: Trajectory,
) -> None:
    step = [*task(), answer(1, at=1e9)]
    trajectory.write(*step, model_stats={"api_calls": 1})
    same = trajectory.write(*step, model_stats={"api_calls": 2})
    other = trajectory.write(*step, config={"agent": {"mode": "confirm"}})

    assert same == []
    assert [json.loads(each.body)["mode"] for each in other] == ["confirm"]


@pytest.mark.parametrize(
    "strange",
    [
        [7, None, "x", {}, {"role": 3}],
        [{"extra": {"timestamp": "x", "response": {"id": 5}}}],
        [{"extra": {"timestamp": 1e300, "response": {"id": "r"}}}],
    ],
)
def test_strange_messages_are_read(trajectory: Trajectory, strange: list[Any]) -> None:
    for each in trajectory.write(*strange, answer(1, at=1e9), config=7):
        fresh_reader("mini").read(each.body, offset=1)

    assert trajectory.source.read(Budget()).fault is None


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        pytest.param(
            {
                "prompt_tokens": 2131,
                "completion_tokens": 60,
                "prompt_tokens_details": {"cached_tokens": 2017},
                "completion_tokens_details": {"reasoning_tokens": 17},
            },
            Tokens(input=114, cache_read=2017, output=60, reasoning=17),
            id="OpenAI",
        ),
        pytest.param(
            {
                "prompt_tokens": 100,
                "completion_tokens": 5,
                "cache_read_input_tokens": 60,
                "cache_creation_input_tokens": 30,
            },
            Tokens(input=10, cache_read=60, cache_write_5m=30, output=5),
            id="Anthropic",
        ),
        pytest.param(
            {
                "prompt_tokens": 100,
                "completion_tokens": 5,
                "cache_read_input_tokens": 60,
                "prompt_tokens_details": {
                    "cached_tokens": 60,
                    "cache_creation_tokens": 30,
                },
            },
            Tokens(input=10, cache_read=60, cache_write_5m=30, output=5),
            id="both words for one number",
        ),
        pytest.param(
            {
                "prompt_tokens": 9,
                "completion_tokens": 5,
                "prompt_tokens_details": None,
                "completion_tokens_details": {"reasoning_tokens": None},
            },
            Tokens(input=9, output=5),
            id="nothing of a cache",
        ),
    ],
)
def test_usage(usage: dict[str, Any], tokens: Tokens) -> None:
    found = events(answer(1, at=1e9, **usage))[-1]

    assert isinstance(found, UsageReported)
    assert (found.tokens, found.response) == (tokens, "r1")
    assert found.stated_micros == 500_000


def test_an_answer_in_a_wrong_format_counts() -> None:
    wrong = answer(1, at=1e9)
    wrong |= {"role": "user", "tool_calls": None}
    wrong["extra"]["interrupt_type"] = "FormatError"

    assert [type(each) for each in events(wrong)] == [Instructed, UsageReported]


@pytest.mark.parametrize(
    ("extra", "outcome"),
    [
        pytest.param({"returncode": 0}, Outcome.OK, id="ok"),
        pytest.param({"returncode": 3}, Outcome.ERROR, id="failed"),
        pytest.param({"returncode": -9}, Outcome.ERROR, id="killed"),
        pytest.param(
            {"returncode": -1, "exception_info": "action was not executed"},
            Outcome.DENIED,
            id="not run",
        ),
    ],
)
def test_how_a_call_came_back(extra: dict[str, Any], outcome: Outcome) -> None:
    assert events(result(1e9, **extra)) == (
        ToolReturned(call_id="c1", outcome=outcome),
    )


@pytest.mark.parametrize(
    ("message", "kinds"),
    [
        pytest.param({}, [PromptGiven], id="the task"),
        pytest.param({"interrupt_type": "UserNewTask"}, [PromptGiven], id="another"),
        pytest.param(
            {"interrupt_type": "UserInterruption"},
            [Interrupted, PromptGiven],
            id="an interruption",
        ),
        pytest.param({"interrupt_type": "Other"}, [Instructed], id="of the program"),
    ],
)
def test_messages_in_the_name_of_a_user(
    message: dict[str, Any], kinds: list[type]
) -> None:
    found = events({"role": "user", "content": "x", "extra": message})

    assert [type(each) for each in found] == kinds


@pytest.mark.parametrize(
    ("status", "kinds"),
    [
        ("Submitted", [TurnEnded, SessionClosed]),
        ("LimitsExceeded", [Interrupted, TurnEnded, SessionClosed]),
        ("BadRequestError", [ApiFailed, TurnEnded, SessionClosed]),
    ],
)
def test_ends(status: str, kinds: list[type]) -> None:
    assert [type(each) for each in events(exit_of(status))] == kinds


def test_states_from_step_to_step() -> None:
    desk = Desk("mini")
    session = SessionId("20010909T014640-x")

    def told(*messages: dict[str, Any]) -> State:
        texts = [json.dumps(each).encode() for each in messages]
        desk.read(*texts, session=session)
        return desk.at(5, session).state

    user = {"role": "user", "content": "x", "written_at": ms(0) / 1000}
    last = exit_of("Submitted") | {"written_at": ms(4) / 1000}
    assert told(user, answer(1, at=ms(1) / 1000)) is State.WORKING
    assert told(result(ms(2) / 1000)) is State.WORKING
    assert told(last) is State.ENDED


@pytest.mark.parametrize(
    ("environ", "configured", "expected"),
    [
        pytest.param(
            {},
            ("/runs",),
            [
                "/home/dev/.config/mini-swe-agent",
                "/home/dev/Library/Application Support/mini-swe-agent",
                "/runs",
            ],
            id="default and configured",
        ),
        pytest.param(
            {"MSWEA_GLOBAL_CONFIG_DIR": "/a"}, (), ["/a"], id="the environment"
        ),
        pytest.param(
            {"XDG_CONFIG_HOME": "/x"},
            (),
            [
                "/x/mini-swe-agent",
                "/home/dev/Library/Application Support/mini-swe-agent",
            ],
            id="XDG",
        ),
    ],
)
def test_roots(
    environ: dict[str, str], configured: tuple[str, ...], expected: list[str]
) -> None:
    trees = AGENTS["mini"].roots(environ, HOME, tuple(map(Path, configured)))

    assert [str(each.root) for each in trees] == expected


@pytest.mark.parametrize(
    ("path", "is_log"),
    [
        ("last_mini_run.traj.json", True),
        ("batch/task-1/task-1.traj.json", True),
        ("batch/preds.json", False),
        (".env", False),
    ],
)
def test_places(path: str, is_log: bool) -> None:
    tree = AGENTS["mini"].roots({}, HOME, ())[0]

    assert (tree.place(tuple(path.split("/"))) is not None) is is_log


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        pytest.param(["python3", "/x/bin/mini"], ProcessRole.TALKS, id="terminal"),
        pytest.param(
            ["/x/python", "/x/bin/mini", "-y", "-t", "Go"], ProcessRole.ONCE, id="yolo"
        ),
        pytest.param(
            ["python", "-m", "minisweagent.run.mini"], ProcessRole.TALKS, id="module"
        ),
        pytest.param(["python", "x.py", "mini"], None, id="another script"),
        pytest.param([], None, id="nothing"),
    ],
)
def test_processes(argv: list[str], expected: ProcessRole | None) -> None:
    assert role(argv) is expected
