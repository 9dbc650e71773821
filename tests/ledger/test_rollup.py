from jarvisd.base.usage import Tokens
from jarvisd.core.origin import SessionId
from jarvisd.ledger.model import QUARTER_MS, Cell, ResponseRow
from jarvisd.ledger.rollup import Rollup


def row(*, at_ms: int | None, session: str = "s1", model: str = "m") -> ResponseRow:
    return ResponseRow(
        key=1,
        agent="claude",
        session_id=SessionId(session),
        rank=0,
        start_ms=0,
        at_ms=at_ms,
        model=model,
        counts=Tokens(output=10),
    )


def filled(*rows: ResponseRow, cost: int | None = 7) -> Rollup:
    rollup = Rollup()
    for each in rows:
        rollup.count(each, each.tokens, cost)

    return rollup


def test_responses_of_a_quarter_share_a_cell_by_session_and_model() -> None:
    rollup = filled(
        row(at_ms=1),
        row(at_ms=QUARTER_MS - 1),
        row(at_ms=QUARTER_MS),
        row(at_ms=1, session="s2"),
        row(at_ms=1, model="other"),
    )

    assert [cell.responses for cell in rollup.cells()] == [2, 1, 1, 1]


def test_a_response_that_is_taken_away_leaves_nothing() -> None:
    rollup = filled(row(at_ms=1))
    rollup.count(row(at_ms=1), row(at_ms=1).tokens, 7, -1)

    assert [cell.responses for cell in rollup.take()] == [0]
    assert list(rollup.cells()) == []
    assert rollup.spent(0, QUARTER_MS)["claude"].cost_micros == 0


def test_cells_are_given_by_when_they_begin() -> None:
    rollup = filled(*(row(at_ms=number * QUARTER_MS) for number in range(1, 5)))

    found = rollup.cells(2 * QUARTER_MS, 4 * QUARTER_MS)

    assert [cell.start_ms // QUARTER_MS for cell in found] == [2, 3]


def test_undated_responses_are_in_no_time() -> None:
    rollup = filled(row(at_ms=None))

    assert len(list(rollup.cells())) == 1
    assert list(rollup.cells(1)) == []


def test_what_has_no_price_is_told_apart() -> None:
    rollup = filled(row(at_ms=5), cost=None)

    assert rollup.spent(0, 1)["claude"].unpriced == 1
    assert [cell.unpriced for cell in rollup.cells()] == [1]


def test_restored_cells_give_the_same_sums() -> None:
    rollup = filled(row(at_ms=1), row(at_ms=QUARTER_MS, session="s2"))
    again = Rollup()
    again.restore(rollup.take())

    assert list(again.cells()) == list(rollup.cells())
    assert again.spent(0, QUARTER_MS) == rollup.spent(0, QUARTER_MS)
    assert again.take() == ()


def test_what_was_not_stored_is_taken_again() -> None:
    rollup = filled(row(at_ms=1))
    taken = rollup.take()
    rollup.put_back(taken)

    assert rollup.take() == taken
    assert rollup.take() == ()


def test_a_cell_that_was_taken_does_not_change_any_more() -> None:
    rollup = filled(row(at_ms=1))
    (taken,) = rollup.take()
    rollup.count(row(at_ms=1), Tokens(), 7)

    assert isinstance(taken, Cell)
    assert taken.responses == 1
