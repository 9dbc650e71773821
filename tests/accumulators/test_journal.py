from jarvisd.accumulators.journal import MAX_KEPT, Journal
from jarvisd.model.ids import SessionId
from jarvisd.model.state import State, Transition


def transition(session: str = "s", state: State = State.WORKING) -> Transition:
    return Transition(
        agent="claude", session_id=SessionId(session), at_ms=5, before=None, state=state
    )


def test_numbers_ascend_even_within_a_moment_and_when_the_clock_is_set_back() -> None:
    told: list[int] = []
    journal = Journal(last_number=900)
    journal.listen(lambda each: told.append(each.number))

    journal.add([transition(), transition()], 1_000)
    journal.add([transition()], 10)

    assert told == [1_000, 1_001, 1_002]
    assert journal.last_number == 1_002


def test_what_waits_is_what_was_not_stored_yet() -> None:
    journal = Journal()
    journal.add([transition("a"), transition("b")], 10)

    first = journal.waiting(but_of={("claude", SessionId("b"))})
    journal.stored(first)

    assert [each.session_id for each in first] == ["a"]
    assert [each.session_id for each in journal.waiting()] == ["b"]


def test_a_follower_finds_what_came_after_the_number_it_knows() -> None:
    journal = Journal(last_number=7)
    journal.add([transition() for _ in range(5)], 100)

    assert [each.number for each in journal.after(102)] == [103, 104]
    assert journal.after(104) == []
    assert journal.floor == 7


def test_of_many_the_newest_are_at_hand_and_the_floor_says_from_where() -> None:
    journal = Journal()
    journal.add([transition() for _ in range(MAX_KEPT + 10)], 1)

    assert len(journal.after(0)) == MAX_KEPT
    assert journal.floor == journal.after(0)[0].number
