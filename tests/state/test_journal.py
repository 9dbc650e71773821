from collections.abc import Iterable
from typing import NamedTuple, TypeVar

from jarvisd.base.ids import SessionId
from jarvisd.base.session_words import State
from jarvisd.core.feature import FlushOutcome
from jarvisd.state.journal import MAX_KEPT, Journal, TransitionMade, TransitionReported
from jarvisd.state.model import Transition

T = TypeVar("T")


def transition(session: str = "s", state: State = State.WORKING) -> Transition:
    return Transition(
        agent="claude", session_id=SessionId(session), at_ms=5, before=None, state=state
    )


def test_numbers_ascend_even_within_a_moment_and_when_the_clock_is_set_back() -> None:
    made: list[NamedTuple] = []
    journal = Journal(last_number=900, publish=made.append)

    journal.add([transition(), transition()], 1_000)
    journal.add([transition()], 10)

    assert numbers(each.transition for each in of(TransitionMade, made)) == [
        1_000,
        1_001,
        1_002,
    ]
    assert journal.last_number == 1_002


def of(kind: type[T], notices: Iterable[NamedTuple]) -> list[T]:
    return [each for each in notices if isinstance(each, kind)]


def told(notices: Iterable[NamedTuple]) -> list[tuple[int, bool]]:
    """Return the number of each transition that is announced, and whether it is stored."""
    announced = [each.transition for each in of(TransitionReported, notices)]
    return [(each.number, each.stored) for each in announced]


def store(journal: Journal, transitions: Iterable[Transition]) -> None:
    journal.settled(FlushOutcome.COMMITTED, transitions, None)


def numbers(transitions: Iterable[Transition]) -> list[int]:
    return [each.number for each in transitions]


def test_what_waits_is_what_was_not_stored_yet() -> None:
    journal = Journal()
    journal.add([transition("a"), transition("b")], 10)
    first = journal.waiting()
    journal.add([transition("c")], 20)

    store(journal, first)

    assert numbers(first) == [10, 11]
    assert numbers(journal.waiting()) == [20]
    assert journal.urgent_sessions() == {("claude", SessionId("c"))}


def test_followers_are_told_once_it_is_stored() -> None:
    notices: list[NamedTuple] = []
    journal = Journal(last_number=7, publish=notices.append)
    journal.add([transition(), transition()], 100)
    assert (told(notices), journal.reported_number, journal.after(0)) == ([], 7, [])

    store(journal, journal.waiting())

    assert told(notices) == [(100, True), (101, True)]
    assert journal.reported_number == 101
    assert journal.unstored() == []


def test_while_nothing_can_be_stored_they_are_told_at_once_and_once() -> None:
    notices: list[NamedTuple] = []
    journal = Journal(publish=notices.append)
    journal.add([transition()], 10)
    journal.delayed()
    journal.add([transition()], 20)

    assert told(notices) == [(10, False), (20, False)]
    assert numbers(journal.unstored()) == numbers(journal.waiting()) == [10, 20]

    store(journal, journal.waiting())
    journal.add([transition()], 30)
    assert told(notices) == [(10, False), (20, False)]
    store(journal, journal.waiting())
    assert told(notices)[2:] == [(30, True)]
    assert journal.unstored() == []


def test_a_follower_finds_what_came_after_the_number_it_knows() -> None:
    journal = Journal(last_number=7)
    journal.add([transition() for _ in range(5)], 100)
    store(journal, journal.waiting())

    assert [each.number for each in journal.after(102)] == [103, 104]
    assert journal.after(104) == []
    assert journal.floor == 7


def test_of_many_the_newest_are_at_hand_and_the_floor_says_from_where() -> None:
    journal = Journal()
    journal.add([transition() for _ in range(MAX_KEPT + 10)], 1)
    store(journal, journal.waiting())

    assert len(journal.after(0)) == MAX_KEPT
    assert journal.floor == journal.after(0)[0].number
