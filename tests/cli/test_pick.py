"""The picker: what is listed, what keys do, and what a person at a terminal sees."""

import pytest

from jarvisd.base.errors import EXIT_USAGE
from jarvisd.base.ids import SessionId
from jarvisd.base.session_words import State
from jarvisd.cli.jumping import JumpTarget, NowhereError
from jarvisd.cli.output.screen import MAX_READ
from jarvisd.cli.picking import Picker
from jarvisd.cli.watching import StatesFeed
from jarvisd.state.wire import LiveSession, StatesList
from tests.cli.conftest import Ctl, command
from tests.cli.fake_daemon import FakeDaemon, live_session
from tests.cli.terminal import Terminal

SESSIONS = [
    live_session("aaaa", state=State.WAITING_APPROVAL, pid=1),
    live_session("bbbb", state=State.IDLE, pid=2),
    live_session("cccc", state=State.WORKING, pid=3),
    live_session("aaaa/agent-1", parent_session_id=SessionId("aaaa"), pid=4),
    live_session("dddd", state=State.WORKING),
]


class Person:
    """Someone with a picker, and where they went."""

    def __init__(self, sessions: list[LiveSession]) -> None:
        self.went: list[str] = []
        self.trouble = ""
        self.feed = StatesFeed("/nowhere", StatesList())
        self.feed.sessions, self.feed.is_loaded = sessions, True
        self.picker = Picker(self.feed, self._go, colour=False)
        assert self.lines  # a person presses keys at what was painted

    def _go(self, wanted: JumpTarget) -> None:
        if self.trouble:
            raise NowhereError(self.trouble)

        self.went.append(wanted.session_id)

    @property
    def lines(self) -> list[str]:
        return self.picker.lines(columns=80, rows=24)


@pytest.mark.parametrize(
    ("keys", "went"),
    [
        pytest.param("\r", "aaaa", id="the most urgent is chosen"),
        pytest.param("\x1b[B\x1b[B\r", "cccc", id="arrows"),
        pytest.param("jjk\n", "bbbb", id="letters"),
        pytest.param("2", "bbbb", id="a number goes at once"),
        pytest.param("kk\r", "aaaa", id="not above the first"),
        pytest.param("jx?9\r", "bbbb", id="other keys do nothing"),
        pytest.param("Gk\r", "cccc", id="from the last"),
    ],
)
def test_keys(keys: str, went: str) -> None:
    person = Person(SESSIONS)

    person.picker.press(keys)

    assert (person.went, person.picker.ended) == ([went], True)


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param("\x1b[15~", id="F5"),
        pytest.param("\x1b[[A", id="F1 of the console"),
        pytest.param("\x1bO", id="an unfinished one"),
        pytest.param("\x1b[1;5", id="an unfinished one with numbers"),
        pytest.param("\x1b\x1b[D", id="Alt with an arrow"),
        pytest.param("\x1b1", id="Alt with a number"),
        pytest.param("\x1b[<0;1;2M", id="a mouse"),
        pytest.param("\x1b]11;rgb:1/2/3\x1b\\", id="what the terminal says of itself"),
        pytest.param("\x1bP1$r2m\x1b\\", id="its settings"),
        pytest.param("9", id="a number that no row has"),
    ],
)
def test_unknown_sequences_do_nothing(keys: str) -> None:
    person = Person(SESSIONS)

    person.picker.press(keys)

    assert (person.went, person.picker.ended) == ([], False)
    assert person.lines[1].startswith(">1")


def test_a_number_means_the_row_that_was_painted_with_it() -> None:
    later = live_session("0000", state=State.WAITING_APPROVAL, pid=9)
    person = Person(SESSIONS)
    person.feed.sessions = [later, *SESSIONS[1:]]

    person.picker.press("1")
    assert person.went == []
    assert [line.split()[0] for line in person.lines[1:5]] == [">2", "3", "4", "5"]

    person.picker.press("1")
    assert person.went == []
    person.picker.press("3")
    assert person.went == ["cccc"]


def test_rows_stay_where_they_are_while_states_change() -> None:
    person = Person(SESSIONS)
    person.feed.sessions = [
        live_session("cccc", state=State.WAITING_APPROVAL, pid=3),
        *SESSIONS[:2],
    ]

    assert "approval?" in person.lines[3]
    person.picker.press("3")
    assert person.went == ["cccc"]


@pytest.mark.parametrize("keys", ["q", "\x1b", "\x04", "jjq\r"])
def test_leaving_goes_nowhere(keys: str) -> None:
    person = Person(SESSIONS)

    person.picker.press(keys)

    assert (person.went, person.picker.ended) == ([], True)


def test_those_in_need_stand_first_and_subagents_in_their_parents() -> None:
    rows = [line.split() for line in Person(SESSIONS).lines[1:5]]

    assert [row[0] for row in rows] == [">1", "2", "3", "4"]
    assert "approval?" in rows[0]
    assert "idle?" in rows[1]


def test_the_choice_stays_when_the_list_changes() -> None:
    person = Person(SESSIONS[1:3])
    person.picker.press("j")
    person.feed.sessions = SESSIONS

    person.picker.press("\r")

    assert person.went == ["cccc"]


def test_where_going_fails_another_may_be_chosen() -> None:
    person = Person(SESSIONS)
    person.trouble = "it is in no pane"
    person.picker.press("1")
    assert person.lines[-1] == "it is in no pane"

    person.picker.press("4")
    why = (
        "no process of claude is known that works on `demo`: it may have ended, or "
        "several terminals may have it open, and nothing tells which"
    )
    assert " ".join(person.lines).endswith(why)
    assert all(len(each) <= 80 for each in person.lines)
    assert not person.picker.ended


def test_an_empty_list_says_so() -> None:
    person = Person([])

    person.picker.press("\rj1")

    assert person.lines[-1] == "no agent is running"


def test_a_long_list_shows_what_is_chosen() -> None:
    person = Person([live_session(f"s{number:03}", pid=1) for number in range(90)])

    person.picker.press("G")

    assert any(line.startswith(">90") for line in person.lines)
    assert len(person.lines) <= 24


def test_a_person_sees_it_and_leaves(
    environ: dict[str, str], daemon: FakeDaemon
) -> None:
    daemon.sessions = SESSIONS
    with Terminal(command("pick"), environ) as terminal:
        terminal.see("approval?")
        terminal.type(b"4")
        terminal.see("works on `demo")
        terminal.type(b"q")

        assert terminal.status() == 0
        assert terminal.is_restored()


def test_a_sequence_that_comes_in_pieces_does_not_close_it(
    environ: dict[str, str], daemon: FakeDaemon
) -> None:
    daemon.sessions = SESSIONS
    with Terminal(command("pick"), environ) as terminal:
        terminal.see("approval?")
        # So many are read at once.
        terminal.type(b"x" * (MAX_READ - 1) + b"\x1b[15~4")
        terminal.see("works on `demo")
        terminal.type(b"\x1b")

        assert terminal.status() == 0


def test_without_a_terminal_there_is_nothing_to_choose_on(
    ctl: Ctl, daemon: FakeDaemon
) -> None:
    assert ctl("pick").returncode == EXIT_USAGE
