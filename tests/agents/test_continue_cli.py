"""Continue: what its elements say, how its items are known, where its sessions are."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from jarvisd.agents.continue_cli.presence import role
from jarvisd.agents.continue_cli.shape import SESSION
from jarvisd.base.session_words import State
from jarvisd.base.usage import Tokens
from jarvisd.core.event import (
    Outcome,
    ToolReturned,
    UsageReported,
)
from jarvisd.core.origin import SessionId
from jarvisd.core.process import ProcessRole
from jarvisd.core.source import Item
from jarvisd.core.sources.document.document_source import DocumentSource
from tests.agents.found import AGENTS, fresh_reader
from tests.sources.document.counting import Counted, SteppedClock, drain
from tests.state.rig import Desk, ms

HOME = Path("/home/dev")
ID = "82b94b02-f8fd-4eda-90e6-4abdaa0738b3"


def user(text: str) -> dict[str, Any]:
    return {"message": {"role": "user", "content": text}}


def answer(
    text: str, *calls: tuple[str, str], prompt: int = 100, output: int = 10
) -> dict[str, Any]:
    """Return an answer with *calls*, each an id and a status."""
    usage = {"prompt_tokens": prompt, "completion_tokens": output, "model": "gpt-5.1"}
    states = [
        {
            "toolCallId": call_id,
            "status": status,
            "toolCall": {"id": call_id, "function": {"name": "Bash"}},
        }
        for call_id, status in calls
    ]
    message = {
        "role": "assistant",
        "content": text,
        "toolCalls": [{"id": call_id} for call_id, _ in calls],
        "usage": usage,
    }
    return {"message": message, "toolCallStates": states}


class Session:
    """A document on the disk, with a source and a reader behind it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / f"{ID}.json"
        self.clock = SteppedClock(unix_ms=time.time_ns() // 10**6 + 60_000)
        self.source = DocumentSource(str(self.path), SESSION, self.clock)
        self.reader = fresh_reader("continue_cli")
        self.counted = Counted()
        self.responses: dict[str, tuple[bool, Tokens]] = {}
        self.items: list[Item] = []

    def write(self, *history: dict[str, Any], totals: tuple[int, int] | None) -> None:
        """Write the document, and read what is new in it."""
        document: dict[str, Any] = {"title": "x", "history": list(history)}
        if totals is not None:
            document["usage"] = {
                "promptTokens": totals[0],
                "completionTokens": totals[1],
            }

        self.path.write_text(json.dumps(document, indent=2))
        before = len(self.counted.order)
        self.clock.now += 60
        drain(self.source, self.counted)
        for key in self.counted.order[before:]:
            text = self.counted.last[key]
            record = self.reader.read(text, offset=hash(key) & 0xFFFF_FFFF)
            assert record is not None
            for event in record.events:
                if isinstance(event, UsageReported):
                    assert event.response is not None
                    counts = not record.inherited
                    self.responses[event.response] = counts, event.tokens

    @property
    def total(self) -> tuple[int, int]:
        """Return the tokens of prompts and of output that count."""
        found = [tokens for counts, tokens in self.responses.values() if counts]
        return sum(each.prompt_total for each in found), sum(
            each.output for each in found
        )


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session(tmp_path)


ONE, TWO = answer("One.", prompt=100), answer("Two.", prompt=200)


def test_items_count_once_wherever_they_stand(session: Session) -> None:
    session.write(user("Go"), ONE, totals=(100, 10))
    session.write(user("Go"), ONE, user("On"), TWO, totals=(300, 20))
    assert session.total == (300, 20)

    session.write(user("On"), TWO, totals=(300, 20))  # the start was cut off
    assert session.total == (300, 20)

    # An answer like one that was cut off is known; the sums tell that it is another.
    session.write(user("On"), TWO, user("Go"), ONE, totals=(400, 30))
    assert session.total == (400, 30)


def test_equal_answers_are_two(session: Session) -> None:
    session.write(user("Go"), ONE, user("Go"), ONE, totals=(200, 20))

    assert session.total == (200, 20)


def test_what_the_sums_have_beyond_the_history_counts(session: Session) -> None:
    session.write(user("Go"), ONE, totals=(150, 17))
    assert session.total == (150, 17)

    session.write(user("Go"), ONE, user("On"), TWO, totals=(390, 37))
    assert session.total == (390, 37)


def test_sums_are_ahead_of_the_history_within_a_turn(session: Session) -> None:
    session.write(user("Go"), ONE, user("On"), totals=(300, 20))
    assert session.total == (100, 10)

    session.write(user("Go"), ONE, user("On"), TWO, totals=(300, 20))
    assert session.total == (300, 20)


def test_a_fork_counts_its_own_items(session: Session) -> None:
    session.write(user("Go"), ONE, totals=(0, 0))
    assert session.total == (0, 0)

    session.write(user("Go"), ONE, user("On"), TWO, totals=(200, 10))
    assert session.total == (200, 10)


def test_a_compaction_takes_nothing_back(session: Session) -> None:
    session.write(user("Go"), ONE, user("On"), TWO, totals=(300, 20))
    summary = {"message": {"role": "assistant", "content": "So far."}}
    session.write({**summary, "conversationSummary": "So far."}, totals=(360, 25))

    assert session.total == (360, 25)


def test_a_session_of_an_extension_has_no_sums(session: Session) -> None:
    session.write(user("Go"), ONE, totals=None)

    assert session.total == (100, 10)


@pytest.mark.parametrize(
    "document",
    [
        {"history": [7, None, "x", [], {}, {"message": 3}], "usage": 5},
        {"history": [{"message": {"role": "user"}}], "usage": {"promptTokens": "x"}},
        {"title": 7, "workspaceDirectory": []},
    ],
)
def test_strange_documents_are_read(session: Session, document: Any) -> None:
    session.path.write_text(json.dumps(document))
    session.clock.now += 60

    found = drain(session.source, Counted())

    assert found.fault is None
    for text in found.last.values():
        session.reader.read(text, offset=1)


# States


def told(desk: Desk, second: float, *items: dict[str, Any]) -> Desk:
    """Apply *items*, which were written at *second*; an item is known by its words."""
    stream = desk.stream(ID)
    reader = desk.readers.setdefault(
        SessionId(ID), fresh_reader("continue_cli", stream.ledger.origin)
    )
    for each in items:
        offset = hash(json.dumps(each["message"])) & 0xFFFF_FFFF
        record = reader.read(json.dumps(each).encode(), offset=offset)
        assert record is not None
        record = replace(record, at_ms=ms(second))
        desk.ledger.apply(stream, record)
        desk.states.apply(stream, record, live=True)

    desk.ledger.applied()
    return desk


def state(desk: Desk, second: float) -> tuple[State, str | None]:
    view = desk.at(second, ID)
    return view.state, view.tool


def test_a_dialog_is_open_while_the_first_call_is_only_generated() -> None:
    desk = told(Desk("continue_cli"), 1, user("Go"))
    assert state(desk, 2) == (State.WORKING, None)

    told(desk, 3, answer("x", ("c1", "generated"), ("c2", "generated")))
    assert state(desk, 60) == (State.WAITING_APPROVAL, "Bash")

    told(desk, 61, answer("x", ("c1", "calling"), ("c2", "generated")))
    assert state(desk, 62) == (State.WAITING_APPROVAL, "Bash")

    told(desk, 63, answer("x", ("c1", "done"), ("c2", "calling")))
    assert state(desk, 64) == (State.WORKING, "Bash")

    told(desk, 65, answer("x", ("c1", "done"), ("c2", "errored")), answer("Done."))
    assert state(desk, 66)[0] is State.IDLE


def test_an_older_item_that_comes_again_begins_no_turn() -> None:
    old = answer("x", ("c1", "done"))
    desk = told(Desk("continue_cli"), 1, user("Go"), old, answer("Done."))
    assert state(desk, 2)[0] is State.IDLE

    told(desk, 3, {**old, "contextItems": [1]})
    assert state(desk, 3.1)[0] is not State.WAITING_APPROVAL


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("done", Outcome.OK),
        ("errored", Outcome.ERROR),
        ("canceled", Outcome.DENIED),
        ("calling", None),
        ("generated", None),
        ("moon", None),
    ],
)
def test_how_a_call_came_back(status: str, outcome: Outcome | None) -> None:
    text = json.dumps(answer("x", ("c1", status))).encode()
    record = fresh_reader("continue_cli").read(text, offset=1)

    assert record is not None
    found = [each.outcome for each in record.events if isinstance(each, ToolReturned)]
    assert found == ([] if outcome is None else [outcome])


# Places and processes


@pytest.mark.parametrize(
    ("environ", "configured", "expected"),
    [
        pytest.param({}, (), ["/home/dev/.continue/sessions"], id="default"),
        pytest.param(
            {"CONTINUE_GLOBAL_DIR": "/a"}, (), ["/a/sessions"], id="the environment"
        ),
        pytest.param(
            {},
            ("/x", "/y/sessions"),
            ["/home/dev/.continue/sessions", "/x/sessions", "/y/sessions"],
            id="configured ones",
        ),
    ],
)
def test_roots(
    environ: dict[str, str], configured: tuple[str, ...], expected: list[str]
) -> None:
    trees = AGENTS["continue_cli"].roots(environ, HOME, tuple(map(Path, configured)))

    assert [str(each.root) for each in trees] == expected


@pytest.mark.parametrize(
    ("name", "is_session"),
    [
        (f"{ID}.json", True),
        ("sessions.json", False),
        (f"{ID} (1).json", False),
        (f"{ID}.sync-conflict.json", False),
    ],
)
def test_places(name: str, is_session: bool) -> None:
    (tree,) = AGENTS["continue_cli"].roots({}, HOME, ())
    place = tree.place((name,))

    assert (place is not None and place.session_id == ID) is is_session


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        pytest.param(["node", "/x/bin/cn"], ProcessRole.TALKS, id="terminal"),
        pytest.param(["node", "/x/cn.js", "-p", "Go"], ProcessRole.ONCE, id="print"),
        pytest.param(["node", "/x/bin/cn", "serve"], ProcessRole.SERVES, id="server"),
        pytest.param(["cn"], ProcessRole.TALKS, id="a program"),
        pytest.param(["node", "/x/other.js", "cn"], None, id="another script"),
        pytest.param([], None, id="nothing"),
    ],
)
def test_processes(argv: list[str], expected: ProcessRole | None) -> None:
    assert role(argv) is expected
